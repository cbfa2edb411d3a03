using System.Diagnostics;
using ActorRepl.Hosting.Status;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>Founders whose data directory is gone: what they promised is forgotten, so they are never the voters they were.</summary>
public class LostDiskTests(ITestOutputHelper output)
{
    // A controller that looks often: replicas are made anew within seconds.
    private const string Settings = "actorrepl.control { report-interval = 250 ms, tick = 100 ms, max-moves-per-node = 8 }";

    private readonly int _seed = Random.Shared.Next();

    [Fact]
    public async Task A_founder_that_lost_its_directory_comes_back_as_a_learner_and_then_a_voter_with_join_and_without()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: Settings);
        await ProcessCluster.UntilAsync(async () => (await cluster.NodesAsync(1)).Count(node => node.Status == "up") == 3, "all have registered");
        var workload = new Workload(cluster, _seed);
        workload.Start();
        await WritesGoOnAsync(workload);
        await ReplaceAsync(cluster, 3, join: null);
        await cluster.WhenHeldByAsync(1, 1, 2, 3);

        // Node 3 counts again: without node 2 there is a majority with it, and all of that is there when node 2 is back.
        await cluster.KillAsync(2);
        await WritesGoOnAsync(workload);
        await ReplaceAsync(cluster, 2, join: 1);
        await cluster.WhenReadyAsync();
        await workload.StopAsync();
        output.WriteLine($"seed {_seed}");
        await Verdict.NothingIsLostAsync(cluster, workload, output);
    }

    [Fact]
    public async Task Two_of_three_that_lost_their_directories_wait_for_the_third_say_so_and_serve_nothing_when_it_is_back()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        await using var client = new RetryingClient(cluster, 3);
        string key = Workload.KeyOn(0, "kept");
        Assert.Equal(Outcome.Acknowledged, (await client.CallAsync("SET", key, "1")).Outcome);
        await Task.WhenAll(cluster.Ids.Select(cluster.KillAsync));
        foreach (int id in new[] { 1, 2 })
        {
            cluster.Lose(id);
            cluster.Start(id);
        }

        foreach (int id in new[] { 1, 2 })
            await ProcessCluster.UntilAsync(async () => await cluster.ReportAsync(id) is { State: "starting", Error: { } said } && said.Contains("not heard: node-3 at", StringComparison.Ordinal), $"node {id} says that it waits for node 3");
        Assert.Contains("waits: its data directory is empty", cluster.Log(1), StringComparison.Ordinal);

        cluster.Start(3);
        foreach (int id in new[] { 1, 2 })
            await ProcessCluster.UntilAsync(async () => (await cluster.ReportAsync(id)).Status is not null, $"node {id} has joined");
        await ProcessCluster.UntilAsync(async () => await cluster.ReplicaAsync(3, shard: 0) is { Health: "running", Last: > 0 }, "node 3 has what it had");
        (Outcome outcome, Hosting.Cluster.RespReply reply) = await client.CallAsync("GET", key);
        Assert.True(outcome != Outcome.Acknowledged, $"nobody can know what {key} is, and there was an answer: {reply.Kind}");
        foreach (int id in new[] { 1, 2 })
            Assert.All((await cluster.ReportAsync(id)).Status!.Groups.SelectMany(group => group.Local), replica => Assert.False(replica.Voter));
    }

    [Fact]
    public async Task A_founder_that_lost_only_its_journal_joins_anew_and_one_that_lost_only_its_memory_does_not_start()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: Settings);
        await ProcessCluster.UntilAsync(async () => (await cluster.NodesAsync(1)).Count(node => node.Status == "up") == 3, "all have registered");
        await cluster.KillAsync(2);
        cluster.Lose(2, "wal");
        cluster.Lose(2, ".wal.id");
        cluster.Start(2);
        await ProcessCluster.UntilAsync(() => VotesAsync(cluster, 2), "node 2 votes in every shard");
        string log = cluster.Log(2);
        Assert.Contains("The journal in", log, StringComparison.Ordinal);
        Assert.Contains("has a vote from now on", log, StringComparison.Ordinal);

        await cluster.KillAsync(3);
        cluster.Lose(3, "node.state");
        cluster.Start(3);
        (int code, string said) = await cluster.EndedAsync(3);
        Assert.Equal(1, code);
        Assert.Contains("knows n3 by another data directory", said, StringComparison.Ordinal);
    }

    private async Task ReplaceAsync(ProcessCluster cluster, int id, int? join)
    {
        var clock = Stopwatch.StartNew();
        await cluster.KillAsync(id);
        cluster.Lose(id);
        cluster.Start(id, join);
        await ProcessCluster.UntilAsync(() => VotesAsync(cluster, id), $"node {id} votes in every shard", () => cluster.StandingAsync(1));
        await ProcessCluster.UntilAsync(async () => (await cluster.NodesAsync(1)).Any(node => node.Id == id && node.Control == "voter"), $"node {id} votes in the control group");
        string log = cluster.Log(id);
        Assert.Contains("joins with an empty disk", log, StringComparison.Ordinal);
        Assert.Contains("has a vote from now on", log, StringComparison.Ordinal);
        output.WriteLine($"node {id} votes again {clock.Elapsed.TotalSeconds:0.0} s after its end");
    }

    private static async Task<bool> VotesAsync(ProcessCluster cluster, int id) =>
        await ReplicasAsync(cluster, id) is { Count: Workload.Shards } replicas && replicas.All(replica => replica.Voter);

    private static async Task<IReadOnlyList<ShardReplicaStatus>> ReplicasAsync(ProcessCluster cluster, int id) =>
        (await cluster.ReportAsync(id)).Status?.Groups.Single(group => group.Name == "kv").Local ?? [];

    private static async Task WritesGoOnAsync(Workload workload)
    {
        int before = workload.Acknowledged;
        await ProcessCluster.UntilAsync(() => Task.FromResult(workload.Acknowledged > before + 200), "writes go on");
    }
}
