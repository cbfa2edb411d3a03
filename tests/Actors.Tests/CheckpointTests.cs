using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;
using Akka.Configuration;

namespace ActorRepl.Actors.Tests;

/// <summary>Checkpoints on the real journal: saved, recovered from, given to a replica that is far behind.</summary>
public sealed class CheckpointTests : IDisposable
{
    private readonly DiskData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task A_node_recovers_from_its_checkpoint_and_the_records_after_it()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options(nodes: 1, checkpointEntries: 40));
        for (int i = 0; i < 100; i++)
            await cluster[1].Client.SetAsync($"k{i}", $"v{i}");
        await Wait.UntilAsync(async () => (await ReportAsync(cluster[1])).Status?.CheckpointIndex >= 80, "checkpoints are saved");
        long checkpoint = (await ReportAsync(cluster[1])).Status!.CheckpointIndex;
        for (int i = 100; i < 120; i++)
            await cluster[1].Client.SetAsync($"k{i}", $"v{i}");

        await cluster.TerminateAsync(1);
        TestNode again = await cluster.StartNodeAsync(1);

        for (int i = 0; i < 120; i++)
            Assert.Equal($"v{i}", await again.Client.GetAsync($"k{i}"));
        Assert.True((await ReportAsync(again)).Status!.CheckpointIndex >= checkpoint);
    }

    [Fact]
    public async Task A_replica_that_is_far_behind_gets_a_checkpoint()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options(nodes: 3, checkpointEntries: 50));
        await cluster[1].Client.SetAsync("first", "1");
        TestNode leader = await cluster.LeaderAsync();
        int behind = cluster.Running.First(node => node.Id != leader.Id).Id.Value;
        await cluster.TerminateAsync(behind);
        for (int i = 0; i < 400; i++)
            await leader.Client.SetAsync($"k{i}", new string('v', 5_000));

        TestNode back = await cluster.StartNodeAsync(behind);

        long last = (await ReportAsync(leader)).Status!.CommitIndex;
        await Wait.UntilAsync(async () => (await ReportAsync(back)).Status?.AppliedIndex >= last, "it has caught up");
        Assert.True((await ReportAsync(back)).Status!.CheckpointIndex > 50);
        for (int i = 0; i < 400; i += 37)
            Assert.Equal(5_000, (await back.Client.GetAsync($"k{i}", RequestKind.StaleRead))!.Length);
    }

    [Fact]
    public async Task All_nodes_stopped_and_started_again_have_everything_acknowledged()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options(nodes: 3, checkpointEntries: 50));
        await Task.WhenAll(Enumerable.Range(0, 300).Select(i => cluster[1 + i % 3].Client.SetAsync($"k{i}", $"v{i}")));
        for (int node = 1; node <= 3; node++)
            await cluster.TerminateAsync(node);
        for (int node = 1; node <= 3; node++)
            await cluster.StartNodeAsync(node);

        for (int i = 0; i < 300; i++)
            Assert.Equal($"v{i}", await cluster[1 + i % 3].Client.GetAsync($"k{i}"));
    }

    private TestClusterOptions Options(int nodes, int checkpointEntries)
    {
        var raft = TestClusterOptions.Raft with { CheckpointEntries = checkpointEntries, KeepEntries = 10, KeepBytes = 1024 };
        var options = new TestClusterOptions { Nodes = nodes, Config = Config };
        return options with { Group = options.Group with { Replicas = nodes, Protocol = new RaftFactory(raft) } };
    }

    private Config Config(int node) => _data.Config(node);

    private static async Task<ReplicaReport> ReportAsync(TestNode node) => (await node.Runtime.LocalReplicasAsync()).Single();
}
