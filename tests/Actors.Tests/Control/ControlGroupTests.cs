using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;
using Akka.Actor;

namespace ActorRepl.Actors.Tests.Control;

/// <summary>The control group of three nodes in one process.</summary>
public sealed class ControlGroupTests : IDisposable
{
    private readonly DiskData _data = new();
    private bool _foreign;
    private readonly MemoryNodeStateStore[] _stores = [.. Enumerable.Range(0, 3).Select(_ => new MemoryNodeStateStore())];

    [Fact]
    public async Task Every_node_comes_to_know_all_nodes_all_groups_and_who_holds_each_shard()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options);
        foreach (TestNode node in cluster.Running)
        {
            await WhenSettledAsync(node);
            Assert.Equal([new(1), new(2), new(3)], node.Runtime.ControlState.Shard(new ShardKey(KeyValue.Group, 0))!.Members.Voters);
            Assert.Equal("r" + node.Id.Value, node.Runtime.ControlState.Node(node.Id)!.Rack);
        }
    }

    [Fact]
    public async Task It_is_no_group_of_the_clients() =>
        await Using(async cluster => Assert.Equal([KeyValue.Group], cluster[1].Client.Groups.Select(group => group.Name)));

    [Fact]
    public async Task What_a_node_has_seen_of_it_is_there_when_the_node_starts_again()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options);
        await WhenSettledAsync(cluster[2]);
        await Wait.UntilAsync(() => !State(2).Control.IsEmpty && ControlStateCodec.Decode(State(2).Control).Version == cluster[2].Runtime.ControlState.Version, "it is remembered");
        Guid disk = State(2).Disk;
        Assert.Equal(disk, cluster[2].Runtime.ControlState.Node(new ReplicaId(2))!.Disk);
        await cluster.TerminateAsync(2);
        TestNode again = await cluster.StartNodeAsync(2);
        await WhenSettledAsync(again);
        Assert.Equal(disk, State(2).Disk);
        Assert.Equal([new("kv", 0, 0), new(ControlGroup.Own, 0, 0)], State(2).Hosted);
    }

    [Fact]
    public async Task While_it_is_down_reads_and_writes_go_on_also_on_a_node_that_starts_meanwhile()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options);
        foreach (TestNode node in cluster.Running)
            await WhenSettledAsync(node);
        foreach (TestNode node in cluster.Running)
            node.Runtime.Root.Tell(new StopHosting(new HostedShard(ControlGroup.Own, 0, 0)));
        await Wait.UntilAsync(async () => !await cluster[1].ControlAnswersAsync(), "it answers no more");

        await cluster[1].Client.SetAsync("a", "1");
        await cluster.TerminateAsync(3);
        await cluster[1].Client.SetAsync("a", "2", TimeSpan.FromSeconds(10));
        TestNode again = await cluster.StartNodeAsync(3);
        await again.Client.SetAsync("a", "3", TimeSpan.FromSeconds(10));
        Assert.Equal("3", await cluster[2].Client.GetAsync("a"));
    }

    [Fact]
    public async Task A_node_that_declares_a_group_by_another_protocol_runs_no_replica_of_it()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options);
        await WhenSettledAsync(cluster[3]);
        await cluster[1].Client.SetAsync("a", "1");
        await cluster.TerminateAsync(3);
        _foreign = true;
        TestNode again = await cluster.StartNodeAsync(3);
        await Wait.UntilAsync(
            async () => (await again.Runtime.LocalReplicasAsync()).Single(replica => replica.Group == KeyValue.Group) is { Status: null, Detail: { } why } && why.Contains("protocol 'viewing' where 'raft' is registered", StringComparison.Ordinal),
            "its replica is stopped");
        await cluster[1].Client.SetAsync("a", "2", TimeSpan.FromSeconds(10));
        Assert.Equal("2", await again.Client.GetAsync("a", timeout: TimeSpan.FromSeconds(10)));

        // With the right protocol again, it goes on with the data it had.
        await cluster.TerminateAsync(3);
        _foreign = false;
        again = await cluster.StartNodeAsync(3);
        await Wait.UntilAsync(async () => (await again.Runtime.LocalReplicasAsync()).All(replica => replica.Status is { Leader.IsNone: false }), "it runs again");
    }

    public void Dispose() => _data.Dispose();

    private TestClusterOptions Options => new()
    {
        Config = _data.Config,
        Change = settings => settings with
        {
            Groups = _foreign ? [.. settings.Groups.Select(group => group with { Protocol = new ViewingProtocol() })] : settings.Groups,
            NodeState = _stores[settings.Self.Value - 1],
            Nodes = [.. settings.Nodes.Select(node => node.Id == settings.Self ? node with { Rack = $"r{node.Id.Value}" } : node)],
            Control = new ControlSettings { Protocol = new RaftFactory(TestClusterOptions.Raft) },
        },
    };

    private NodeState State(int node) => NodeState.Decode(_stores[node - 1].Load()!.Value);

    private async Task Using(Func<TestCluster, Task> test)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options);
        await test(cluster);
    }

    private static Task WhenSettledAsync(TestNode node) => Wait.UntilAsync(
        () => node.Runtime.ControlState is { Groups.Count: 2 } state && state.Nodes.Values.Count(known => known.Status == NodeStatus.Up) == 3,
        $"{node.Id} knows of three nodes that are up and two groups");
}
