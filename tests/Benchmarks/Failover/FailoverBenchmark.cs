using System.Diagnostics;
using ActorRepl.MultiNode.Tests;

namespace ActorRepl.Benchmarks.Failover;

/// <param name="BasePort">Null: where nobody listens.</param>
/// <param name="Protocol">Of the group: raft or primary-backup.</param>
/// <param name="Config">HOCON that replaces settings of the nodes.</param>
internal sealed record FailoverOptions(int Writers, int? BasePort, string Protocol, string? Config)
{
    public bool IsPrimaryBackup => Protocol == "primary-backup";

    /// <summary>What the nodes are started with.</summary>
    public string Settings => $"actorrepl.group-defaults.protocol = {Protocol}\n{Config}";
}

/// <summary>
/// Three node processes under writes; a node that leads is killed, or told to stop, and started again, round after round.
/// Measured is how long the shards that it led take no write. Or nothing ends, and a shard's leadership is transferred.
/// </summary>
internal sealed partial class FailoverBenchmark(FailoverOptions options, Output output)
{
    private static readonly TimeSpan Connecting = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Watched = TimeSpan.FromSeconds(3);

    private int _writes;

    /// <summary>SIGKILL; writers go by way of all nodes, so some lose theirs.</summary>
    public async Task<GapReport> KillAsync(int kills, CancellationToken stop)
    {
        List<Gap> gaps = await RoundsAsync(kills, (ids, _) => ids, (cluster, node) => cluster.KillAsync(node), stop);
        Goal[] goals = options.IsPrimaryBackup
            ? [new("median ms", GapReport.At(gaps, 0.5), 1000)]
            : [new("p90 ms", GapReport.At(gaps, 0.9), 400), new("worst ms", GapReport.At(gaps, 1), 800)];
        return new GapReport("killed leaders", gaps, _writes, goals);
    }

    /// <summary>SIGTERM; writers go by way of the other nodes, and none of their writes may fail.</summary>
    public async Task<GapReport> StopAsync(int stops, CancellationToken stop)
    {
        List<Gap> gaps = await RoundsAsync(stops, (ids, stopping) => [.. ids.Where(id => id != stopping)], (cluster, node) => cluster.StopAsync(node), stop);
        return new GapReport("stopped leaders", gaps, _writes, [new("worst ms", GapReport.At(gaps, 1), 50), new("failed writes", gaps.Sum(gap => gap.Failed), 0)]);
    }

    private async Task<List<Gap>> RoundsAsync(
        int rounds, Func<IReadOnlyList<int>, int, IReadOnlyList<int>> through, Func<ProcessCluster, int, Task> end, CancellationToken stop)
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: options.Settings, basePort: options.BasePort);
        var gaps = new List<Gap>();
        while (gaps.Count < rounds && !stop.IsCancellationRequested)
        {
            int shard = gaps.Count % Workload.Shards;
            if (await cluster.LeaderOfAsync(shard) is not { } node || await RoundAsync(cluster, node, through(cluster.Ids, node), end) is not { } gap)
            {
                output.Progress($"the leader of shard {shard} has just changed: once more");
                continue;
            }

            gaps.Add(gap);
            output.Progress($"{gaps.Count} of {rounds}: node {node} led shards {string.Join(",", gap.Shards)}; {gap.Ms:0} ms without a write, "
                + $"{gap.CalmMs:0} before; {gap.Failed} writes failed; so far p90 {GapReport.At(gaps, 0.9):0} ms, worst {GapReport.At(gaps, 1):0} ms");
            cluster.Start(node);
            await cluster.WhenReadyAsync();
            await WhenInSyncAsync(cluster);
        }

        return gaps;
    }

    /// <summary>Null, and the node goes on, if it leads nothing any more by the time there is a load.</summary>
    private async Task<Gap?> RoundAsync(ProcessCluster cluster, int node, IReadOnlyList<int> through, Func<ProcessCluster, int, Task> end)
    {
        var writers = new ShardWriters(cluster, options.Writers, through, [.. Enumerable.Range(0, Workload.Shards)]);
        await Task.Delay(Connecting);
        long calmFrom = Stopwatch.GetTimestamp();
        await Task.Delay(Calm);
        int[] led = await cluster.LedByAsync(node);
        long endedAt = Stopwatch.GetTimestamp();
        if (led.Length > 0)
        {
            await end(cluster, node);
            await Task.Delay(Watched);
        }

        long to = Stopwatch.GetTimestamp();
        await writers.StopAsync();
        _writes += writers.Times.Count;
        return led.Length == 0 ? null : new Gap(node, led, Longest(endedAt, to), Longest(calmFrom, endedAt), writers.Failures.Count);

        double Longest(long from, long until) => led.Max(shard => writers.Times.LongestGap(shard, from, until).TotalMilliseconds);
    }
}
