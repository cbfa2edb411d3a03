using System.Diagnostics;
using System.Net;
using ActorRepl.Hosting.Status;
using ActorRepl.MultiNode.Tests;

namespace ActorRepl.Benchmarks.Failover;

/// <summary>A leadership that is transferred by an order, and what a primary-backup group waits for between rounds.</summary>
internal sealed partial class FailoverBenchmark
{
    // Leaderships that the control group moves are not measured.
    private const string NoMoves = "actorrepl.control.leader-settle = 1 d";

    private static readonly TimeSpan WatchedTransfer = TimeSpan.FromSeconds(1);

    /// <summary>Shards in turns, each to the node after its leader; no write may fail.</summary>
    public async Task<GapReport> TransferAsync(int transfers, CancellationToken stop)
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: $"{NoMoves}\n{options.Settings}", basePort: options.BasePort);
        var writers = new ShardWriters(cluster, options.Writers, cluster.Ids, [.. Enumerable.Range(0, Workload.Shards)]);
        await Task.Delay(Connecting, CancellationToken.None);
        var gaps = new List<Gap>();
        while (gaps.Count < transfers && !stop.IsCancellationRequested)
        {
            // On a busy machine a backup that is late drops out of the sync set, and may not be given the leadership.
            await WhenInSyncAsync(cluster);
            Gap gap = await TransferOneAsync(cluster, writers, gaps.Count % Workload.Shards);
            gaps.Add(gap);
            output.Progress($"{gaps.Count} of {transfers}: shard {gap.Shards[0]} to node {gap.Node}: {gap.Ms:0} ms without a write, {gap.CalmMs:0} before; {gap.Failed} writes failed");
        }

        await writers.StopAsync();
        _writes = writers.Times.Count;
        foreach (string failure in writers.Failures.Take(5))
            output.Progress($"failed: {failure}");
        return new GapReport("transfers", gaps, _writes, [new("median ms", GapReport.At(gaps, 0.5), 100), new("failed writes", writers.Failures.Count, 0)]);
    }

    private static async Task<Gap> TransferOneAsync(ProcessCluster cluster, ShardWriters writers, int shard)
    {
        int leader = 0;
        await ProcessCluster.UntilAsync(async () => (leader = await cluster.LeaderOfAsync(shard) ?? 0) != 0, $"shard {shard} has a leader");
        int next = leader % cluster.Ids.Count + 1, failed = writers.Failures.Count;
        long calmFrom = Stopwatch.GetTimestamp();
        await Task.Delay(WatchedTransfer);
        long orderedAt = Stopwatch.GetTimestamp();
        (HttpStatusCode code, string said) = await cluster.OrderAsync(next, $"/transfer?group=kv&shard={shard}&node={next}");
        if (code != HttpStatusCode.OK)
            throw new InvalidOperationException($"shard {shard} is not transferred from node {leader} to node {next}: {said}");
        await ProcessCluster.UntilAsync(async () => await cluster.LeaderOfAsync(shard) == next, $"node {next} leads shard {shard}");
        await Task.Delay(WatchedTransfer);
        long to = Stopwatch.GetTimestamp();
        return new Gap(next, [shard], Longest(orderedAt, to), Longest(calmFrom, orderedAt), writers.Failures.Count - failed);

        double Longest(long from, long until) => writers.Times.LongestGap(shard, from, until).TotalMilliseconds;
    }

    /// <summary>Waits until all members of every shard's view are in its sync set again: any may take over.</summary>
    private async Task WhenInSyncAsync(ProcessCluster cluster)
    {
        if (options.IsPrimaryBackup)
            await ProcessCluster.UntilAsync(async () => (await Task.WhenAll(Enumerable.Range(0, Workload.Shards).Select(InSyncAsync))).All(yes => yes), "all members are in sync");

        async Task<bool> InSyncAsync(int shard) => await cluster.LeaderOfAsync(shard) is { } leader
            && await cluster.ReplicaAsync(leader, shard) is ShardReplicaStatus { SyncSet: { } set } && set.Count == cluster.Ids.Count;
    }
}
