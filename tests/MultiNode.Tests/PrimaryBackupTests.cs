using System.Diagnostics;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>
/// Primaries that are killed, asleep or cut off while clients write. Every acknowledged write is on a backup's disk as well, so none may
/// be lost. Every run ends in the checker.
/// </summary>
public class PrimaryBackupTests(ITestOutputHelper output)
{
    private const string Settings = """
        actorrepl.group-defaults.protocol = primary-backup
        actorrepl.primary-backup.ack { level = semi-sync, backups = 1, reach = durable, on-timeout = refuse }
        actorrepl.faults.enabled = on
        """;

    private static readonly TimeSpan GapWindow = TimeSpan.FromSeconds(2);
    private readonly int _seed = Random.Shared.Next();

    [Fact]
    public async Task Primaries_that_are_killed_lose_nothing_and_writes_go_on_within_a_second() => await RunAsync(async (cluster, workload) =>
    {
        var gaps = new List<TimeSpan>();
        for (int round = 0; round < 3; round++)
        {
            int shard = round % Workload.Shards;
            int primary = await PrimaryOfAsync(cluster, shard);
            long killedAt = Stopwatch.GetTimestamp();
            await cluster.KillAsync(primary);
            await Task.Delay(GapWindow); // how long the gap is watched
            gaps.Add(workload.LongestGap(shard, killedAt, GapWindow));
            cluster.Start(primary);
            await cluster.WhenReadyAsync();
            await InSyncAsync(cluster, shard);
        }

        output.WriteLine($"gaps in ms: {string.Join(", ", gaps.Select(gap => (int)gap.TotalMilliseconds))}");
        Assert.True(gaps.Order().ElementAt(gaps.Count / 2) < TimeSpan.FromSeconds(1), "half of the killed primaries' shards take writes again within a second");
    });

    [Fact]
    public async Task A_primary_that_only_slept_acknowledges_nothing_of_its_own_when_it_wakes() => await RunAsync(async (cluster, workload) =>
    {
        const int shard = 0;
        int primary = await PrimaryOfAsync(cluster, shard);
        await cluster.PauseAsync(primary);
        try
        {
            await ProcessCluster.UntilAsync(async () => await cluster.LeaderOfAsync(shard) is { } next && next != primary, "another node is primary");
            await AcknowledgesAsync(workload, shard);
            await Task.Delay(TimeSpan.FromSeconds(2)); // the others go on for longer than any lease
        }
        finally
        {
            await cluster.ResumeAsync(primary);
        }

        await ProcessCluster.UntilAsync(async () => await cluster.ReplicaAsync(primary, shard) is { Role: "backup" }, "it follows the one that took its place");
        await InSyncAsync(cluster, shard);
    });

    [Fact]
    public async Task A_primary_that_nobody_hears_is_followed_by_another_and_comes_back_as_its_backup() => await RunAsync(async (cluster, workload) =>
    {
        const int shard = 0;
        int primary = await PrimaryOfAsync(cluster, shard);
        await cluster.FaultAsync(primary, "kind=cut&for=3s");
        await ProcessCluster.UntilAsync(async () => await cluster.LeaderOfAsync(shard) is { } next && next != primary, "another node is primary");
        await AcknowledgesAsync(workload, shard);
        await ProcessCluster.UntilAsync(async () => await cluster.FaultsAsync(primary) is { Faults.Count: 0 }, "the cut ends");
        await InSyncAsync(cluster, shard);
    });

    [Fact]
    public async Task Writes_go_on_without_the_control_group()
    {
        // Five vote in the control group, three hold a shard: with two nodes left, one of the shard's three is gone, too.
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(nodes: 5, settings: Settings + "\nactorrepl.group-defaults { shards = 4, replicas = 3 }");
        const int shard = 0;
        await InSyncAsync(cluster, shard);
        int primary = await PrimaryOfAsync(cluster, shard);
        int[] voters = (await cluster.ReplicaAsync(primary, shard))!.Members!.Voters.ToArray();
        int backup = voters.First(node => node != primary);
        var writers = new ShardWriters(cluster, 4, [primary, backup], [shard]);
        await Task.WhenAll(cluster.Ids.Where(id => id != primary && id != backup).Select(cluster.KillAsync));
        int before = writers.Times.CountOf(shard);
        long from = Stopwatch.GetTimestamp();
        await Task.Delay(GapWindow); // how long it is watched
        TimeSpan gap = writers.Times.LongestGap(shard, from, from + (long)(GapWindow.TotalSeconds * Stopwatch.Frequency));
        await writers.StopAsync();
        output.WriteLine($"{writers.Times.CountOf(shard) - before} writes without a control group, longest gap {gap.TotalMilliseconds:0} ms");
        Assert.True(writers.Times.CountOf(shard) - before > 100, $"{await cluster.ReplicaAsync(primary, shard)}; {string.Join("; ", writers.Failures.Take(3))}");
        Assert.InRange(gap, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.Equal(primary, (await cluster.ReplicaAsync(primary, shard))!.Leader);
    }

    private async Task RunAsync(Func<ProcessCluster, Workload, Task> harm)
    {
        output.WriteLine($"seed {_seed}");
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: Settings);
        var workload = new Workload(cluster, _seed);
        workload.Start();
        for (int shard = 0; shard < Workload.Shards; shard++)
            await AcknowledgesAsync(workload, shard);
        await harm(cluster, workload);
        await cluster.WhenReadyAsync();
        for (int shard = 0; shard < Workload.Shards; shard++)
            await AcknowledgesAsync(workload, shard);
        await workload.StopAsync();
        foreach (string failure in workload.Failures.Take(5))
            output.WriteLine(failure);
        await Verdict.NothingIsLostAsync(cluster, workload, output);
    }

    private static async Task<int> PrimaryOfAsync(ProcessCluster cluster, int shard) =>
        await cluster.LeaderOfAsync(shard) ?? throw new InvalidOperationException($"shard {shard} has no primary");

    /// <summary>Waits until the primary counts all of the shard's members in.</summary>
    private static Task InSyncAsync(ProcessCluster cluster, int shard) => ProcessCluster.UntilAsync(
        async () => await cluster.LeaderOfAsync(shard) is { } primary && await cluster.ReplicaAsync(primary, shard) is { SyncSet.Count: 3 }, $"all of shard {shard} are in sync");

    private static Task AcknowledgesAsync(Workload workload, int shard, int more = 30)
    {
        int wanted = workload.AcknowledgedOf(shard) + more;
        return ProcessCluster.UntilAsync(() => Task.FromResult(workload.AcknowledgedOf(shard) >= wanted), $"writes of shard {shard} are acknowledged");
    }
}
