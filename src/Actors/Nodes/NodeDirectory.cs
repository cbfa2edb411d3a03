using System.Collections.Immutable;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Nodes;

/// <summary>The nodes this node knows, by number: those it was started with, and those it has heard of since. Thread-safe.</summary>
public sealed class NodeDirectory
{
    private readonly Lock _lock = new();
    private volatile State _state;

    public NodeDirectory(IEnumerable<NodeInfo> nodes) => _state = State.Of(nodes);

    /// <summary>Raised after a node was added or is to be found elsewhere, on the thread that said so.</summary>
    public event Action<NodeInfo>? Changed;

    /// <summary>In ascending order of their numbers.</summary>
    public IReadOnlyList<NodeInfo> Nodes => _state.Nodes;

    /// <summary>Null: no such node is known.</summary>
    public NodeInfo? Find(ReplicaId id) => _state.ById.GetValueOrDefault(id);

    /// <summary>The nodes at an address; more than one only where nodes share an actor system.</summary>
    public IEnumerable<NodeInfo> At(Address address) => _state.Nodes.Where(node => node.Address.Equals(address));

    /// <summary>Adds a node, or takes the place of what was known of it; true if that is news.</summary>
    public bool Put(NodeInfo node)
    {
        lock (_lock)
        {
            if (_state.ById.TryGetValue(node.Id, out NodeInfo? known) && known == node)
                return false;
            _state = State.Of(_state.Nodes.Where(other => other.Id != node.Id).Append(node));
        }

        Changed?.Invoke(node);
        return true;
    }

    private sealed record State(IReadOnlyList<NodeInfo> Nodes, ImmutableDictionary<ReplicaId, NodeInfo> ById)
    {
        public static State Of(IEnumerable<NodeInfo> nodes)
        {
            NodeInfo[] sorted = [.. nodes.OrderBy(node => node.Id)];
            return new State(sorted, sorted.ToImmutableDictionary(node => node.Id));
        }
    }
}
