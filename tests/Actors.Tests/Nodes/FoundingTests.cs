using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Configuration;

namespace ActorRepl.Actors.Tests.Nodes;

/// <summary>Three founders in this process, before their replicas start; what they remember outlives them.</summary>
public sealed class FoundingTests : IAsyncLifetime
{
    private readonly NodeInfo[] _infos = [.. Enumerable.Range(1, 3).Select(id =>
        new NodeInfo(new ReplicaId(id), $"node-{id}", new Address("akka.tcp", "test", "127.0.0.1", FreePorts.Take())))];

    private readonly MemoryNodeStateStore[] _stores = [new(), new(), new()];
    private readonly Dictionary<int, ActorSystem> _systems = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (ActorSystem system in _systems.Values)
            await system.Terminate();
    }

    [Fact]
    public async Task All_found_in_whatever_order_they_start_and_start_again_without_asking()
    {
        ClusterFounding third = Start(3);
        await Wait.UntilAsync(() => third.Waiting.Contains("node-1", StringComparison.Ordinal), "node 3 waits for the others");
        Assert.Contains("node-2", third.Waiting, StringComparison.Ordinal);
        ClusterFounding first = Start(1);
        Assert.False(third.Settled.IsCompleted);
        await SettledAsync(third, first, Start(2));
        Assert.Equal("", third.Waiting);
        for (int node = 1; node <= 3; node++)
        {
            Assert.False(State(node).Undecided);
            Assert.NotEqual(Guid.Empty, State(node).Disk);
            Assert.Equal(State(node).Disk, State(1).DiskOf(new(node)));
            Assert.NotEmpty(Hosted(node));
            await StopAsync(node);
        }

        await SettledAsync(Start(2));
    }

    [Fact]
    public async Task A_founder_whose_disk_is_gone_joins_by_the_word_of_any_other()
    {
        await SettledAsync(Start(1), Start(2), Start(3));
        foreach (int node in new[] { 1, 2 })
            await StopAsync(node);
        _stores[0] = new MemoryNodeStateStore();
        await SettledAsync(Start(1));
        Assert.Empty(Hosted(1));
        Assert.Equal(State(3).Disk, State(1).DiskOf(new(3)));
    }

    [Fact]
    public async Task Two_founders_whose_disks_are_gone_wait_for_the_third_and_join_when_it_is_back()
    {
        await SettledAsync(Start(1), Start(2), Start(3));
        for (int node = 1; node <= 3; node++)
            await StopAsync(node);
        _stores[0] = new MemoryNodeStateStore();
        _stores[1] = new MemoryNodeStateStore();
        ClusterFounding first = Start(1), second = Start(2);
        await Wait.UntilAsync(() => first.Waiting.Contains("not heard: node-3 at", StringComparison.Ordinal) && second.Waiting.Contains("not heard: node-3 at", StringComparison.Ordinal), "both wait for node 3");
        Assert.False(first.Settled.IsCompleted || second.Settled.IsCompleted);
        await SettledAsync(Start(3), first, second);
        Assert.Empty(Hosted(1));
        Assert.Empty(Hosted(2));
    }

    [Fact]
    public async Task A_node_that_has_data_and_remembers_nothing_does_not_start_as_another()
    {
        await SettledAsync(Start(1), Start(2), Start(3));
        await StopAsync(1);
        _stores[0] = new MemoryNodeStateStore();
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => Start(1, hasData: true).Settled.WaitAsync(Wait.Long));
        Assert.Contains("knows n1 by another data directory", refused.Message, StringComparison.Ordinal);
    }

    private static Task SettledAsync(params ClusterFounding[] all) => Task.WhenAll(all.Select(one => one.Settled)).WaitAsync(Wait.Long);

    private ClusterFounding Start(int node, bool hasData = false)
    {
        NodeInfo self = _infos[node - 1];
        Config config = ConfigurationFactory.ParseString($$"""
            akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = {{self.Address.Port}} }
            """).WithFallback(TestClusterOptions.Base).WithFallback(RuntimeConfig.Reference);
        var system = ActorSystem.Create("test", config);
        _systems[node] = system;
        return ClusterFounding.Start(system, Settings(node), hasData);
    }

    private Task StopAsync(int node) => _systems.Remove(node, out ActorSystem? system) ? system.Terminate() : Task.CompletedTask;

    private NodeState State(int node) => NodeState.Decode(_stores[node - 1].Load()!.Value);

    /// <summary>What the node's runtime starts with.</summary>
    private IReadOnlyList<HostedShard> Hosted(int node) => new NodeMemory(Settings(node)).State.Hosted;

    private ReplicationSettings Settings(int node) => new()
    {
        Cluster = "test",
        Self = _infos[node - 1].Id,
        Nodes = _infos,
        Groups = [new TestClusterOptions().Group],
        NodeState = _stores[node - 1],
    };
}
