using System.Diagnostics;
using ActorRepl.Hosting.Status;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>Three node processes under load from several writers while a link or a disk fails. Every run ends in the checker.</summary>
public class FaultTests(ITestOutputHelper output)
{
    private const int Shard = 0;

    private static readonly TimeSpan Lasts = TimeSpan.FromSeconds(3);
    private readonly int _seed = Random.Shared.Next();

    [Fact]
    public Task A_leader_that_is_heard_by_nobody_is_followed_by_another() => RunAsync(async (cluster, workload, leader) =>
    {
        await cluster.FaultAsync(leader, "kind=cut");
        await ProcessCluster.UntilAsync(async () => await cluster.LeaderOfAsync(Shard) is { } next && next != leader, "another node leads");
        await AcknowledgesAsync(workload, Shard);
        await cluster.FaultAsync(leader, "kind=clear");
    });

    [Fact]
    public Task Slow_and_lossy_links_lose_nothing() => RunAsync(async (cluster, workload, leader) =>
    {
        await cluster.FaultAsync(leader, $"kind=delay&amount=30ms&jitter=20ms&for={Lasts.TotalSeconds}s");
        await cluster.FaultAsync(leader % 3 + 1, $"kind=drop&amount=5%25&for={Lasts.TotalSeconds}s");
        await EndedAsync(cluster, leader);
        await EndedAsync(cluster, leader % 3 + 1);
    });

    [Theory]
    [InlineData("actorrepl.journal.segment")]
    [InlineData("actorrepl.journal.sqlite")]
    public Task A_follower_whose_disk_is_slow_holds_up_no_shard_that_others_lead(string journal) => RunAsync(
        async (cluster, workload, leader) =>
        {
            int slow = leader % 3 + 1;
            (int Node, long Term) before = (await cluster.LeadersAsync()).GetValueOrDefault(Shard);
            long from = Stopwatch.GetTimestamp();
            await cluster.FaultAsync(slow, $"kind=slow-fsync&amount=500ms&for={Lasts.TotalSeconds}s");
            await EndedAsync(cluster, slow);
            TimeSpan longest = workload.LongestGap(Shard, from, Lasts);
            output.WriteLine($"longest gap of a shard that another node leads: {longest.TotalMilliseconds:0} ms");
            // The slow one may have led in between.
            if (before.Node == leader && (await cluster.LeadersAsync()).GetValueOrDefault(Shard) == before)
                Assert.InRange(longest, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        },
        journal);

    [Theory]
    [InlineData("actorrepl.journal.segment")]
    [InlineData("actorrepl.journal.sqlite")]
    public Task A_replica_whose_sync_fails_stops_and_comes_back_with_what_its_disk_holds(string journal) => RunAsync(
        async (cluster, workload, leader) =>
        {
            ShardReplicaStatus before = await cluster.WhenToldAsync(leader, Shard);
            await ProcessCluster.UntilAsync(
                async () =>
                {
                    if (await cluster.ReplicaAsync(leader, Shard) is not { Health: "running" } now)
                        return false;
                    // Only those fail whose writes the sync was for, and those may have been another replica's.
                    if (now.Starts == before.Starts && await cluster.FaultsAsync(leader) is { Faults.Count: 0 })
                        await cluster.FaultAsync(leader, "kind=fsync-error");
                    return now.Starts > before.Starts && now.Term > before.Term;
                },
                "the replica was started again, and its shard has had an election");
            Assert.Contains("fdatasync failed: input/output error", cluster.Log(leader), StringComparison.Ordinal);
            await EndedAsync(cluster, leader);
        },
        journal);

    [Theory]
    [InlineData("actorrepl.journal.segment")]
    [InlineData("actorrepl.journal.sqlite")]
    public Task A_full_disk_is_told_and_over_when_there_is_space_again(string journal) => RunAsync(
        async (cluster, workload, leader) =>
        {
            await cluster.FaultAsync(leader, "kind=full-disk");
            await ProcessCluster.UntilAsync(async () => (await cluster.ReplicaAsync(leader, Shard))?.Health == "storage-full", "the node says that its disk is full");
            await cluster.FaultAsync(leader, "kind=clear");
            await ProcessCluster.UntilAsync(async () => (await cluster.ReplicaAsync(leader, Shard))?.Health == "running", "the node says that its disk is well");
            await EndedAsync(cluster, leader);
        },
        journal);

    [Theory]
    [InlineData("actorrepl.journal.segment")]
    [InlineData("actorrepl.journal.sqlite")]
    public Task A_damaged_record_is_found_at_the_next_start_and_the_replica_gives_up_its_vote(string journal) => RunAsync(
        async (cluster, workload, leader) =>
        {
            int damaged = leader % 3 + 1;
            await cluster.FaultAsync(damaged, $"kind=bit-flip&shard=kv/{Shard}&record=20");
            await cluster.KillAsync(damaged);
            cluster.Start(damaged);
            await ProcessCluster.UntilAsync(() => Task.FromResult(cluster.Log(damaged).Contains("has no vote until a change of members", StringComparison.Ordinal)), "the damaged replica gives up its vote");
            Assert.Contains("storage is damaged", cluster.Log(damaged), StringComparison.Ordinal);
        },
        journal);

    /// <summary>Starts a cluster and its load, does something to the node that leads, and sees that the load goes on and nothing is lost.</summary>
    private async Task RunAsync(Func<ProcessCluster, Workload, int, Task> harm, string journal = "actorrepl.journal.segment")
    {
        output.WriteLine($"seed {_seed}");
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: $"actorrepl.faults.enabled = on\nactorrepl.journal.plugin = {journal}");
        var workload = new Workload(cluster, _seed);
        workload.Start();
        for (int shard = 0; shard < Workload.Shards; shard++)
            await AcknowledgesAsync(workload, shard);
        await harm(cluster, workload, await cluster.WhenLedAsync(Shard));
        await cluster.WhenReadyAsync();
        for (int shard = 0; shard < Workload.Shards; shard++)
            await AcknowledgesAsync(workload, shard);
        await workload.StopAsync();
        foreach (string failure in workload.Failures.Take(5))
            output.WriteLine(failure);
        await Verdict.NothingIsLostAsync(cluster, workload, output);
    }

    private static async Task EndedAsync(ProcessCluster cluster, int id) => await ProcessCluster.UntilAsync(
        async () => await cluster.FaultsAsync(id) is { Faults.Count: 0 }, $"the faults of node {id} end");

    /// <summary>Waits until so many more writes of a shard are acknowledged.</summary>
    private static Task AcknowledgesAsync(Workload workload, int shard, int more = 30)
    {
        int wanted = workload.AcknowledgedOf(shard) + more;
        return ProcessCluster.UntilAsync(() => Task.FromResult(workload.AcknowledgedOf(shard) >= wanted), $"writes of shard {shard} are acknowledged");
    }
}
