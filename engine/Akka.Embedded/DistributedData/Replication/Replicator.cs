using System.Security.Cryptography;
using Akka.Actor;
using Akka.Cluster;
using Akka.DistributedData.Serialization;
using Akka.Event;

namespace Akka.DistributedData.Replication;

/// <summary>
/// This node's replica of all values. What is updated here is sent to the others as deltas; gossip of digests finds what they miss
/// (Almeida et al. 2015, "Efficient state-based CRDTs by delta-mutation").
/// </summary>
internal sealed partial class Replicator : UntypedActor, IWithTimers
{
    internal const int DigestSize = 16;

    private readonly ReplicatorSettings _settings;
    private readonly Cluster.Cluster _cluster = Cluster.Cluster.Get(Context.System);
    private readonly ExtendedActorSystem _system = (ExtendedActorSystem)Context.System;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Dictionary<string, Entry> _entries = [];
    private readonly DeltaLog _deltas;

    public Replicator(ReplicatorSettings settings)
    {
        _settings = settings;
        _deltas = new DeltaLog(settings.MaxDeltaSize);
    }

    public ITimerScheduler Timers { get; set; }

    private UniqueAddress SelfNode => _cluster.SelfUniqueAddress;

    public static Props Props(ReplicatorSettings settings) => Actor.Props.Create<Replicator>(settings);

    protected override void PreStart()
    {
        _cluster.Subscribe(Self, ClusterEvent.InitialStateAsEvents, typeof(ClusterEvent.IMemberEvent), typeof(ClusterEvent.IReachabilityEvent));
        Every(_settings.GossipInterval, Tick.Gossip);
        Every(_settings.DeltaInterval, Tick.Deltas);
        Every(_settings.NotifySubscribersInterval, FlushChanges.Instance);
        if (_settings.PruningInterval > TimeSpan.Zero) Every(_settings.PruningInterval, Tick.Pruning);
    }

    protected override void PostStop() => _cluster.Unsubscribe(Self);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Get get: OnGet(get); break;
            case Update update: OnUpdate(update); break;
            case Delete delete: OnDelete(delete); break;
            case Subscribe subscribe: OnSubscribe(subscribe); break;
            case Unsubscribe unsubscribe: OnUnsubscribe(unsubscribe); break;
            case FlushChanges: OnFlushChanges(); break;
            case GetKeyIds: Sender.Tell(new GetKeysIdsResult([.. _entries.Where(entry => !entry.Value.Envelope.IsDeleted).Select(entry => entry.Key)])); break;
            case GetReplicaCount: Sender.Tell(new ReplicaCount(_nodes.Count + 1)); break;
            case ReplicaMessage fromReplica: OnReplicaMessage(fromReplica); break;
            case OperationTimer timer: OnOperationTimer(timer); break;
            case Tick.Gossip: OnGossipTick(); break;
            case Tick.Deltas: OnDeltaTick(); break;
            case Tick.Pruning: OnPruningTick(); break;
            case ClusterEvent.IMemberEvent member: OnMember(member); break;
            case ClusterEvent.ReachabilityEvent reachability: OnReachability(reachability); break;
            case Terminated terminated: OnTerminated(terminated.ActorRef); break;
            default: Unhandled(message); break;
        }
    }

    private void OnReplicaMessage(ReplicaMessage message)
    {
        // A node that was restarted at the same address may be spoken to by replicas of a cluster it is not in.
        if (!IsKnown(message.From)) return;
        switch (message)
        {
            case Digests digests: OnDigests(digests); break;
            case Wanted wanted: SendValues(wanted.From, wanted.Keys, sendBack: false); break;
            case GossipValues gossip: OnGossip(gossip); break;
            case DeltaPropagation propagation: OnDeltas(propagation); break;
            case ReadRequest read: Sender.Tell(new ReadResult(SelfNode, read.Operation, EnvelopeOf(read.Key))); break;
            case WriteRequest write: Answer(write.Operation, Store(write.Key, write.Envelope)); break;
            case ReadResult result: OnReadResult(result); break;
            case WriteResult result: OnWriteResult(result); break;
        }
    }

    private void OnGet(Get get)
    {
        var envelope = EnvelopeOf(get.Key.Id);
        if (OthersNeeded(get.Consistency) is var needed and > 0)
            Start(new ReadOperation(get, envelope), needed, get.Consistency.Timeout, NodesFor(get.Consistency is ReadAll), inOrder: false);
        else
            Sender.Tell(ReadOperation.Answer(get, envelope));
    }

    private void OnUpdate(Update update)
    {
        string key = update.Key.Id;
        var before = EnvelopeOf(key);
        if (before is { IsDeleted: true })
        {
            Sender.Tell(new DataDeleted(update.Key, update.Request));
            return;
        }

        IReplicatedData changed;
        DataEnvelope after;
        try
        {
            changed = update.Modify(before?.Data);
            var whole = new DataEnvelope(changed is IDeltaReplicatedData keeper ? keeper.ResetDelta() : changed);
            // Merging a value with what it was made from costs its whole size, and changes nothing.
            bool isDerived = before is { Pruning.IsEmpty: true } && changed is IDerivedData derived && derived.IsDerivedFrom(before.Data);
            after = before is null ? whole : isDerived ? before with { Data = whole.Data } : before.Merge(whole);
        }
        catch (Exception cause)
        {
            Sender.Tell(new ModifyFailure(update.Key, $"Update failed: {cause.Message}", cause, update.Request));
            return;
        }

        IReplicatedDelta delta = null;
        if (_settings.IsDeltaEnabled && changed is IDeltaReplicatedData withDelta) _deltas.Add(key, delta = withDelta.Delta);
        after = Set(key, after);
        if (OthersNeeded(update.Consistency) is var needed and > 0)
        {
            bool causal = delta is IRequireCausualDeliveryOfDeltas;
            var write = new WriteOperation(update.Key, update.Request, delta is null || causal ? after : after with { Data = delta })
            {
                Delta = causal ? new Delta(key, after with { Data = delta }, _deltas.VersionOf(key), _deltas.VersionOf(key)) : null,
            };
            // Deltas go to the same nodes in the same order each time: a node that is left out once would miss the next.
            Start(write, needed, update.Consistency.Timeout, NodesFor(update.Consistency is WriteAll), inOrder: causal);
        }
        else
        {
            Sender.Tell(new UpdateSuccess(update.Key, update.Request));
        }
    }

    private void OnDelete(Delete delete)
    {
        if (EnvelopeOf(delete.Key.Id) is { IsDeleted: true })
        {
            Sender.Tell(new DataDeleted(delete.Key, delete.Request));
            return;
        }

        Set(delete.Key.Id, DataEnvelope.Deleted);
        if (OthersNeeded(delete.Consistency) is var needed and > 0)
        {
            var write = new WriteOperation(delete.Key, delete.Request, DataEnvelope.Deleted);
            Start(write, needed, delete.Consistency.Timeout, NodesFor(delete.Consistency is WriteAll), inOrder: false);
        }
        else
        {
            Sender.Tell(new DeleteSuccess(delete.Key, delete.Request));
        }
    }

    /// <summary>Merges what another replica has sent.</summary>
    private WriteOutcome Store(string key, DataEnvelope envelope)
    {
        DataEnvelope before = EnvelopeOf(key), after;
        try
        {
            after = before is null ? envelope.Whole() : before.Merge(envelope);
        }
        catch (Exception cause)
        {
            // Of another type, or the type's own merge has failed: the other values here must not be lost for it.
            _log.Warning(cause, "Couldn't merge [{0}]: {1}", key, cause.Message);
            return WriteOutcome.Refused;
        }

        Set(key, after.AddSeen(SelfNode.Address));
        return WriteOutcome.Stored;
    }

    private DataEnvelope Set(string key, DataEnvelope envelope)
    {
        if (_deltas.VersionOf(key) is var version and > 0 && !envelope.IsDeleted)
            envelope = envelope with { DeltaVersions = envelope.DeltaVersions.Merge(VersionVector.Create(SelfNode, version)) };
        var before = _entries.GetValueOrDefault(key);
        var after = _entries[key] = new Entry(envelope);
        if (_subscriptions.TryGetValue(key, out Subscription subscription) && !subscription.HasChanged)
            subscription.HasChanged = before is null || !DigestOf(before).AsSpan().SequenceEqual(DigestOf(after));
        if (envelope.IsDeleted) _deltas.Forget(key);
        return envelope;
    }

    private DataEnvelope EnvelopeOf(string key) => _entries.GetValueOrDefault(key)?.Envelope;

    private byte[] DigestOf(Entry entry) =>
        entry.Digest ??= SHA256.HashData(ReplicatorMessageSerializer.Canonical(entry.Envelope, _system))[..DigestSize];

    private void Every(TimeSpan interval, object tick) => Timers.StartPeriodicTimer(tick, tick, interval);

    private ActorSelection ReplicaAt(Address node) => Context.ActorSelection(Self.Path.ToStringWithAddress(node));

    private sealed class Entry(DataEnvelope envelope)
    {
        public DataEnvelope Envelope { get; } = envelope;

        /// <summary>See <see cref="DigestOf"/>; null until it is needed.</summary>
        public byte[] Digest { get; set; }
    }

    private enum Tick
    {
        Gossip,
        Deltas,
        Pruning,
    }
}
