using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Multiplex;

/// <summary>
/// One for each node: the beats of all its replicas leave in one bundle for each other node, and one silence, one restart
/// and one stopped replica are noticed here for all shards, so that idle replicas need no timers (the model is
/// CockroachDB's coalesced heartbeats and node liveness). Pure: time and messages come in by calls.
/// </summary>
public sealed class NodeMultiplexer
{
    private readonly SortedDictionary<ReplicaId, NodeLink> _links = [];
    private readonly HashSet<ShardKey> _running = [];
    private readonly ReplicaId _self;
    private readonly long _incarnation;
    private readonly MultiplexerOptions _options;
    private readonly IMultiplexerHost _host;
    private long _lastTick;

    /// <param name="incarnation">Another one for each start of the node; not 0.</param>
    public NodeMultiplexer(ReplicaId self, long incarnation, MultiplexerOptions options, IMultiplexerHost host, long now)
    {
        Invariant.That(incarnation != 0, "0 means that no incarnation was heard");
        _self = self;
        _incarnation = incarnation;
        _options = options.Validate();
        _host = host;
        _lastTick = now;
    }

    /// <summary>Another node of the cluster: it is told of this one and watched from now on.</summary>
    public void Watch(ReplicaId node)
    {
        if (node != _self)
            Link(node);
    }

    /// <summary>A node has left the cluster for good.</summary>
    public void Forget(ReplicaId node) => _links.Remove(node);

    public bool IsBelievedDown(ReplicaId node) => _links.TryGetValue(node, out NodeLink? link) && link.IsDown;

    /// <summary>A replica of this node runs: it is told now whom of the others it cannot count on.</summary>
    public void Started(ShardKey shard)
    {
        _running.Add(shard);
        foreach (NodeLink link in _links.Values)
            link.Started(shard);
    }

    /// <summary>A replica of this node has stopped: the others are told until they have heard it.</summary>
    public void Stopped(ShardKey shard)
    {
        if (!_running.Remove(shard))
            return;
        foreach (NodeLink link in _links.Values)
            link.Stopped(shard);
    }

    /// <summary>Takes a beat along with the next bundle.</summary>
    public void Beat(ReplicaId to, ShardKey shard, PeerMessage message) => Link(to).Beat(new ShardBeat(shard, message));

    /// <summary>Sends what has gathered. The host calls it soon after each call that may have added something.</summary>
    public void Flush()
    {
        foreach (NodeLink link in _links.Values)
            link.Flush(force: false);
    }

    /// <summary>To be called about every <see cref="MultiplexerOptions.BeatMicros"/>; later is no harm.</summary>
    public void Tick(long now)
    {
        long passed = Math.Clamp(now - _lastTick, 0, 2 * _options.BeatMicros);
        _lastTick = now;
        foreach (NodeLink link in _links.Values)
            link.Tick(passed);
    }

    public void Receive(NodeBundle bundle)
    {
        if (bundle.From != _self)
            Link(bundle.From).Receive(bundle);
    }

    /// <summary>The transport or the cluster believes a node down. It counts as down until it is heard again.</summary>
    public void Doubt(ReplicaId node)
    {
        if (node != _self)
            Link(node).Doubt();
    }

    private NodeLink Link(ReplicaId node)
    {
        if (!_links.TryGetValue(node, out NodeLink? link))
            _links.Add(node, link = new NodeLink(_self, node, _incarnation, _options, _host));
        return link;
    }
}
