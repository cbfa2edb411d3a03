using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Tests.Nodes;

/// <summary>Replicas that start and leave while their node runs. The shard is on nodes 1 to 3 of four.</summary>
public sealed class HostingTests : IDisposable
{
    private readonly DiskData _data = new();
    private readonly MemoryNodeStateStore[] _stores = [.. Enumerable.Range(0, 4).Select(_ => new MemoryNodeStateStore())];

    [Fact]
    public async Task A_node_without_a_replica_of_the_shard_serves_its_clients()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options);
        await cluster[4].Client.SetAsync("a", "1");
        Assert.Equal("1", await cluster[4].Client.GetAsync("a"));
        Assert.Equal("1", await cluster[4].Client.GetAsync("a", RequestKind.StaleRead));
        Assert.Empty(await cluster[4].Runtime.LocalReplicasAsync());
    }

    [Fact]
    public async Task A_replica_starts_while_its_node_runs_and_is_still_there_when_the_node_starts_again()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options);
        Tell(cluster[4], new HostShard(KeyValue.Group, 0));
        await WhenRunningAsync(cluster[4]);
        await cluster.TerminateAsync(4);
        await WhenRunningAsync(await cluster.StartNodeAsync(4));
        Assert.Equal([new HostedShard(KeyValue.Group, 0, 1)], NodeState.Decode(_stores[3].Load()!.Value).Hosted);
    }

    [Fact]
    public async Task A_replica_that_is_released_stops_and_nothing_is_left_of_its_data()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options);
        for (int i = 0; i < 100; i++)
            await cluster[1].Client.SetAsync($"k{i}", "v");
        Tell(cluster[3], new ReleaseShard(KeyValue.Group, 0));
        await Wait.UntilAsync(() => State(3) is { Hosted.Count: 0, Leftovers.Count: 0 }, "the replica is gone and its data deleted");
        Assert.Empty(await cluster[3].Runtime.LocalReplicasAsync());
        await cluster[3].Client.SetAsync("after", "1", TimeSpan.FromSeconds(10));

        Tell(cluster[3], new HostShard(KeyValue.Group, 0));
        await WhenRunningAsync(cluster[3]);
        ReplicaReport again = Assert.Single(await cluster[3].Runtime.LocalReplicasAsync());
        Assert.Null(again.Detail);
        Assert.Equal(new HostedShard(KeyValue.Group, 0, 1), Assert.Single(State(3).Hosted));
    }

    [Fact]
    public async Task What_was_not_deleted_when_the_node_stopped_is_deleted_when_it_starts_again()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options);
        await cluster[1].Client.SetAsync("a", "1");
        await cluster.TerminateAsync(3);
        NodeState state = State(3);
        _stores[2].Save((state with { Hosted = [], Leftovers = state.Hosted }).Encode());
        await cluster.StartNodeAsync(3);
        await Wait.UntilAsync(() => State(3).Leftovers.Count == 0, "the data is deleted");
    }

    [Fact]
    public async Task Whoever_stops_a_replica_is_told_although_another_was_started_and_stopped_meanwhile()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options);
        await WhenRunningAsync(cluster[3]);
        TestNode node = cluster[3];
        IActorRef supervisor = await node.System.ActorSelection(node.Runtime.Root.Path / KeyValue.Group / Names.Shard(0)).ResolveOne(Wait.Long);
        HostedShard first = Assert.Single(State(3).Hosted);

        // Whether the first is still stopping when the second is stopped is open, so there are several rounds.
        for (int round = 1; round <= 50; round++)
        {
            HostedShard second = first with { Generation = 2 * round };
            Task<HostingStopped> one = supervisor.Ask<HostingStopped>(new StopHosting(first), Wait.Long);
            supervisor.Tell(new StartHosting(second));
            Task<HostingStopped> other = supervisor.Ask<HostingStopped>(new StopHosting(second), Wait.Long);
            Assert.Equal([first, second], (await Task.WhenAll(one, other)).Select(stopped => stopped.Replica));
            first = second with { Generation = 2 * round + 1 };
            supervisor.Tell(new StartHosting(first));
        }
    }

    public void Dispose() => _data.Dispose();

    private TestClusterOptions Options => new()
    {
        Nodes = 4,
        Config = _data.Config,
        Change = settings => settings with { NodeState = _stores[settings.Self.Value - 1] },
    };

    private NodeState State(int node) => NodeState.Decode(_stores[node - 1].Load()!.Value);

    private static void Tell(TestNode node, object message) =>
        node.System.ActorSelection(node.Runtime.Root.Path / Names.Hosting).Tell(message);

    private static Task WhenRunningAsync(TestNode node) => Wait.UntilAsync(
        async () => await node.Runtime.LocalReplicasAsync() is [{ Health: ReplicaHealth.Running }], $"the replica on {node.Id} runs");
}
