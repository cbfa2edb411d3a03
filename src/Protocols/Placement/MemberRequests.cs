using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Placement;

/// <summary>What a member of a shard does; see <see cref="Membership"/>.</summary>
public enum MemberRole : byte
{
    Voter = 1,
    Learner = 2,
    Witness = 3,
}

/// <summary>The answer to an operator's request: commands for the control group, none if all is so already, or why it cannot be.</summary>
public sealed record MemberPlan(IReadOnlyList<ControlCommand.SetMembers> Commands, string? Refusal = null)
{
    internal static MemberPlan Refused(string reason) => new([], reason);
}

/// <summary>
/// Turns what an operator asks of a group's members into new memberships of its shards. A request concerns every shard of the
/// group, or the one that is named.
/// </summary>
public static class MemberRequests
{
    /// <summary>
    /// One more member. A learner that is added as a voter is promoted; no other member changes its role so: a voter that is to
    /// be less would take its vote from the shard, and a witness has no state to be more.
    /// </summary>
    public static MemberPlan Add(ControlState state, string group, ReplicaId node, MemberRole role = MemberRole.Voter, int? shard = null)
    {
        if (CannotTake(state, node) is { } reason)
            return MemberPlan.Refused(reason);
        return ForEach(state, group, shard, (key, members) =>
        {
            if (members.RoleOf(node) is null && members.Members.Count >= Membership.MaxMembers)
                return (null, $"{key} has {members.Members.Count} members; that is the most there can be");
            if (members.RoleOf(node) is { } now && now != role && (now, role) != (MemberRole.Learner, MemberRole.Voter))
                return (null, $"{node} is a {Name(now)} of {key} and adding it does not make it a {Name(role)}; remove it first");
            return (members.With(node, role), null);
        });
    }

    /// <summary>A learner becomes a voter.</summary>
    public static MemberPlan Promote(ControlState state, string group, ReplicaId node, int? shard = null) =>
        ForEach(state, group, shard, (key, members) => members.RoleOf(node) switch
        {
            null => shard is null ? (members, null) : (null, $"node {node} is no member of {key}: {members}"),
            _ => (members.With(node, MemberRole.Voter), null),
        }, mustConcern: members => members.RoleOf(node) is not null, nobody: $"node {node} is no member of any shard of group '{group}'");

    /// <summary>
    /// The node holds none of these shards any more. A shard that would have fewer voters than its group declares gets a spare
    /// node instead; if there is none, the request is refused unless <paramref name="allowFewer"/>.
    /// </summary>
    public static MemberPlan Remove(ControlState state, string group, ReplicaId node, int? shard = null, bool allowFewer = false)
    {
        ReplicaCounts counts = ReplicaCounts.Of(state);
        return ForEach(state, group, shard, (key, members) =>
        {
            if (members.RoleOf(node) is not { } role)
                return (members, null);
            int counted = members.Voters.Count + members.Witnesses.Count;
            if (role == MemberRole.Learner || counted > state.Groups[group].Replicas)
                return Without(key, members, node);
            if (PlacementPlanner.Spare(state, counts, members, node, _ => true) is not { } spare)
            {
                return allowFewer
                    ? Without(key, members, node)
                    : (null, $"{key} would have {counted - 1} replicas where group '{group}' declares {state.Groups[group].Replicas}, "
                        + $"and no other node is up to take the place of {node}");
            }

            counts.Add(node, -1);
            counts.Add(spare);
            return (members.Replace(node, spare), null);
        }, mustConcern: members => members.RoleOf(node) is not null, nobody: $"node {node} is no member of any shard of group '{group}'");
    }

    /// <summary>One node takes the place and the roles of another.</summary>
    public static MemberPlan Replace(ControlState state, string group, ReplicaId node, ReplicaId by, int? shard = null)
    {
        if (CannotTake(state, by) is { } reason)
            return MemberPlan.Refused(reason);
        return ForEach(state, group, shard, (key, members) =>
        {
            if (members.RoleOf(node) is null)
                return (members, null);
            return members.RoleOf(by) is null ? (members.Replace(node, by), null) : (null, $"{by} is a member of {key} already: {members}");
        }, mustConcern: members => members.RoleOf(node) is not null, nobody: $"node {node} is no member of any shard of group '{group}'");
    }

    private static (Membership?, string?) Without(ShardKey key, Membership members, ReplicaId node) =>
        members.Voters.Count == 1 && members.Voters[0] == node
            ? (null, $"{node} is the only voter of {key} with its state; add another first")
            : (members.Without(node), null);

    private static string Name(MemberRole role) => role.ToString().ToLowerInvariant();

    private static string? CannotTake(ControlState state, ReplicaId id) => state.Node(id) switch
    {
        null => $"node {id} has not registered; registered are {string.Join(", ", state.Nodes.Keys)}",
        { Status: NodeStatus.Up or NodeStatus.Joining } => null,
        var node => $"{node} is {node.Status.ToString().ToLowerInvariant()}: it takes no replicas",
    };

    private static MemberPlan ForEach(
        ControlState state, string name, int? only, Func<ShardKey, Membership, (Membership? Members, string? Refusal)> change,
        Func<Membership, bool>? mustConcern = null, string nobody = "")
    {
        if (name == ControlGroup.Own)
            return MemberPlan.Refused("the control group is on every node; its members follow the nodes");
        if (!state.Groups.TryGetValue(name, out ControlGroup? group))
            return MemberPlan.Refused($"there is no group '{name}'; there are {string.Join(", ", state.Groups.Keys)}");
        if (only is { } wanted && (wanted < 0 || wanted >= group.Shards.Count))
            return MemberPlan.Refused($"group '{name}' has shards 0 to {group.Shards.Count - 1}; there is no {wanted}");
        if (mustConcern is not null && !group.Shards.Where((_, number) => only is null || only == number).Any(shard => mustConcern(shard.Members)))
            return MemberPlan.Refused(nobody);

        var commands = new List<ControlCommand.SetMembers>();
        for (int number = 0; number < group.Shards.Count; number++)
        {
            if (only is not null && only != number)
                continue;
            var key = new ShardKey(name, number);
            ControlShard shard = group.Shards[number];
            (Membership? members, string? refusal) = change(key, shard.Members);
            if (refusal is not null)
                return MemberPlan.Refused(refusal);
            if (!members!.Equals(shard.Members))
                commands.Add(new ControlCommand.SetMembers(key, shard.MembersVersion, members));
        }

        return new MemberPlan(commands);
    }
}
