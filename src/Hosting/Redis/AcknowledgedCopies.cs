using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Redis;

/// <summary>How many have what was acknowledged, by the members that are in force: those that the group was declared with may be others by now.</summary>
internal static class AcknowledgedCopies
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Members beside the leader that have every write that was acknowledged, of the shard where they are the fewest; 0: that is not known.</summary>
    public static async Task<int> BesideLeaderAsync(IReplicationClient client, GroupInfo group)
    {
        if (group.Protocol is not ("raft" or "chain"))
            return 0;
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            ShardMembers[] shards = await Task.WhenAll(Enumerable.Range(0, group.Shards).Select(shard => client.MembersAsync(group.Name, shard, patience.Token))).ConfigureAwait(false);
            return shards.Min(shard => shard.Actual is { } members ? Of(group.Protocol, members) : 0);
        }
        catch (Exception unknown) when (unknown is ReplicationException or OperationCanceledException or TimeoutException)
        {
            return 0;
        }
    }

    /// <summary>Of a majority, all witnesses may be one: they have no values. In a chain, every link has them.</summary>
    internal static int Of(string protocol, Membership members) => protocol == "chain"
        ? members.Voters.Count - 1
        : Math.Max(0, (members.Voters.Count + members.Witnesses.Count) / 2 - members.Witnesses.Count);
}
