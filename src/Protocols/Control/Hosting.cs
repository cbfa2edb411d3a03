using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// Which replicas a node runs: those it is to have, and those it has that are still counted by their shards. It deletes only
/// what is neither.
/// </summary>
public static class Hosting
{
    /// <summary>
    /// What is not mentioned stays as it is. While the control group is out of reach a node runs what it has on disk; it
    /// starts a replica without data only by a state that holds its own registration of this disk.
    /// </summary>
    /// <param name="state">Not older than any that this node has acted on since it started.</param>
    /// <param name="self">This node.</param>
    /// <param name="disk">The id of its data directory.</param>
    /// <param name="local">Shards that have data here.</param>
    /// <param name="seen">Reports of the replicas of these shards, its own included.</param>
    /// <param name="now">On the clock of the reports.</param>
    /// <param name="maxAge">Older reports are passed over, µs.</param>
    public static IReadOnlyList<HostingDecision> Decide(
        ControlState state, ReplicaId self, Guid disk, IReadOnlySet<ShardKey> local, Observations seen, in Instant now, long maxAge)
    {
        var decisions = new List<HostingDecision>();
        bool mayStart = state.Node(self) is { } node && node.Disk == disk && node.Status != NodeStatus.Removed;
        foreach ((ShardKey key, ControlShard shard) in state.Shards)
        {
            bool isWanted = shard.Members.Members.Contains(self);
            bool isReleased = !isWanted && !shard.Leaving.Contains(self) && !shard.Retired.Contains(self);
            if (local.Contains(key))
                decisions.Add(isReleased && IsOut(self, state.Groups[key.Group], seen.Reports.GetValueOrDefault(key), now.Monotonic, maxAge) ? new HostingDecision.Delete(key) : Run(key, shard, self));
            else if (isWanted && mayStart && !shard.Retired.Contains(self))
                decisions.Add(Run(key, shard, self));
        }

        return decisions;
    }

    private static HostingDecision.Run Run(ShardKey key, ControlShard shard, ReplicaId self)
    {
        if (shard.Founders.Contains(self))
            return new HostingDecision.Run(key, [.. shard.Initial]);
        ImmutableSortedSet<ReplicaId> others = shard.Initial.Remove(self);
        return new HostingDecision.Run(key, [.. others.Count > 0 ? others : [.. shard.Members.Voters.Where(id => id != self)]]);
    }

    /// <summary>
    /// The shard has a membership without this node that no later leader can be without, and it is later than any that this
    /// node's replica knows of: its term is, or all that the replica has is committed under it.
    /// </summary>
    private static bool IsOut(ReplicaId self, ControlGroup group, ImmutableSortedDictionary<ReplicaId, ReplicaReport>? reports, long now, long maxAge)
    {
        if (ShardView.Of(reports, now, maxAge) is not { } view || !view.IsSettled || view.Actual.Members.Contains(self))
            return false;
        if (!reports!.TryGetValue(self, out ReplicaReport own))
            return false;
        // Each replica of such a group has a log of its own: the epoch of its members is all there is to compare.
        if (group.IsLeaderless)
            return view.Status.Term >= own.Status.Term;
        if (own.Status.Leader == self)
            return false;
        return view.Status.Term > own.Status.Term || (view.Status.Term == own.Status.Term && view.Status.CommitIndex >= own.Status.LastIndex);
    }
}
