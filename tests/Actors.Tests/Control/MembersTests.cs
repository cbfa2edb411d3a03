using ActorRepl.Actors.Client;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Actors.Tests.Control;

/// <summary>Members that change while clients write. Three nodes found the cluster, others join.</summary>
public sealed class MembersTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly DiskData _data = new();
    private readonly MemoryNodeStateStore[] _stores = [.. Enumerable.Range(0, 5).Select(_ => new MemoryNodeStateStore())];

    [Fact]
    public async Task A_group_grows_from_three_members_to_five_and_back_and_no_write_fails()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options());
        using var stop = new CancellationTokenSource();
        Task<int> writes = WriteAsync(cluster[1].Client, stop.Token);
        foreach (int node in new[] { 4, 5 })
        {
            await cluster.StartNodeAsync(node);
            await OrderAsync(cluster, state => MemberRequests.Add(state, KeyValue.Group, new ReplicaId(node)));
        }

        await WhenHeldByAsync(cluster, 1, 2, 3, 4, 5);
        Assert.Equal("v0", await cluster[5].Client.GetAsync("k0"));
        foreach (int node in new[] { 1, 2 })
            await OrderAsync(cluster, state => MemberRequests.Remove(state, KeyValue.Group, new ReplicaId(node)));
        await WhenHeldByAsync(cluster, 3, 4, 5);
        await Wait.UntilAsync(
            () => new[] { 1, 2 }.All(node => State(node) is { Leftovers.Count: 0 } state && state.Hosted.All(hosted => hosted.Group != KeyValue.Group)),
            "the replicas that left are gone", Patience);

        await stop.CancelAsync();
        int written = await writes;
        Assert.True(written > 0);
        for (int i = 0; i < written; i++)
            Assert.Equal($"v{i}", await cluster[2].Client.GetAsync($"k{i}"));
    }

    [Fact]
    public async Task A_node_that_is_lost_is_replaced_by_a_spare_one_by_itself()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options());
        await cluster[1].Client.SetAsync("a", "1");
        await cluster.StartNodeAsync(4);
        await Wait.UntilAsync(() => cluster[1].Runtime.ControlState.Nodes.Values.Count(node => node.Status == NodeStatus.Up) == 4, "four nodes are up", Patience);
        await WhenHeldByAsync(cluster, 1, 2, 3);
        await cluster.TerminateAsync(3);
        await WhenHeldByAsync(cluster, 1, 2, 4);
        await cluster.TerminateAsync(1);
        Assert.Equal("1", await cluster[4].Client.GetAsync("a", timeout: TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task A_node_that_is_drained_gives_all_it_holds_to_others_and_can_then_be_removed()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options());
        await cluster[1].Client.SetAsync("a", "1");
        var early = await Assert.ThrowsAnyAsync<ReplicationException>(() => OrderNodeAsync(state => NodeRequests.Remove(state, new ReplicaId(2))));
        Assert.Contains("drain it first", early.Message, StringComparison.Ordinal);
        await cluster.StartNodeAsync(4);
        await Wait.UntilAsync(() => cluster[1].Runtime.ControlState.Node(new ReplicaId(4))?.Status == NodeStatus.Up, "the fourth node is up", Patience);
        Assert.Equal(1, await OrderNodeAsync(state => NodeRequests.Drain(state, new ReplicaId(2))));
        await WhenHeldByAsync(cluster, 1, 3, 4);
        Assert.Equal(1, await OrderNodeAsync(state => NodeRequests.Remove(state, new ReplicaId(2))));
        Assert.Equal("1", await cluster[4].Client.GetAsync("a"));

        // Not known before all founding nodes have registered.
        async Task<int> OrderNodeAsync(Func<ControlState, NodeOrder> plan)
        {
            await Wait.UntilAsync(
                async () => await cluster[1].Runtime.Admin!.StateAsync() is var state && state.Groups.ContainsKey(KeyValue.Group) && cluster.Running.All(node => state.Node(node.Id) is not null),
                "all nodes have registered", Patience);
            return await cluster[1].Runtime.Admin!.OrderAsync(plan);
        }
    }

    [Fact]
    public async Task Leadership_is_given_to_whom_an_operator_names_and_a_node_that_is_no_voter_is_refused()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options());
        await WhenHeldByAsync(cluster, 1, 2, 3);
        foreach (int node in new[] { 3, 2, 1 })
        {
            await Wait.UntilAsync(() => cluster[2].IsTransferredAsync(new ReplicaId(node)), $"node {node} may lead");
            await Wait.UntilAsync(async () => (await cluster[2].Client.MembersAsync(KeyValue.Group, 0)).Leader == new ReplicaId(node), $"node {node} leads");
        }

        var refused = await Assert.ThrowsAnyAsync<ReplicationException>(() => cluster[1].Client.TransferAsync(KeyValue.Group, 0, new ReplicaId(7)));
        Assert.Contains("cannot prefer n7", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_change_that_would_leave_fewer_replicas_than_declared_is_refused()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options());
        await WhenHeldByAsync(cluster, 1, 2, 3);
        var refused = await Assert.ThrowsAnyAsync<ReplicationException>(
            () => OrderAsync(cluster, state => MemberRequests.Remove(state, KeyValue.Group, new ReplicaId(1))));
        Assert.Contains("kv/0 would have 2 replicas", refused.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _data.Dispose();

    private NodeState State(int node) => NodeState.Decode(_stores[node - 1].Load()!.Value);

    private TestClusterOptions Options() => new()
    {
        Nodes = 5,
        Founders = 3,
        Config = _data.Config,
        Change = settings => settings with
        {
            NodeState = _stores[settings.Self.Value - 1],
            Control = new ControlSettings
            {
                Protocol = new RaftFactory(TestClusterOptions.Raft),
                ReportInterval = TimeSpan.FromMilliseconds(200),
                Tick = TimeSpan.FromMilliseconds(100),
                DownAfter = TimeSpan.FromSeconds(1),
                Reconciler = new ReconcilerOptions { ReplaceAfter = 2 * Instant.Second, RetryAfter = 2 * Instant.Second },
            },
        },
    };

    private static async Task<int> WriteAsync(IReplicationClient client, CancellationToken stop)
    {
        int written = 0;
        while (!stop.IsCancellationRequested)
        {
            await client.SetAsync($"k{written}", $"v{written}");
            written++;
            await Task.Delay(1, CancellationToken.None);
        }

        return written;
    }

    // A node that has just started may not have registered yet.
    private static async Task OrderAsync(TestCluster cluster, Func<ControlState, MemberPlan> plan)
    {
        ControlState state = ControlState.Empty;
        await Wait.UntilAsync(
            async () => (state = await cluster[3].Runtime.Admin!.StateAsync()).Groups.ContainsKey(KeyValue.Group) && cluster.Running.All(node => state.Node(node.Id) is not null),
            "all nodes have registered", Patience);
        await cluster[3].Runtime.Admin!.OrderAsync(plan);
    }

    private static Task WhenHeldByAsync(TestCluster cluster, params int[] nodes) => Wait.UntilAsync(
        async () => await cluster.Running.Last().Client.MembersAsync(KeyValue.Group, 0) is { IsSettled: true } members
            && members.Actual!.Voters.SequenceEqual(nodes.Select(node => new ReplicaId(node))),
        $"the shard is held by {string.Join(", ", nodes)}", Patience);
}
