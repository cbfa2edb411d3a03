using ActorRepl.MultiNode.Tests;

namespace ActorRepl.Benchmarks.Chain;

/// <summary>The chains of a cluster of node processes.</summary>
internal static class Links
{
    /// <summary>From head to tail, by the word of the head; empty: nobody says that it is the head.</summary>
    public static async Task<int[]> OfAsync(ProcessCluster cluster, int shard) =>
        await cluster.LeaderOfAsync(shard) is { } head && await cluster.ReplicaAsync(head, shard) is { Chain: { } chain } ? [.. chain] : [];
}
