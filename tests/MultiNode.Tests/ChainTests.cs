using System.Diagnostics;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>
/// Chains whose links are killed while clients write. Every link has every acknowledged write, so none may be lost. Every run ends in the
/// checker.
/// </summary>
public class ChainTests(ITestOutputHelper output)
{
    private const int Length = 3;

    private const string Settings = """
        actorrepl.group-defaults { protocol = chain, shards = 4, replicas = 3 }
        actorrepl.control { report-interval = 200 ms, tick = 200 ms, down-after = 1 s, replace-after = 1 s }
        """;

    private static readonly TimeSpan GapWindow = TimeSpan.FromSeconds(2);
    private readonly int _seed = Random.Shared.Next();

    [Theory]
    [InlineData(0, "head")]
    [InlineData(1, "middle")]
    [InlineData(2, "tail")]
    public async Task Killed_twice_at_one_place_a_chain_loses_nothing_and_a_spare_node_makes_it_whole(int place, string name)
    {
        output.WriteLine($"seed {_seed}, {name}");
        // Four found the cluster, three hold a shard: there is one to spare.
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(nodes: 4, settings: Settings + $"\nactorrepl.chain.apportioned-reads = {(place == 1 ? "on" : "off")}");
        var workload = new Workload(cluster, _seed);
        workload.Start();
        await AllAcknowledgeAsync(workload);
        var gaps = new List<TimeSpan>();
        for (int round = 0; round < 2; round++)
        {
            int shard = round;
            int killed = (await WholeAsync(cluster))[shard][place];
            long killedAt = Stopwatch.GetTimestamp();
            await cluster.KillAsync(killed);
            await Task.Delay(GapWindow); // how long the gap is watched
            gaps.Add(workload.LongestGap(shard, killedAt, GapWindow));
            await WholeAsync(cluster, without: killed);
            cluster.Start(killed);
            await cluster.WhenReadyAsync();
            await AllAcknowledgeAsync(workload);
        }

        await workload.StopAsync();
        output.WriteLine($"gaps in ms: {string.Join(", ", gaps.Select(gap => (int)gap.TotalMilliseconds))}");
        foreach (string failure in workload.Failures.Take(5))
            output.WriteLine(failure);
        await Verdict.NothingIsLostAsync(cluster, workload, output);
    }

    /// <summary>From head to tail, by the word of the head.</summary>
    private static async Task<int[]> ChainOfAsync(ProcessCluster cluster, int shard) =>
        await cluster.LeaderOfAsync(shard) is { } head && await cluster.ReplicaAsync(head, shard) is { Chain: { } chain } ? [.. chain] : [];

    /// <summary>Waits until all chains are at full length, and a node has no part in any.</summary>
    private static async Task<int[][]> WholeAsync(ProcessCluster cluster, int without = 0)
    {
        int[][] chains = [];
        await ProcessCluster.UntilAsync(
            async () =>
            {
                chains = await Task.WhenAll(Enumerable.Range(0, Workload.Shards).Select(shard => ChainOfAsync(cluster, shard)));
                return chains.All(chain => chain.Length == Length && !chain.Contains(without));
            },
            $"all chains are whole{(without > 0 ? $" without node {without}" : "")}",
            () => cluster.StandingAsync(cluster.Ids.First(id => id != without)));
        return chains;
    }

    private static async Task AllAcknowledgeAsync(Workload workload, int more = 20)
    {
        int[] wanted = [.. Enumerable.Range(0, Workload.Shards).Select(shard => workload.AcknowledgedOf(shard) + more)];
        await ProcessCluster.UntilAsync(
            () => Task.FromResult(wanted.Index().All(shard => workload.AcknowledgedOf(shard.Index) >= shard.Item)), "writes of every shard are acknowledged");
    }
}
