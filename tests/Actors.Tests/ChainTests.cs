using ActorRepl.Actors.Client;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Actors.Verify;
using ActorRepl.Protocols.Chain;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Actors.Tests;

/// <summary>A chain of three nodes in one process, with its control group.</summary>
public sealed class ChainTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly DiskData _data = new();
    private readonly MemoryNodeStateStore[] _stores = [.. Enumerable.Range(0, 4).Select(_ => new MemoryNodeStateStore())];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_acknowledged_is_read_by_way_of_every_node_in_every_way_there_is(bool apportioned)
    {
        await using TestCluster cluster = await StartAsync(apportioned);
        for (int i = 1; i <= 30; i++)
        {
            await WriteAsync(cluster[1 + i % 3], "a", $"{i}");
            foreach (TestNode node in cluster.Running)
            {
                Assert.Equal($"{i}", await node.Client.GetAsync("a", timeout: Patience));
                foreach (ReadFrom from in (ReadFrom[])[ReadFrom.Primary, ReadFrom.Secondary, ReadFrom.Nearest])
                    Assert.Equal($"{i}", await ReadAsync(node, "a", from));
            }
        }

        // The head has applied what it has answered, and so have all after it.
        foreach (TestNode node in cluster.Running)
            Assert.Equal("30", await node.Client.GetAsync("a", RequestKind.StaleRead));
        Assert.True((await cluster[2].Runtime.VerifyAsync(KeyValue.Group, 0, Patience)).IsEqual);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task When_a_link_is_lost_the_others_go_on_with_everything_and_it_comes_back_as_the_tail(int place)
    {
        await using TestCluster cluster = await StartAsync();
        for (int i = 0; i < 40; i++)
            await WriteAsync(cluster[1 + i % 3], $"k{i}", $"{i}");
        int gone = (await ChainAsync(cluster))[place];
        await cluster.TerminateAsync(gone);
        TestNode other = cluster.Running.First();
        await WriteAsync(other, "after", "1");
        int[] left = await ChainAsync(cluster, chain => chain.Length == 2);
        Assert.DoesNotContain(gone, left);
        foreach (TestNode node in cluster.Running)
        {
            for (int i = 0; i < 40; i++)
                Assert.Equal($"{i}", await node.Client.GetAsync($"k{i}", timeout: Patience));
        }

        TestNode again = await cluster.StartNodeAsync(gone);
        int[] whole = await ChainAsync(cluster, chain => chain.Length == 3);
        Assert.Equal<int>([.. left, gone], whole);
        Assert.Equal("1", await again.Client.GetAsync("after", RequestKind.StaleRead));
        await WriteAsync(again, "back", "1");
        Assert.Equal("1", await other.Client.GetAsync("back", timeout: Patience));
    }

    [Fact]
    public async Task A_command_that_was_under_way_when_the_head_was_lost_is_applied_once()
    {
        await using TestCluster cluster = await StartAsync();
        int head = (await ChainAsync(cluster))[0];
        TestNode other = cluster.Running.First(node => node.Id.Value != head);
        IReplicationSession session = other.Client.OpenSession(KeyValue.Group);
        using var stop = new CancellationTokenSource();
        Task<int> writer = Task.Run(async () =>
        {
            int done = 0;
            for (; !stop.IsCancellationRequested; done++)
                await session.ExecuteAsync(KeyValue.Bytes("n"), KeyValue.Increment("n"), new RequestOptions { Timeout = Patience });
            return done;
        });
        await Wait.UntilAsync(async () => await other.Client.GetAsync("n", RequestKind.StaleRead) is { Length: > 1 }, "some are done");
        await cluster.TerminateAsync(head);
        string before = (await other.Client.GetAsync("n", timeout: Patience))!;
        await Wait.UntilAsync(async () => writer.IsFaulted || await other.Client.GetAsync("n", timeout: Patience) != before, "they go on");
        await stop.CancelAsync();
        Assert.Equal($"{await writer}", await other.Client.GetAsync("n", timeout: Patience));
    }

    [Fact]
    public async Task Links_that_are_lost_together_leave_one_that_serves()
    {
        await using TestCluster cluster = await StartAsync(nodes: 4);
        await WriteAsync(cluster[1], "a", "1");
        int[] chain = await ChainAsync(cluster);
        // The fourth node has no link: with the last one it makes the control group's majority again once one of the others is back.
        await Task.WhenAll(cluster.TerminateAsync(chain[0]), cluster.TerminateAsync(chain[1]));
        await cluster.StartNodeAsync(chain[0]);
        TestNode last = cluster[chain[2]];
        await WriteAsync(last, "a", "2");
        Assert.Equal("2", await last.Client.GetAsync("a", timeout: Patience));
    }

    [Fact]
    public async Task A_session_reads_its_writes_at_every_link()
    {
        await using TestCluster cluster = await StartAsync();
        IReplicationSession session = cluster[1].Client.OpenSession(KeyValue.Group);
        for (int i = 1; i <= 30; i++)
        {
            await session.ExecuteAsync(KeyValue.Bytes("a"), KeyValue.Set("a", $"{i}"), new RequestOptions { Timeout = Patience });
            IReplicationSession there = cluster[1 + i % 3].Client.OpenSession(KeyValue.Group, session.Token);
            ReadFrom from = i % 2 == 0 ? ReadFrom.Secondary : ReadFrom.Nearest;
            Assert.Equal($"{i}", KeyValue.Text(await there.QueryAsync(
                KeyValue.Bytes("a"), KeyValue.Get("a"), new RequestOptions { ReadFrom = from, Timeout = Patience })));
        }
    }

    [Fact]
    public async Task Links_of_one_region_stand_next_to_each_other()
    {
        await using TestCluster cluster = await StartAsync(regions: ["eu", "us", "eu"]);
        await ChainAsync(cluster, chain => chain is [1, 3, 2]);
        await WriteAsync(cluster[2], "a", "1");
        Assert.Equal("1", await cluster[3].Client.GetAsync("a", timeout: Patience));
    }

    [Fact]
    public async Task Moving_the_head_fails_no_command()
    {
        await using TestCluster cluster = await StartAsync();
        using var stop = new CancellationTokenSource();
        int[] chain = await ChainAsync(cluster);
        Task<int> writer = Task.Run(async () =>
        {
            int done = 0;
            for (; !stop.IsCancellationRequested; done++)
                await cluster[chain[1]].Client.SetAsync("a", $"{done}", Patience);
            return done;
        });
        await cluster[chain[1]].Client.TransferAsync(KeyValue.Group, 0, new ReplicaId(chain[2]));
        int[] after = await ChainAsync(cluster, now => now[0] == chain[2]);
        Assert.Equal(chain.Order(), after.Order());
        await stop.CancelAsync();
        Assert.True(await writer > 0);
    }

    [Fact]
    public async Task Every_link_has_every_write_and_any_other_acknowledgement_is_refused_by_name()
    {
        await using TestCluster cluster = await StartAsync();
        var refused = await Assert.ThrowsAnyAsync<ReplicationException>(async () => await cluster[1].Client.ExecuteAsync(
            KeyValue.Group, KeyValue.Bytes("a"), KeyValue.Set("a", "1"), new RequestOptions { Concern = Ack.SemiSync(1) }));
        Assert.Equal(RejectReason.Invalid, refused.Rejection.Reason);
    }

    public void Dispose() => _data.Dispose();

    private static async Task<string?> ReadAsync(TestNode node, string key, ReadFrom from) => KeyValue.Text(await node.Client.QueryAsync(
        KeyValue.Group, KeyValue.Bytes(key), KeyValue.Get(key), new RequestOptions { ReadFrom = from, Timeout = Patience }));

    /// <summary>What is refused for certain, as where there is no head just now, is sent again.</summary>
    private static async Task WriteAsync(TestNode node, string key, string value)
    {
        for (long deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds; ;)
        {
            try
            {
                await node.Client.SetAsync(key, value, Patience);
                return;
            }
            catch (ReplicationException refused) when (Environment.TickCount64 < deadline)
            {
                // A write of the same value again is the same write.
                Assert.NotEqual(RejectReason.Invalid, refused.Rejection.Reason);
                await Task.Delay(10);
            }
        }
    }

    /// <summary>The links from head to tail, by the word of the head of the latest epoch that anybody knows.</summary>
    private static async Task<int[]> ChainAsync(TestCluster cluster, Func<int[], bool>? wanted = null)
    {
        int[] chain = [];
        await Wait.UntilAsync(
            async () =>
            {
                ReplicaStatus[] known = [.. (await Task.WhenAll(cluster.Running.Select(StatusAsync))).OfType<ReplicaStatus>()];
                long epoch = known.Select(status => status.Term).DefaultIfEmpty().Max();
                chain = [.. (known.FirstOrDefault(status => status.Term == epoch && status.Role is "head" or "only link")?.Links ?? []).Select(link => link.Value)];
                return chain.Length > 0 && (wanted?.Invoke(chain) ?? true);
            },
            "the chain is as it is to be");
        return chain;
    }

    private static async Task<ReplicaStatus?> StatusAsync(TestNode node) =>
        (await node.Runtime.LocalReplicasAsync()).SingleOrDefault(report => report.Group == KeyValue.Group)?.Status;

    private async Task<TestCluster> StartAsync(bool apportioned = false, int nodes = 3, string[]? regions = null)
    {
        // A busy machine is no dead link.
        var options = ChainOptions.Default with { ApportionedReads = apportioned, LeaseMicros = 800 * Instant.Millisecond, DeadAfterBeats = 16 };
        Func<IStateMachine> machine = () => new KeyValueMachine();
        TestCluster cluster = await TestCluster.StartAsync(new TestClusterOptions
        {
            Nodes = nodes,
            Config = _data.Config,
            Group = new GroupDefinition { Name = KeyValue.Group, Protocol = new ChainFactory(options, MachineKeys.Of(machine)), Machine = machine, Shards = 1, Replicas = 3 },
            Change = settings => settings with
            {
                Nodes = [.. settings.Nodes.Select(node => node with { Region = regions?[node.Id.Value - 1] ?? "" })],
                NodeState = _stores[settings.Self.Value - 1], Control = new ControlSettings { Protocol = new RaftFactory(TestClusterOptions.Raft) },
            },
        });
        await ChainAsync(cluster, chain => chain.Length == 3);
        await Wait.UntilAsync(() => Task.FromResult(cluster.Running.All(node => node.Runtime.ControlState.Groups.ContainsKey(KeyValue.Group))), "the control group knows the shard");
        return cluster;
    }
}
