using System.Diagnostics;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>Three node processes under writes, killed with SIGKILL. Every run ends in the checker.</summary>
public class KillTests(ITestOutputHelper output)
{
    private static readonly TimeSpan GapWindow = TimeSpan.FromSeconds(3);
    private readonly int _seed = Random.Shared.Next();

    [Fact]
    public async Task Nothing_acknowledged_is_lost_while_leaders_are_killed_and_writes_go_on_within_a_second()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        var workload = new Workload(cluster, _seed);
        workload.Start();
        var gaps = new List<TimeSpan>();
        for (int round = 0; round < 6; round++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500)); // the load between two kills
            int shard = round % Workload.Shards;
            int leader = await cluster.WhenLedAsync(shard);
            long killedAt = Stopwatch.GetTimestamp();
            await cluster.KillAsync(leader);
            await Task.Delay(GapWindow); // how long the gap is watched
            gaps.Add(workload.LongestGap(shard, killedAt, GapWindow));
            cluster.Start(leader);
            await cluster.WhenReadyAsync();
        }

        await workload.StopAsync();
        output.WriteLine($"seed {_seed}; gaps in ms: {string.Join(", ", gaps.Select(gap => (int)gap.TotalMilliseconds))}");
        await AssertNothingLostAsync(cluster, workload);
        Assert.True(gaps.Order().ElementAt(gaps.Count / 2) < TimeSpan.FromSeconds(1), "half of the killed leaders' shards take writes again within a second");
    }

    [Theory]
    [InlineData("actorrepl.journal.segment")]
    [InlineData("actorrepl.journal.sqlite")]
    public async Task Nothing_acknowledged_is_lost_when_all_nodes_are_killed_at_once(string journal)
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: $"actorrepl.journal.plugin = {journal}");
        var workload = new Workload(cluster, _seed);
        workload.Start();
        for (int round = 0; round < 2; round++)
        {
            await Task.Delay(TimeSpan.FromSeconds(2)); // the load before the kill
            await Task.WhenAll(cluster.Ids.Select(cluster.KillAsync));
            foreach (int id in cluster.Ids)
                cluster.Start(id);
            await cluster.WhenReadyAsync();
        }

        await workload.StopAsync();
        output.WriteLine($"seed {_seed}");
        await AssertNothingLostAsync(cluster, workload);
    }

    [Fact]
    public async Task A_minority_refuses_writes_within_the_deadline_and_serves_again_when_the_others_are_back()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        await using var client = new RetryingClient(cluster, 1);
        await client.CallAsync("SET", "before", "1");
        await cluster.KillAsync(2);
        await cluster.KillAsync(3);

        // A command that was sent to a leader just before it was known to be gone has another answer, which says less.
        await ProcessCluster.UntilAsync(async () => await cluster.ReplicaAsync(1, shard: 0) is { Leader: not (2 or 3) }, "node 1 knows that it is alone");

        var elapsed = Stopwatch.StartNew();
        (Outcome refused, Hosting.Cluster.RespReply reply) = await client.CallAsync("SET", Workload.KeyOn(0, "alone"), "1");
        Assert.NotEqual(Outcome.Acknowledged, refused);
        Assert.Contains("quorum", reply.Text, StringComparison.Ordinal);
        Assert.InRange(elapsed.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(6));

        cluster.Start(2);
        cluster.Start(3);
        await cluster.WhenReadyAsync();
        Assert.Equal(Outcome.Acknowledged, (await client.CallAsync("SET", "together", "1")).Outcome);
        Assert.Equal("1", (await client.CallAsync("GET", "before")).Reply.Text);
    }

    private Task AssertNothingLostAsync(ProcessCluster cluster, Workload workload) => Verdict.NothingIsLostAsync(cluster, workload, output);
}
