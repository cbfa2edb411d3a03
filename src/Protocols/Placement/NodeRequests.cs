using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Placement;

/// <summary>What is to be done to take a node out, or to keep it: a command, null if all is so already, or why it cannot be.</summary>
public sealed record NodeOrder(ControlCommand? Command, string? Refusal = null)
{
    internal static NodeOrder Nothing { get; } = new(Command: null);

    internal static NodeOrder Refused(string reason) => new(Command: null, reason);
}

/// <summary>Turns what an operator asks of a node into a command for the control group.</summary>
public static class NodeRequests
{
    /// <summary>
    /// Its replicas and leaderships go to other nodes, and it gets no new ones. Refused while a shard has no other node to go
    /// to: it would never end.
    /// </summary>
    public static NodeOrder Drain(ControlState state, ReplicaId id)
    {
        if (state.Node(id) is not { } node)
            return Unknown(state, id);
        if (node.Status == NodeStatus.Draining)
            return NodeOrder.Nothing;
        ShardKey[] stuck =
        [
            .. state.Shards.Where(pair => pair.Key.Group != ControlGroup.Own && pair.Value.Members.Members.Contains(id)
                && !HasWhereToGo(state, pair.Key, pair.Value, id)).Select(pair => pair.Key),
        ];
        return stuck.Length == 0
            ? new NodeOrder(new ControlCommand.SetNodeStatus(id, node.Status, NodeStatus.Draining))
            : NodeOrder.Refused($"{stuck.Length} shards on {node} have no other node to go to, {stuck[0]} among them: add a node first");
    }

    // What every node is a member of anyway has somewhere to go while the others are enough for every copy.
    private static bool HasWhereToGo(ControlState state, ShardKey key, ControlShard shard, ReplicaId id)
    {
        ControlGroup group = state.Groups[key.Group];
        return group.SpansNodes
            ? shard.Members.Members.Count(other => other != id && state.Nodes[other].Status is NodeStatus.Up or NodeStatus.Joining) >= group.Replicas
            : PlacementPlanner.Spare(state, key, insteadOf: id) is not null;
    }

    /// <summary>A node that was being drained takes replicas again; those that are gone stay where they are.</summary>
    public static NodeOrder Keep(ControlState state, ReplicaId id) => state.Node(id) switch
    {
        null => Unknown(state, id),
        { Status: NodeStatus.Up } => NodeOrder.Nothing,
        { Status: NodeStatus.Draining } => new NodeOrder(new ControlCommand.SetNodeStatus(id, NodeStatus.Draining, NodeStatus.Up)),
        var node => NodeOrder.Refused($"{node} is {node.Status.ToString().ToLowerInvariant()} and not being drained"),
    };

    /// <summary>It is out of the cluster for good. Refused while a shard is placed on it.</summary>
    public static NodeOrder Remove(ControlState state, ReplicaId id) => state.Node(id) switch
    {
        null => Unknown(state, id),
        { Status: NodeStatus.Removed } => NodeOrder.Nothing,
        _ => new NodeOrder(new ControlCommand.RemoveNode(id)),
    };

    private static NodeOrder Unknown(ControlState state, ReplicaId id) =>
        NodeOrder.Refused($"node {id} has not registered; registered are {string.Join(", ", state.Nodes.Keys)}");
}
