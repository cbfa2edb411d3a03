using System.Diagnostics;
using System.Net;
using ActorRepl.Protocols.Checking;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>Node processes that come and go for good while clients write.</summary>
public class MembersTests(ITestOutputHelper output)
{
    private readonly int _seed = Random.Shared.Next();

    [Fact]
    public async Task A_group_grows_from_three_members_to_five_and_back_and_no_write_fails()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        var workload = new Workload(cluster, _seed);
        workload.Start();
        var clock = Stopwatch.StartNew();
        foreach (int node in new[] { 4, 5 })
        {
            await cluster.JoinAsync(node);
            await OrderAsync(cluster, $"/members?group=kv&do=add&node={node}");
        }

        await cluster.WhenHeldByAsync(1, 1, 2, 3, 4, 5);
        output.WriteLine($"five members after {clock.Elapsed}");
        int atFive = workload.Acknowledged;
        foreach (int node in new[] { 1, 2 })
            await OrderAsync(cluster, $"/members?group=kv&do=remove&node={node}");
        await cluster.WhenHeldByAsync(1, 3, 4, 5);
        output.WriteLine($"three members after {clock.Elapsed}");
        await ProcessCluster.UntilAsync(() => Task.FromResult(workload.Acknowledged > atFive + 100), "writes go on");

        await workload.StopAsync();
        output.WriteLine($"seed {_seed}; {workload.Acknowledged} writes acknowledged, {workload.Failures.Count} not");
        Assert.Empty(workload.Failures);
        await AssertNothingLostAsync(workload, 1, 5);
        output.WriteLine($"checked after {clock.Elapsed}");
    }

    [Fact]
    public async Task A_node_that_is_lost_for_good_is_replaced_by_a_spare_one_by_itself()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: "actorrepl.control { replace-after = 4 s, down-after = 2 s }");
        await cluster.JoinAsync(4);
        var workload = new Workload(cluster, _seed);
        workload.Start();
        await ProcessCluster.UntilAsync(() => Task.FromResult(workload.Acknowledged > 500), "there is something to lose");
        await cluster.KillAsync(3);
        await cluster.WhenHeldByAsync(1, 1, 2, 4);

        // Now it counts: with it and without one more, there is a majority.
        await cluster.KillAsync(1);
        int before = workload.Acknowledged;
        await ProcessCluster.UntilAsync(() => Task.FromResult(workload.Acknowledged > before + 100), "writes go on");
        await workload.StopAsync();
        output.WriteLine($"seed {_seed}; {workload.Acknowledged} writes acknowledged");
        await AssertNothingLostAsync(workload, 4);
    }

    [Fact]
    public async Task A_node_is_drained_and_removed_under_writes_and_what_cannot_be_is_refused_with_the_reason()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        await ProcessCluster.UntilAsync(async () => (await cluster.NodesAsync(1)).Count(node => node.Control == "voter") == 3, "all vote in the control group");
        var workload = new Workload(cluster, _seed);
        workload.Start();
        await RefusedAsync(cluster, "no other node to go to", "node", "drain", "2");
        await RefusedAsync(cluster, "drain it first", "node", "remove", "2");
        await RefusedAsync(cluster, "n7 has not registered", "node", "drain", "7");

        await cluster.JoinAsync(4);
        await DoneAsync(cluster, "done: node 2 holds 0 replicas", "node", "drain", "2");
        await cluster.WhenHeldByAsync(1, 1, 3, 4);
        await RefusedAsync(cluster, "no other node to go to", "node", "drain", "3");
        await DoneAsync(cluster, "takes replicas again", "node", "drain", "2", "--undo");
        await DoneAsync(cluster, "done", "node", "drain", "2");
        await DoneAsync(cluster, "out of the cluster", "node", "remove", "2");
        Assert.Contains(await cluster.NodesAsync(1), node => node is { Id: 2, Status: "removed", Control: "none", Replicas: 0, Held: 0, Leaders: 0 });
        Assert.Empty(workload.Failures);

        // Neither counts any more: with node 2 there would be no majority of four without it and another.
        await cluster.KillAsync(2);
        await cluster.KillAsync(1);
        int before = workload.Acknowledged;
        await ProcessCluster.UntilAsync(() => Task.FromResult(workload.Acknowledged > before + 100), "writes go on");
        await ProcessCluster.UntilAsync(async () => (await cluster.NodesAsync(3)).Count > 0, "the control group goes on");
        await workload.StopAsync();
        output.WriteLine($"seed {_seed}; {workload.Acknowledged} writes acknowledged");
        await AssertNothingLostAsync(workload, 3, 4);
    }

    // Five nodes vote in the control group. Nodes 2 and 3 are no majority of them, and one of the shards 0 and 1.
    [Fact]
    public async Task While_the_control_group_is_down_orders_are_refused_and_reads_and_writes_go_on_also_after_a_restart()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(nodes: 5);
        await ProcessCluster.UntilAsync(async () => (await cluster.NodesAsync(2)).Count(node => node.Status == "up") == 5, "all have registered");
        await using var client = new RetryingClient(cluster, 2);
        string[] keys = [.. Enumerable.Range(0, 2).Select(shard => Workload.KeyOn(shard, "key"))];
        foreach (string key in keys)
            Assert.Equal(Outcome.Acknowledged, (await client.CallAsync("SET", key, "before")).Outcome);

        foreach (int node in new[] { 1, 4, 5 })
            await cluster.KillAsync(node);
        foreach (string key in keys)
            await ProcessCluster.UntilAsync(async () => (await client.CallAsync("SET", key, "after")).Outcome == Outcome.Acknowledged, "a shard with a majority takes writes");
        (HttpStatusCode code, string said) = await cluster.OrderAsync(2, "/members?group=kv&do=add&node=5");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, code);
        Assert.Contains("control", said, StringComparison.Ordinal);

        await cluster.KillAsync(2);
        cluster.Start(2);
        foreach (string key in keys)
        {
            await ProcessCluster.UntilAsync(async () => (await client.CallAsync("APPEND", key, "!")).Outcome == Outcome.Acknowledged, "it takes writes after the restart");
            Assert.StartsWith("after!", (await client.CallAsync("GET", key)).Reply.Text, StringComparison.Ordinal);
        }
    }

    private static async Task OrderAsync(ProcessCluster cluster, string order)
    {
        (HttpStatusCode code, string said) = await cluster.OrderAsync(1, order);
        Assert.True(code == HttpStatusCode.OK, said);
    }

    private static async Task DoneAsync(ProcessCluster cluster, string says, params string[] command)
    {
        (int code, string said) = await cluster.CommandAsync(command);
        Assert.True(code == 0, $"{string.Join(' ', command)}: {said}");
        Assert.Contains(says, said, StringComparison.Ordinal);
    }

    private static async Task RefusedAsync(ProcessCluster cluster, string reason, params string[] command)
    {
        (int code, string said) = await cluster.CommandAsync(command);
        Assert.True(code == 1, $"{string.Join(' ', command)} ended with {code}: {said}");
        Assert.Contains(reason, said, StringComparison.Ordinal);
    }

    private static async Task AssertNothingLostAsync(Workload workload, params int[] readThrough)
    {
        Assert.True(workload.Acknowledged > 100, "the clients got something done");
        foreach (int id in readThrough)
            Assert.Empty(await workload.MissingThroughAsync(id));
        CheckResult result = LinearizabilityChecker.Check(workload.History, new CheckerLimits { Timeout = TimeSpan.FromSeconds(60) });
        Assert.True(result.Verdict == Linearizability.Linearizable, $"{result.Verdict}: {result.Explanation}");
    }
}
