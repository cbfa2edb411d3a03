using System.Diagnostics;
using System.Net;
using ActorRepl.Benchmarks.Failover;
using ActorRepl.Hosting.Status;
using ActorRepl.MultiNode.Tests;

namespace ActorRepl.Benchmarks.Lag;

/// <param name="Rate">Writes a second.</param>
/// <param name="Away">Seconds for which a follower's node is down; 0: none.</param>
/// <param name="BasePort">Null: where nobody listens.</param>
/// <param name="Config">HOCON that replaces settings of the nodes.</param>
internal sealed record LagOptions(double Rate, double Steady, double Away, int Connections, int Size, int Keys, int? BasePort, string? Config);

/// <summary>
/// Three node processes of a primary-backup group at a steady rate of writes: how late followers are by their primaries'
/// word, and how fast one catches up whose process was killed and stayed away.
/// </summary>
internal sealed class LagBenchmark(LagOptions options, Output output)
{
    // The node that goes leads nothing, and nobody moves leaderships back to it.
    private const string Settings = "actorrepl.group-defaults.protocol = primary-backup\nactorrepl.control.leader-settle = 1 d";
    private const int Follower = 3;
    private const double CaughtUpMs = 100;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CatchUpPatience = TimeSpan.FromMinutes(3);

    public async Task<LagReport> RunAsync(CancellationToken stop)
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: $"{Settings}\n{options.Config}", basePort: options.BasePort);
        for (int shard = 0; shard < Workload.Shards; shard++)
            await LeadAsync(cluster, shard, 1 + shard % (Follower - 1));
        IPEndPoint[] primaries = [.. cluster.Ids.Where(id => id != Follower).Select(cluster.Redis)];
        await using var writers = new SteadyWriters(primaries, options.Connections, options.Rate, options.Size, options.Keys);
        await Task.Delay(WarmUp, stop);
        SteadyReport steady = await SteadyAsync(cluster, writers, stop);
        output.Progress($"{steady}");
        if (writers.Failure is { } failure)
            output.Progress($"a write that failed was told: {failure}");
        return new LagReport(options.Rate, steady, options.Away > 0 ? await ReturnAsync(cluster, writers, stop) : null);
    }

    private async Task<SteadyReport> SteadyAsync(ProcessCluster cluster, SteadyWriters writers, CancellationToken stop)
    {
        var lags = new List<double>();
        long began = Stopwatch.GetTimestamp(), acknowledged = writers.Acknowledged, failed = writers.Failed;
        while (Stopwatch.GetElapsedTime(began).TotalSeconds < options.Steady)
        {
            lags.AddRange((await FollowersAsync(cluster)).Select(follower => follower.LagMs));
            await Task.Delay(Look, stop);
        }

        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        lags.Sort();
        return new SteadyReport(seconds, (writers.Acknowledged - acknowledged) / seconds, writers.Failed - failed, lags.Count, At(0.5), At(0.95), At(0.99), At(1));

        double At(double quantile) => lags.Count == 0 ? 0 : lags[Math.Max(0, (int)Math.Ceiling(lags.Count * quantile) - 1)];
    }

    private async Task<ReturnReport> ReturnAsync(ProcessCluster cluster, SteadyWriters writers, CancellationToken stop)
    {
        long began = Stopwatch.GetTimestamp(), acknowledged = writers.Acknowledged, failed = writers.Failed;
        await cluster.KillAsync(Follower);
        await Task.Delay(TimeSpan.FromSeconds(options.Away), stop);
        FollowerStatus[] lost = await AllOfReturningAsync(cluster, stop);
        long missed = lost.Sum(shard => shard.LagEntries), first = lost.Sum(shard => shard.Durable);
        double away = Stopwatch.GetElapsedTime(began).TotalSeconds;
        output.Progress($"node {Follower} was away for {away:0} s and lacks {missed} entries ({lost.Sum(shard => shard.LagBytes) >> 20} MiB)");
        cluster.Start(Follower);
        long startedAt = Stopwatch.GetTimestamp(), movedAt = startedAt, shownAt = startedAt;
        bool moved = false;
        while (true)
        {
            FollowerStatus[] now = await AllOfReturningAsync(cluster, stop);
            if (!moved)
                (moved, movedAt) = (now.Sum(shard => shard.Durable) > first, Stopwatch.GetTimestamp());
            if (moved && now.All(shard => shard.InSync && shard.LagMs < CaughtUpMs))
            {
                double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
                return new ReturnReport(away, (writers.Acknowledged - acknowledged) / seconds, writers.Failed - failed, missed, now.Sum(shard => shard.Durable) - first,
                    Stopwatch.GetElapsedTime(movedAt).TotalSeconds, Stopwatch.GetElapsedTime(startedAt).TotalSeconds);
            }

            if (Stopwatch.GetElapsedTime(shownAt).TotalSeconds >= 1)
            {
                shownAt = Stopwatch.GetTimestamp();
                output.Progress($"{now.Sum(shard => shard.LagEntries)} entries to go; {string.Join(", ", now.Select(shard => $"{shard.LagMs / 1000:0.0} s{(shard.InSync ? " in sync" : "")}"))}");
            }

            if (Stopwatch.GetElapsedTime(startedAt) > CatchUpPatience)
                throw new TimeoutException($"node {Follower} has not caught up {CatchUpPatience.TotalSeconds} s after its start; the last error of a write: {writers.Failure ?? "none"}");
            await Task.Delay(Look, stop);
        }
    }

    /// <summary>What every primary says of the node that was away; waits until all shards have a primary that knows it.</summary>
    private static async Task<FollowerStatus[]> AllOfReturningAsync(ProcessCluster cluster, CancellationToken stop)
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            FollowerStatus[] known = [.. (await FollowersAsync(cluster)).Where(follower => follower.Node == Follower)];
            if (known.Length == Workload.Shards)
                return known;
            if (patience.Elapsed > CatchUpPatience)
                throw new TimeoutException($"{known.Length} of {Workload.Shards} shards have a primary that knows node {Follower}");
            await Task.Delay(Look, stop);
        }
    }

    private static async Task<IEnumerable<FollowerStatus>> FollowersAsync(ProcessCluster cluster)
    {
        NodeReport[] reports = await Task.WhenAll(cluster.Ids.Where(id => id != Follower).Select(cluster.ReportAsync));
        return reports.SelectMany(report => (report.Status?.Groups ?? []).Where(group => group.Name == "kv")
            .SelectMany(group => group.Local).Where(replica => replica.Leader == report.Id).SelectMany(replica => replica.Progress ?? []));
    }

    private static async Task LeadAsync(ProcessCluster cluster, int shard, int node)
    {
        await ProcessCluster.UntilAsync(async () =>
        {
            if (await cluster.LeaderOfAsync(shard) == node)
                return true;
            _ = await cluster.OrderAsync(node, $"/transfer?group=kv&shard={shard}&node={node}");
            return false;
        }, $"node {node} leads shard {shard}");
    }
}
