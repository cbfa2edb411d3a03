using System.Security.Cryptography;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Replica;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Multiplex;
using Akka.Actor;

namespace ActorRepl.Actors.Supervision;

/// <summary>
/// This node's <see cref="NodeMultiplexer"/>: carries the beats of all replicas here, and is the only one to tell them, and
/// the routers, which nodes are down and up again.
/// </summary>
internal sealed class MultiplexerActor : UntypedActor, IMultiplexerHost
{
    private readonly ReplicationSettings _settings;
    private readonly NodeLocator _locator;
    private readonly NodeMultiplexer _multiplexer;
    private readonly Dictionary<ShardKey, IActorRef> _replicas = [];
    private readonly Dictionary<ReplicaId, ICanTell?> _nodes = [];
    private readonly ICancelable _ticks;
    private readonly IActorRef _self;
    private bool _flushing;

    public MultiplexerActor(ReplicationSettings settings, NodeLocator locator)
    {
        _settings = settings;
        _locator = locator;
        _self = Self;
        _multiplexer = new NodeMultiplexer(settings.Self, NewIncarnation(), settings.Multiplexer, this, ReplicaClock.Monotonic);
        foreach (NodeInfo node in locator.Nodes.Nodes)
            _multiplexer.Watch(node.Id);
        TimeSpan beat = TimeSpan.FromMicroseconds(settings.Multiplexer.BeatMicros);
        _ticks = Context.System.Scheduler.ScheduleTellRepeatedlyCancelable(beat, beat, _self, Tick.Instance, ActorRefs.NoSender);
    }

    // Where cluster heartbeats run too: what says that a node is there must not wait behind a thousand replicas.
    public static Props Props(ReplicationSettings settings, NodeLocator locator) =>
        Akka.Actor.Props.Create(() => new MultiplexerActor(settings, locator)).WithDispatcher("akka.actor.internal-dispatcher");

    protected override void PreStart() => Context.System.EventStream.Subscribe(_self, typeof(NodeChanged));

    protected override void PostStop()
    {
        _ticks.Cancel();
        Context.System.EventStream.Unsubscribe(_self);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ReplicaBeat beat:
                _multiplexer.Beat(beat.To, beat.Shard, beat.Message);
                break;
            case NodeBundle bundle when _locator.Nodes.Find(bundle.From) is not null:
                _multiplexer.Receive(bundle);
                break;
            case Flush:
                _flushing = false;
                _multiplexer.Flush();
                return;
            case Tick:
                _multiplexer.Tick(ReplicaClock.Monotonic);
                return;
            case ReplicaRuns runs:
                _replicas[runs.Shard] = runs.Replica;
                _multiplexer.Started(runs.Shard);
                break;
            case ReplicaRunsNoMore stopped:
                _replicas.Remove(stopped.Shard);
                _multiplexer.Stopped(stopped.Shard);
                break;
            case NodeDoubted doubted:
                _multiplexer.Doubt(doubted.Node);
                return;
            case NodeChanged changed:
                _nodes.Remove(changed.Node.Id);
                _multiplexer.Watch(changed.Node.Id);
                return;
            default:
                Unhandled(message);
                return;
        }

        // Whatever else is in the mailbox by now goes along.
        if (_flushing)
            return;
        _flushing = true;
        _self.Tell(Flush.Instance, ActorRefs.NoSender);
    }

    public void Send(ReplicaId to, NodeBundle bundle)
    {
        if (!_nodes.TryGetValue(to, out ICanTell? node))
            _nodes.Add(to, node = _locator.Multiplexer(to));
        MultiplexerMeter.Bundles.Add(1);
        MultiplexerMeter.Beats.Add(bundle.Beats.Count);
        node?.Tell(bundle, ActorRefs.NoSender);
    }

    public void Deliver(ShardKey shard, ReplicaId from, ReadOnlyMemory<byte> message)
    {
        if (_replicas.TryGetValue(shard, out IActorRef? replica))
            replica.Tell(new BundledBeat(from, message), ActorRefs.NoSender);
    }

    public void Hint(ReplicaId node, bool up, bool onlySilent)
    {
        var changed = new PeerChanged(node, up) { OnlySilent = onlySilent };
        foreach (IActorRef replica in _replicas.Values)
            replica.Tell(changed, ActorRefs.NoSender);
        if (!onlySilent)
            Context.System.EventStream.Publish(changed);
    }

    public void Hint(ShardKey shard, ReplicaId node, bool up, bool onlySilent)
    {
        if (_replicas.TryGetValue(shard, out IActorRef? replica))
            replica.Tell(new PeerChanged(node, up) { OnlySilent = onlySilent }, ActorRefs.NoSender);
    }

    private static long NewIncarnation()
    {
        Span<byte> random = stackalloc byte[sizeof(long)];
        RandomNumberGenerator.Fill(random);
        return BitConverter.ToInt64(random) | 1;
    }

    private sealed class Tick
    {
        public static readonly Tick Instance = new();
    }

    private sealed class Flush
    {
        public static readonly Flush Instance = new();
    }
}

/// <summary>To the multiplexer of this node: a beat of one of its replicas for another node's.</summary>
internal sealed record ReplicaBeat(ReplicaId To, ShardKey Shard, PeerMessage Message);

/// <summary>From the multiplexer to a replica: a beat that came in a bundle.</summary>
internal sealed record BundledBeat(ReplicaId From, ReadOnlyMemory<byte> Message);

/// <summary>To the multiplexer of this node: a replica has recovered and takes part from now on.</summary>
internal sealed record ReplicaRuns(ShardKey Shard, IActorRef Replica);

/// <summary>To the multiplexer of this node: a replica has stopped.</summary>
internal sealed record ReplicaRunsNoMore(ShardKey Shard);

/// <summary>To the multiplexer of this node: the transport or the cluster believes a node down.</summary>
internal sealed record NodeDoubted(ReplicaId Node);
