using System.Security.Cryptography;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Supervision;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using Akka.Actor;
using Akka.Event;
using Akka.Persistence;

namespace ActorRepl.Actors.Replica;

/// <summary>
/// Runs one replica of one shard: recovers it from journal and snapshot store, then is the <see cref="IReplicaHost"/> of
/// its driver. It knows protocols only as <see cref="IProtocol"/>. It never restarts: whatever fails stops it, and its
/// supervisor makes a new one.
/// </summary>
internal sealed partial class ReplicaActor : UntypedPersistentActor, IReplicaHost
{
    // Status is a fresh object each time it is read; often enough for routers, seldom enough to cost nothing.
    private const long StatusIntervalMicros = 2 * Instant.Millisecond;

    private readonly ReplicaContext _context;
    private readonly ReplicaClock _clock;
    private readonly ReplicaTimers _timers;
    private readonly RequestTable _requests;
    private readonly Dictionary<ReplicaId, ICanTell> _peers = [];
    private readonly IActorRef _self;
    private readonly IActorRef _supervisor;
    private readonly EventStream _events;
    private readonly ILoggingAdapter _log;
    private readonly ReplicaObserver _observer;

    private IStateMachine? _machine;
    private ReplicaDriver? _driver;
    private ReplicaStatus? _published;
    private long _statusAt;
    private bool _flushing;

    // What is sent now need not be quick: it was a timer, or a beat, that led to it.
    private bool _atABeat;

    public ReplicaActor(ReplicaContext context)
    {
        _context = context;
        _clock = new ReplicaClock(context.Settings.Replica.WallClockError);
        _requests = new RequestTable(context.Group.Name, context.Shard, context.Self, context.Settings.Limits, context.Locator);
        _self = Self;
        _supervisor = Context.Parent;
        _events = Context.System.EventStream;
        _log = Context.GetLogger();
        _observer = new ReplicaObserver(context.Group.Name, context.Shard, context.Self);
        _timers = new ReplicaTimers(Context.System.Scheduler, _self);
        _writing = new List<Unwritten>(context.Settings.Replica.MaxWriteRecords);
        _onWritten = OnWritten;
        PersistenceId = context.PersistenceId;
        if (context.Settings.JournalPlugin.Length > 0)
            JournalPluginId = context.Settings.JournalPlugin;
        if (context.Settings.SnapshotPlugin.Length > 0)
            SnapshotPluginId = context.Settings.SnapshotPlugin;
        foreach (ReplicaId peer in context.FirstReplicas.Where(id => id != context.Self))
            _ = FindPeer(peer);
    }

    public override string PersistenceId { get; }

    public Instant Now => _clock.Now;

    public static Props Props(ReplicaContext context) =>
        Akka.Actor.Props.Create(() => new ReplicaActor(context)).WithDispatcher(context.Settings.Dispatcher);

    protected override void OnCommand(object message)
    {
        if (_driver is null)
            OnCommandWhileLoading(message);
        else
            OnCommand(_driver, message);
    }

    protected override void PostStop()
    {
        _timers.CancelAll();
        _observer.Stop();
        _context.Views?.Leave(ViewKey, _self);
        var why = new Rejection(RejectReason.Unavailable, Detail: $"the replica on {_context.Self} stopped");
        _driver?.RejectQueued(why);
        _requests.RejectAll(why with { OutcomeUnknown = true });
        _requests.SendReplies(_self);
        base.PostStop();
    }

    private void OnCommand(ReplicaDriver driver, object message)
    {
        switch (message)
        {
            case RequestBatch batch:
                Take(driver, batch);
                break;
            case PeerEnvelope envelope:
                Receive(driver, envelope);
                break;
            case FlushRequests:
                _flushing = false;
                driver.Flush();
                break;
            case TimerWake wake when _timers.RanOut(wake, ReplicaClock.Monotonic, out long generation):
                _atABeat = true;
                driver.TimerFired(wake.Timer, generation);
                _atABeat = false;
                break;
            case TimerWake:
                return;
            case RetryWrite:
                RetryWriting();
                return;
            case CheckpointWritten written:
                OnCheckpointWritten(driver, written);
                break;
            case CheckpointNotWritten failed:
                OnCheckpointNotWritten(driver, failed);
                break;
            case SegmentRead read:
                driver.SegmentLoaded(read.Ticket, read.Bytes);
                break;
            case ReadBackDone range:
                driver.RangeLoaded(range.First, range.Batches);
                break;
            case BundledBeat beat:
                _atABeat = true;
                Receive(driver, beat.From, PeerChannel.Protocol, beat.Message);
                _atABeat = false;
                break;
            case ViewInForce view:
                OnViewInForce(driver, view);
                break;
            case ViewAnswer answer:
                OnViewAnswer(driver, answer);
                break;
            case ProposalOutcome outcome:
                OnProposalOutcome(driver, outcome);
                break;
            case PeerChanged peer:
                driver.Handle(new Input.PeerHint(peer.Node, peer.Up, peer.OnlySilent));
                break;
            case NodeChanged changed:
                _peers.Remove(changed.Node.Id);
                TellPlaces(driver);
                break;
            case GetReplicaStatus:
                Sender.Tell(Describe(driver.Status), _self);
                return;
            case FreezeShard freeze:
                OnFreeze(driver, freeze);
                return;
            case ArmChecksum arm:
                OnArmChecksum(driver, arm);
                return;
            case GetChecksum get:
                OnGetChecksum(driver, get);
                return;
            case ShardChecksum taken:
                OnChecksumTaken(taken);
                return;
            case ForgetChecksum forget:
                OnForgetChecksum(driver, forget.Mark);
                return;
            case HandOverLeadership:
                driver.Handle(new Input.HandOver(ReplicaId.None));
                break;
            default:
                Unhandled(message);
                return;
        }

        EndTurn(driver);
    }

    /// <summary>After every input: answers go out, the next write starts, requests that can go on do.</summary>
    private void EndTurn(ReplicaDriver driver)
    {
        _lastSent = null;
        _requests.SendReplies(_self, driver.Applied);
        StartWriting();
        if (!_flushing && driver.CanFlush)
        {
            _flushing = true;
            _self.Tell(FlushRequests.Instance, ActorRefs.NoSender);
        }

        PublishStatus(driver);
    }

    private void Start(RecoveredState recovered, IReadOnlyList<ReadOnlyMemory<byte>> segments)
    {
        if (recovered.Damage is { } damage)
            Report($"storage is damaged: {damage}");
        Span<byte> seed = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(seed);
        IProtocol protocol = _context.Group.Protocol.Create(_context.Self, _context.FirstReplicas, BitConverter.ToUInt64(seed), _context.Hosted.Joined);
        _machine = _context.Group.Protocol.IsLeaderless ? _context.Group.Machine() : new SessionMachine(_context.Group.Machine(), _context.Group.Sessions, _context.Group.Apply);
        _driver = new ReplicaDriver(protocol, _machine, this, _context.Group.Driver);
        _lastLsn = recovered.LastLsn;
        _driver.Start(recovered, segments);
        _events.Subscribe(_self, typeof(NodeChanged));
        _supervisor.Tell(new ReplicaReady(recovered.Damage), _self);
        _context.Views?.Follow(ViewKey, _self);
        TellPlaces(_driver);
        EndTurn(_driver);
    }

    private void TellPlaces(ReplicaDriver driver)
    {
        IReadOnlyList<NodeInfo> nodes = _context.Locator.Nodes.Nodes;
        if (nodes.Any(node => node.Region.Length > 0))
            driver.Handle(new Input.Places(nodes.ToDictionary(node => node.Id, node => node.Region)));
    }

    private void Take(ReplicaDriver driver, RequestBatch batch)
    {
        Invariant.That(batch.Group == _context.Group.Name && batch.Shard == _context.Shard, "requests come to the shard they are for");
        long now = ReplicaClock.Monotonic;
        RequestTable.Origin origin = _requests.From(Sender);
        foreach (ref readonly RoutedRequest request in batch.Requests.AsSpan())
        {
            long id = _requests.Add(origin, request.Id);
            driver.Enqueue(new ClientRequest(id, request.Kind, request.Payload, now + request.RemainingMillis * Instant.Millisecond)
            {
                MaxStaleness = Math.Max(0, request.MaxStalenessMillis) * Instant.Millisecond,
                AtLeast = request.AtLeast,
                Concern = request.Concern,
                Level = request.Level,
            });
        }
    }

    private void Receive(ReplicaDriver driver, PeerEnvelope envelope)
    {
        if (envelope.Group != _context.Group.Name || envelope.Shard != _context.Shard || FindPeer(envelope.From) is null)
        {
            _log.Warning("a message for {0}/{1} from {2} came to {3}", envelope.Group, envelope.Shard, envelope.From, _context);
            return;
        }

        Receive(driver, envelope.From, envelope.Channel, envelope.Bytes);
    }

    private void Receive(ReplicaDriver driver, ReplicaId from, PeerChannel channel, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            driver.Receive(from, channel, bytes);
        }
        catch (InvalidDataException problem)
        {
            _log.Warning("{0} passes over a message from {1}: {2}", _context, from, problem.Message);
        }
    }

    private void PublishStatus(ReplicaDriver driver)
    {
        long now = ReplicaClock.Monotonic;
        if (_published is not null && now - _statusAt < StatusIntervalMicros)
            return;
        _statusAt = now;
        ReplicaStatus status = driver.Status;
        _observer.Observe(status, now);
        if (_published is { } last && last.Term == status.Term && last.Leader == status.Leader && last.Role == status.Role && last.Voter == status.Voter)
            return;
        _published = status;
        _events.Publish(new ReplicaStatusChanged(Describe(status)));
    }

    private ReplicaReport Describe(ReplicaStatus status) => new(
        _context.Group.Name, _context.Shard, _context.Self, _blocked ? ReplicaHealth.StorageFull : ReplicaHealth.Running, status)
    {
        StateBytes = _machine!.ApproximateBytes,
        Starts = _context.Start,
        Lags = _observer.Lags,
    };
}
