using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Faults;

/// <summary>
/// Faults put on purpose on what this node's replicas, routers and multiplexer send to other nodes. It stands in front of
/// Akka.NET's references, so heartbeats and gossip of Akka.Cluster are not touched. A node without it knows nothing of it.
/// Thread-safe.
/// </summary>
public sealed class LinkFaults
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ReplicaId, FaultyLink> _links = [];
    private volatile LinkFault[] _faults = [];

    /// <summary>Those that have not ended.</summary>
    public IReadOnlyList<LinkFault> Active
    {
        get
        {
            long now = Environment.TickCount64;
            return [.. _faults.Where(fault => now < fault.Ends)];
        }
    }

    /// <summary>Puts a fault in force, in place of one of the same kind on the same link.</summary>
    /// <exception cref="ArgumentException">It makes no sense.</exception>
    public void Set(LinkFault fault)
    {
        if (fault.Kind == LinkFaultKind.Drop && fault.Probability is not (> 0 and <= 1))
            throw new ArgumentException($"the probability is {fault.Probability}; it must be above 0 and at most 1");
        if (fault.Kind == LinkFaultKind.Delay && (fault.Delay < TimeSpan.Zero || fault.Jitter < TimeSpan.Zero || fault.Jitter > fault.Delay))
            throw new ArgumentException($"the delay is {fault.Delay} and its jitter {fault.Jitter}; neither may be below 0, nor the jitter above the delay");
        lock (_gate)
            _faults = [.. _faults.Where(other => other.Kind != fault.Kind || other.To != fault.To), fault];
    }

    /// <summary>Ends all of them. What is delayed already leaves when it was to.</summary>
    public void Clear()
    {
        lock (_gate)
            _faults = [];
    }

    /// <summary>A reference to an actor of another node, with the faults of the link to that node in front.</summary>
    internal ICanTell Over(ReplicaId node, ICanTell actor)
    {
        lock (_gate)
        {
            if (!_links.TryGetValue(node, out FaultyLink? link))
                _links.Add(node, link = new FaultyLink(this, node));
            return new FaultyRef(link, actor);
        }
    }

    /// <summary>What becomes of one message: null, it is lost; else how many ms it is held.</summary>
    internal long? Judge(ReplicaId to)
    {
        long held = 0;
        long now = Environment.TickCount64;
        foreach (LinkFault fault in _faults)
        {
            if (!fault.Concerns(to, now))
                continue;
            if (fault.Kind == LinkFaultKind.Cut || fault.Kind == LinkFaultKind.Drop && Random.Shared.NextDouble() < fault.Probability)
                return null;
            held += (long)(fault.Delay + fault.Jitter * (2 * Random.Shared.NextDouble() - 1)).TotalMilliseconds;
        }

        return held;
    }

    private sealed class FaultyRef(FaultyLink link, ICanTell actor) : ICanTell
    {
        public void Tell(object message, IActorRef sender) => link.Send(actor, message, sender);
    }
}
