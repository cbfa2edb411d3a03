using ActorRepl.Hosting.Cli;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Tests.Cli;

public class TopSamplerTests
{
    private readonly TopSampler _sampler = new();

    [Fact]
    public void Rates_are_over_the_time_since_the_look_before()
    {
        TopReport first = Look(0, Node(1, committed: 100, cpu: 1, leads: true), Node(2, committed: 90, cpu: 5));
        Assert.All(first.Shards, shard => Assert.Null(shard.WritesPerSecond));
        TopReport second = Look(2, Node(1, committed: 500, cpu: 2, leads: true), Node(2, committed: 480, cpu: 5));
        TopShard shard = Assert.Single(second.Shards);
        Assert.Equal((1, 500, 200.0), (shard.Leader, shard.Committed, shard.WritesPerSecond));
        Assert.Equal([200.0, 0.0], second.Nodes.Select(node => node.WritesPerSecond!.Value));
        Assert.Equal([0.5, 0.0], second.Nodes.Select(node => node.Cpu!.Value));
    }

    [Fact]
    public void A_process_that_started_anew_has_no_rate_of_its_cpu_yet()
    {
        Look(0, Node(1, committed: 100, cpu: 90, leads: true));
        Assert.Null(Look(1, Node(1, committed: 100, cpu: 1, leads: true, pid: 77)).Nodes[0].Cpu);
    }

    [Fact]
    public void A_shard_that_nobody_leads_and_a_node_that_is_down_say_so()
    {
        TopReport report = Look(0, Node(1, committed: 100, cpu: 1), new NodeReport(2, "down", 0, 0, "refused", null));
        Assert.Equal("nobody leads", report.Shards[0].Problem);
        Assert.Equal("refused", report.Nodes[1].Problem);
    }

    [Fact]
    public void Of_two_that_say_they_lead_the_one_of_the_later_term_does()
    {
        TopReport report = Look(0, Node(1, committed: 100, cpu: 1, leads: true, term: 3), Node(2, committed: 100, cpu: 1, leads: true, term: 4));
        Assert.Equal((2, 4), (report.Shards[0].Leader, report.Shards[0].Term));
    }

    [Fact]
    public void Where_all_take_changes_the_lag_is_the_most_that_anybody_lacks_and_the_problem_who_is_not_heard()
    {
        TopShard well = Look(0, Node(1, 100, 1, leads: true, spread: Spread(of: 2, lacks: 0)), Node(2, 100, 1, leads: true, spread: Spread(of: 1, lacks: 7))).Shards[0];
        Assert.Equal((7, 2_000, null), (well.LagEntries, well.KeptBytes, well.Problem));
        Assert.Equal("node 2 is being rebuilt", Look(1, Node(1, 100, 1, leads: true, spread: Spread(2, 0)), Node(2, 100, 1, leads: true, spread: Spread(1, 0) with { Rebuilding = true })).Shards[0].Problem);
        Assert.Equal("node 1 does not hear node 2", Look(2, Node(1, 100, 1, leads: true, spread: Spread(2, 0, silent: 12))).Shards[0].Problem);
        Assert.Equal("node 1 could not merge 3 parts of updates", Look(3, Node(1, 100, 1, leads: true, spread: Spread(2, 0) with { Unreadable = 3 })).Shards[0].Problem);
    }

    private static SpreadStatus Spread(int of, long lacks, double silent = 0) =>
        new(false, 5, 1_000, 0, 10, 0, 0, 0, 0, 0, 0, [new MemberSpreadStatus(of, true, lacks, 0, silent)]);

    private TopReport Look(int second, params NodeReport[] nodes) => _sampler.Take(nodes, second * 1_000_000L, DateTimeOffset.UnixEpoch);

    private static NodeReport Node(int id, long committed, double cpu, bool leads = false, long term = 1, int pid = 7, SpreadStatus? spread = null)
    {
        var replica = new ShardReplicaStatus(0, leads ? "leader" : "follower", term, leads ? id : 9, committed, committed, committed, 0, 0, true, "running", null, 0, 1, null) { Spread = spread };
        var status = new NodeStatus(new NodeIdentity(id, $"node-{id}", "test", pid, "", "", 1, 0, 0, 0), new EngineStatus("", ""), true, [], [], [new GroupStatus("kv", "raft", 1, 3, [replica])])
        {
            Process = new ProcessStatus(cpu, 1 << 20),
        };
        return new NodeReport(id, "ready", 0, 0, null, status);
    }
}
