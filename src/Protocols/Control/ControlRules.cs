using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;

namespace ActorRepl.Protocols.Control;

/// <summary>A command that changes nothing, and why.</summary>
internal sealed class ControlRefusedException(ControlRefusal why, string reason) : Exception(reason)
{
    public ControlRefusal Why => why;
}

/// <summary>What each command does to the state. Returns the very state it was given when there is nothing to change.</summary>
internal static class ControlRules
{
    /// <exception cref="ControlRefusedException">The command is refused.</exception>
    public static ControlState Apply(ControlState state, ControlCommand command, DateTimeOffset time) => command switch
    {
        ControlCommand.RegisterNode register => NodeRules.Register(state, register, time),
        ControlCommand.SetNodeStatus set => NodeRules.SetStatus(state, set, time),
        ControlCommand.RemoveNode remove => NodeRules.Remove(state, remove, time),
        ControlCommand.RegisterGroup register => RegisterGroup(state, register),
        ControlCommand.SetMembers set => SetMembers(state, set),
        ControlCommand.SetPreferredLeader set => SetPreferredLeader(state, set),
        ControlCommand.InstallView install => InstallView(state, install),
        ControlCommand.ReleaseReplica release => ReleaseReplica(state, release),
        _ => throw new InvariantViolationException($"every control command is carried out: {command}"),
    };

    public static bool IsName(string text) =>
        text.Length is > 0 and <= ControlLimits.MaxNameLength && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private static ControlState RegisterGroup(ControlState state, ControlCommand.RegisterGroup command)
    {
        if (state.Groups.TryGetValue(command.Name, out ControlGroup? known))
            return Registered(state, known, command);

        if (!IsName(command.Name) || command.Name.Contains('.'))
            throw Invalid($"group name '{command.Name}' must be 1 to {ControlLimits.MaxNameLength} letters, digits, '-' or '_'");
        if (!IsName(command.Protocol))
            throw Invalid($"protocol '{command.Protocol}' of group '{command.Name}' must be 1 to {ControlLimits.MaxNameLength} letters, digits, '-', '_' or '.'");
        if (command.Placement.Length is 0 or > ControlLimits.MaxShards)
            throw Invalid($"group '{command.Name}' has {command.Placement.Length} shards; it must be 1 to {ControlLimits.MaxShards}");
        if (state.Groups.Count >= ControlLimits.MaxGroups)
            throw new ControlRefusedException(ControlRefusal.Limit, $"there are {state.Groups.Count} groups; that is the most there can be");
        for (int shard = 0; shard < command.Placement.Length; shard++)
            CheckPlan(state, command, shard);

        return state.With(new ControlGroup
        {
            Name = command.Name,
            Protocol = command.Protocol,
            Replicas = command.Replicas,
            Options = Bounded(command),
            CreatedVersion = state.Version + 1,
            Shards = [.. command.Placement.Select(plan => ControlShard.Placed(plan.Members, plan.PreferredLeader))],
        });
    }

    private static void CheckPlan(ControlState state, ControlCommand.RegisterGroup command, int shard)
    {
        (Membership members, ReplicaId leader) = command.Placement[shard];
        var key = new ShardKey(command.Name, shard);
        int counted = members.Voters.Count + members.Witnesses.Count;
        if (GroupOptions.SpansNodes(command.Options) ? counted < command.Replicas : counted != command.Replicas)
            throw Invalid($"{key} is placed on {members}; group '{command.Name}' declares {command.Replicas} replicas");
        foreach (ReplicaId member in members.Members)
            CheckTakesReplicas(state, key, member);
        if (!leader.IsNone && !members.Voters.Contains(leader))
            throw Invalid($"{key} cannot prefer {leader} as leader: its voters are {string.Join(",", members.Voters)}");
    }

    /// <summary>A group that is there is declared once more: alike, or with options of a later version.</summary>
    private static ControlState Registered(ControlState state, ControlGroup known, ControlCommand.RegisterGroup declared)
    {
        string rule = GroupOptions.PlacementName(known.Options) ?? KeyPlacements.WholeKey;
        string declaredRule = GroupOptions.PlacementName(declared.Options) ?? KeyPlacements.WholeKey;
        if (rule != declaredRule)
            throw Invalid($"group '{known.Name}' is declared with keys placed by '{declaredRule}' where '{rule}' is registered, which never changes; a node that has seen so takes it over when it starts again");
        bool same = (known.Protocol, known.Shards.Count, known.Replicas) == (declared.Protocol, declared.Placement.Length, declared.Replicas);
        if (same && (declared.Options.Length == 0 || declared.Options == known.Options))
            return state;
        bool isNews = known.Options.Length == 0 || GroupOptions.VersionOf(declared.Options) > GroupOptions.VersionOf(known.Options);
        return same && isNews ? state.With(known with { Options = Bounded(declared) }) : throw Differs(known, declared);
    }

    private static string Bounded(ControlCommand.RegisterGroup declared) =>
        System.Text.Encoding.UTF8.GetByteCount(declared.Options) <= ControlLimits.MaxOptionsBytes
            ? declared.Options
            : throw new ControlRefusedException(ControlRefusal.Limit, $"the options of group '{declared.Name}' take more than {ControlLimits.MaxOptionsBytes} bytes");

    private static ControlRefusedException Differs(ControlGroup known, ControlCommand.RegisterGroup declared)
    {
        var differences = new List<string>();
        void Compare(string what, string registered, string here)
        {
            if (registered != here)
                differences.Add($"{what} '{here}' where '{registered}' is registered");
        }

        Compare("protocol", known.Protocol, declared.Protocol);
        Compare("shards", $"{known.Shards.Count}", $"{declared.Placement.Length}");
        Compare("replicas", $"{known.Replicas}", $"{declared.Replicas}");
        int structural = differences.Count;
        if (declared.Options.Length > 0)
        {
            foreach ((string name, string registered, string here) in GroupOptions.Differences(known.Options, declared.Options))
                Compare(name, registered, here);
        }

        long version = GroupOptions.VersionOf(known.Options);
        string remedy = structural == 0 ? $"; to change them on all, raise {GroupOptions.Version} above {version}" : "";
        return Invalid($"group '{known.Name}' is declared with {string.Join(", ", differences)}; all hosts must declare the same{remedy}");
    }

    private static ControlState SetMembers(ControlState state, ControlCommand.SetMembers command)
    {
        ControlShard shard = ShardOf(state, command.Shard);
        if (shard.Members.Equals(command.Members))
            return state;
        if (shard.MembersVersion != command.ExpectedVersion)
            throw new ControlRefusedException(ControlRefusal.Conflict,
                $"the members of {command.Shard} have version {shard.MembersVersion}, not {command.ExpectedVersion}: {shard.Members}");
        foreach (ReplicaId added in command.Members.Members.Except(shard.Members.Members))
            CheckTakesReplicas(state, command.Shard, added);
        return state.With(command.Shard, shard with
        {
            Members = command.Members,
            MembersVersion = shard.MembersVersion + 1,
            PreferredLeader = command.Members.Voters.Contains(shard.PreferredLeader) ? shard.PreferredLeader : ReplicaId.None,
            Founders = shard.Founders.Intersect(command.Members.Members),
            Leaving = shard.Leaving.Union(shard.Members.Members).Except(command.Members.Members).Except(shard.Retired),
        });
    }

    private static ControlState SetPreferredLeader(ControlState state, ControlCommand.SetPreferredLeader command)
    {
        ControlShard shard = ShardOf(state, command.Shard);
        if (shard.PreferredLeader == command.Leader)
            return state;
        if (!command.Leader.IsNone && !shard.Members.Voters.Contains(command.Leader))
            throw Invalid($"{command.Shard} cannot prefer {command.Leader} as leader: its voters are {string.Join(",", shard.Members.Voters)}");
        return state.With(command.Shard, shard with { PreferredLeader = command.Leader });
    }

    private static ControlState InstallView(ControlState state, ControlCommand.InstallView command)
    {
        ControlShard shard = ShardOf(state, command.Shard);
        if (command.View.Length > ControlLimits.MaxViewBytes)
            throw new ControlRefusedException(ControlRefusal.Limit,
                $"the view of {command.Shard} takes {command.View.Length} bytes; it has at most {ControlLimits.MaxViewBytes}");
        if (shard.Epoch == command.ExpectedEpoch + 1 && shard.View.Span.SequenceEqual(command.View.Span))
            return state;
        if (shard.Epoch != command.ExpectedEpoch)
            throw new ControlRefusedException(ControlRefusal.Conflict, $"{command.Shard} is in epoch {shard.Epoch}, not {command.ExpectedEpoch}");
        return state.With(command.Shard, shard with { Epoch = shard.Epoch + 1, View = command.View });
    }

    private static ControlState ReleaseReplica(ControlState state, ControlCommand.ReleaseReplica command)
    {
        ControlShard shard = ShardOf(state, command.Shard);
        ControlNode node = NodeRules.NodeOf(state, command.Node);
        if (node.Disk != command.Disk)
            throw new ControlRefusedException(ControlRefusal.Conflict, $"{node} has disk {node.Disk}, not {command.Disk}");
        return shard.Retired.Contains(command.Node) || shard.Leaving.Contains(command.Node)
            ? state.With(command.Shard, shard with { Retired = shard.Retired.Remove(command.Node), Leaving = shard.Leaving.Remove(command.Node) })
            : state;
    }

    private static ControlShard ShardOf(ControlState state, ShardKey key)
    {
        if (state.Shard(key) is { } shard)
            return shard;
        throw new ControlRefusedException(ControlRefusal.NotFound, state.Groups.TryGetValue(key.Group, out ControlGroup? group)
            ? $"group '{key.Group}' has shards 0 to {group.Shards.Count - 1}; there is no {key.Shard}"
            : $"there is no group '{key.Group}'");
    }

    private static void CheckTakesReplicas(ControlState state, ShardKey shard, ReplicaId id)
    {
        ControlNode node = NodeRules.NodeOf(state, id);
        if (node.Status is not (NodeStatus.Joining or NodeStatus.Up))
            throw Invalid($"{shard} cannot be placed on {node}: it is {node.Status.ToString().ToLowerInvariant()}");
    }

    private static ControlRefusedException Invalid(string reason) => new(ControlRefusal.Invalid, reason);
}
