using ActorRepl.Hosting.Status;
using ActorRepl.Protocols.Checking;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>What every run ends with.</summary>
internal static class Verdict
{
    /// <summary>
    /// Every acknowledged write is found through every node, the replicas of each shard have the same state, and what clients shared is
    /// linearizable.
    /// </summary>
    public static async Task NothingIsLostAsync(ProcessCluster cluster, Workload workload, ITestOutputHelper output)
    {
        output.WriteLine($"{workload.Acknowledged} writes acknowledged, {workload.History.Count} shared operations recorded");
        Assert.True(workload.Acknowledged > 100, "the clients got something done");
        foreach (int id in cluster.Ids)
            Assert.Empty(await workload.MissingThroughAsync(id));
        for (int shard = 0; shard < Workload.Shards; shard++)
            await StatesAreEqualAsync(cluster, shard);
        CheckResult result = LinearizabilityChecker.Check(workload.History, new CheckerLimits { Timeout = TimeSpan.FromSeconds(60) });
        Assert.True(result.Verdict == Linearizability.Linearizable, $"{result.Verdict}: {result.Explanation}");
    }

    private static async Task StatesAreEqualAsync(ProcessCluster cluster, int shard)
    {
        await ProcessCluster.UntilAsync(
            async () =>
            {
                ShardVerifyStatus? found = await cluster.VerifyAsync(cluster.Ids[shard % cluster.Ids.Count], shard);
                Assert.True(found is not { Different.Count: > 0 }, $"shard {shard}: the states at {found?.Term}/{found?.Index} of {string.Join("; ", found?.Replicas ?? [])}");
                return found is { Equal: true };
            },
            $"every replica of shard {shard} tells its state");
    }
}
