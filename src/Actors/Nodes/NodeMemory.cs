using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Nodes;

/// <summary>A node's <see cref="NodeState"/> in memory and in its store. Anyone reads it; who hosts replicas changes it, and who follows the control group. Thread-safe.</summary>
internal sealed class NodeMemory
{
    private readonly Lock _changing = new();
    private readonly INodeStateStore _store;
    private volatile NodeState _state;

    /// <exception cref="InvalidDataException">What is in the store cannot be read.</exception>
    public NodeMemory(ReplicationSettings settings)
    {
        _store = settings.NodeState;
        NodeState? found = _store.Load() is { } bytes ? NodeState.Decode(bytes) : null;
        Invariant.That(found is not { Undecided: true }, "whether a node founds or joins is decided before its replicas start");
        _state = found ?? new NodeState();
        NodeState started = Started(_state, settings);
        if (found is null || !started.Encode().AsSpan().SequenceEqual(found.Encode()))
            Change(_ => started);
    }

    public NodeState State => _state;

    /// <summary>What is stored is seen; what cannot be stored is not.</summary>
    public void Change(Func<NodeState, NodeState> change)
    {
        lock (_changing)
        {
            NodeState changed = change(_state);
            _store.Save(changed.Encode());
            _state = changed;
        }
    }

    // Settings say best where a node of theirs is. A group that is new here begins as all groups do when a cluster is founded;
    // on a node that joins, no replica does: a founder that comes back with an empty disk had votes there that it has forgotten.
    private static NodeState Started(NodeState state, ReplicationSettings settings)
    {
        IReadOnlyList<ReplicaId> founders = state.Founders.Count > 0 ? state.Founders : settings.FoundingNodes;
        ReplicationSettings founded = settings with { Founders = founders };
        bool joins = state.Disk == Guid.Empty && state.Founders.Count > 0;
        GroupDefinition[] added = [.. settings.Groups.Where(group => !state.Groups.Contains(group.Name))];
        IEnumerable<HostedShard> first = added.SelectMany(group => Enumerable.Range(0, group.Shards)
            .Where(shard => !joins && founded.FirstReplicasOf(group, shard).Contains(settings.Self))
            .Select(shard => new HostedShard(group.Name, shard, Generation: 0)));
        return state with
        {
            Disk = state.Disk == Guid.Empty ? Guid.NewGuid() : state.Disk,
            Founders = founders,
            Nodes = [.. settings.Nodes.Concat(state.Nodes).DistinctBy(node => node.Id).OrderBy(node => node.Id)],
            Groups = [.. state.Groups, .. added.Select(group => group.Name)],
            Hosted = [.. state.Hosted, .. first],
        };
    }
}
