using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>What the commands about nodes do.</summary>
internal static class NodeRules
{
    public static ControlState Register(ControlState state, ControlCommand.RegisterNode command, DateTimeOffset time)
    {
        Check(command);
        ControlNode? known = state.Node(command.Node);
        ControlNode? rival = state.Nodes.Values.FirstOrDefault(other =>
            other.Id != command.Node && other.Status != NodeStatus.Removed && (other.Name == command.Name || other.Address == command.Address));
        if (rival is not null)
            throw Invalid($"{command.Node} cannot register as '{command.Name}' at {command.Address}: {rival} at {rival.Address} is there");
        if (known is { Status: NodeStatus.Removed } && known.Disk == command.Disk)
            throw Invalid($"{known} was removed; it can join again with an empty data directory only");
        if (known is null or { Status: NodeStatus.Removed })
            CheckRoom(state, isNew: known is null);

        ControlNode node = (known ?? New(command)) with
        {
            Name = command.Name,
            Address = command.Address,
            Region = command.Region,
            Rack = command.Rack,
            Disk = command.Disk,
        };
        if (known is not null && known.Disk == command.Disk)
            return node == known ? state : state.With(node);

        node = node with { DiskVersion = state.Version + 1 };
        if (known is null or { Status: NodeStatus.Removed })
            node = node with { Status = NodeStatus.Joining, StatusSince = time };
        return WithoutReplicasOf(state.With(node), command.Node);
    }

    public static ControlState SetStatus(ControlState state, ControlCommand.SetNodeStatus command, DateTimeOffset time)
    {
        ControlNode node = NodeOf(state, command.Node);
        if (command.Status == NodeStatus.Removed)
            throw Invalid($"{node} is taken out by being removed, not by a status");
        if (node.Status == NodeStatus.Removed)
            throw Invalid($"{node} was removed; it can join again with an empty data directory only");
        if (command.Status == NodeStatus.Joining)
            throw Invalid($"{node} is {Name(node.Status)}; a node is joining only when it registers");
        if (node.Status == command.Status)
            return state;
        if (node.Status != command.Expected)
            throw new ControlRefusedException(ControlRefusal.Conflict, $"{node} is {Name(node.Status)}, not {Name(command.Expected)}");
        return state.With(node with { Status = command.Status, StatusSince = time });
    }

    public static ControlState Remove(ControlState state, ControlCommand.RemoveNode command, DateTimeOffset time)
    {
        ControlNode node = NodeOf(state, command.Node);
        if (node.Status == NodeStatus.Removed)
            return state;
        ShardKey[] placed = [.. state.Shards
            .Where(pair => pair.Key.Group != ControlGroup.Own && pair.Value.Members.Members.Contains(command.Node))
            .Select(pair => pair.Key)];
        if (placed.Length > 0)
            throw Invalid($"{node} cannot be removed: {placed.Length} shards are placed on it, {placed[0]} among them; drain it first");
        return state.With(node with { Status = NodeStatus.Removed, StatusSince = time });
    }

    public static ControlNode NodeOf(ControlState state, ReplicaId id) =>
        state.Node(id) ?? throw new ControlRefusedException(ControlRefusal.NotFound, $"node {id} has not registered");

    // A founder that lost its disk must not start as a voter again, and what it acknowledged must not be counted on.
    private static ControlState WithoutReplicasOf(ControlState state, ReplicaId node)
    {
        foreach ((ShardKey key, ControlShard shard) in state.Shards)
        {
            if (!shard.Members.Members.Contains(node) && !shard.Leaving.Contains(node))
                continue;
            state = state.With(key, shard with
            {
                Founders = shard.Founders.Remove(node),
                Leaving = shard.Leaving.Remove(node),
                // Where there is no common log a replica that comes back empty says so to the others itself.
                Retired = state.Groups[key.Group].SpansNodes ? shard.Retired : shard.Retired.Add(node),
            });
        }

        return state;
    }

    private static ControlNode New(ControlCommand.RegisterNode command) =>
        new() { Id = command.Node, Name = command.Name, Address = command.Address, Disk = command.Disk };

    private static void Check(ControlCommand.RegisterNode command)
    {
        if (command.Node.Value < 1)
            throw Invalid($"node number {command.Node.Value} must be 1 or more");
        if (!ControlRules.IsName(command.Name))
            throw Invalid($"name '{command.Name}' of node {command.Node} must be 1 to {ControlLimits.MaxNameLength} letters, digits, '-', '_' or '.'");
        if (!IsAddress(command.Address))
            throw Invalid($"address '{command.Address}' of node {command.Node} must be host:port, at most {ControlLimits.MaxAddressLength} characters");
        if (command.Disk == Guid.Empty)
            throw Invalid($"node {command.Node} has no disk id");
        foreach (string label in (string[])[command.Region, command.Rack])
        {
            if (label.Length > 0 && !ControlRules.IsName(label))
                throw Invalid($"label '{label}' of node {command.Node} must be at most {ControlLimits.MaxNameLength} letters, digits, '-', '_' or '.'");
        }
    }

    private static bool IsAddress(string address)
    {
        int colon = address.LastIndexOf(':');
        return colon > 0 && address.Length <= ControlLimits.MaxAddressLength && address.All(c => c is > ' ' and < '\x7f')
            && address.AsSpan(colon + 1).IndexOfAnyExceptInRange('0', '9') < 0
            && int.TryParse(address.AsSpan(colon + 1), out int port) && port is >= 1 and <= 65_535;
    }

    private static void CheckRoom(ControlState state, bool isNew)
    {
        int present = state.Nodes.Values.Count(node => node.Status != NodeStatus.Removed);
        if (present >= ControlLimits.MaxNodes)
            throw new ControlRefusedException(ControlRefusal.Limit, $"there are {present} nodes; that is the most there can be");
        if (isNew && state.Nodes.Count >= ControlLimits.MaxNodeRecords)
            throw new ControlRefusedException(ControlRefusal.Limit,
                $"{state.Nodes.Count} nodes have registered, removed ones included; take the number of a removed one");
    }

    private static string Name(NodeStatus status) => status.ToString().ToLowerInvariant();

    private static ControlRefusedException Invalid(string reason) => new(ControlRefusal.Invalid, reason);
}
