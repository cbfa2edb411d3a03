using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Actors.Tests;

/// <summary>A quorum group of three nodes in one process, with the control group.</summary>
public sealed class QuorumTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly DiskData _data = new();
    private readonly MemoryNodeStateStore[] _stores = [.. Enumerable.Range(0, 4).Select(_ => new MemoryNodeStateStore())];

    [Fact]
    public async Task What_is_written_by_way_of_one_node_is_read_by_way_of_every_other()
    {
        await using TestCluster cluster = await StartAsync();
        for (int i = 0; i < 30; i++)
        {
            Keys writer = Client(cluster[1 + i % 3]);
            QuorumReply before = await writer.GetAsync(Bytes("a"), timeout: Patience);
            await writer.PutAsync(Bytes("a"), Bytes($"{i}"), before.Context, timeout: Patience);
            foreach (TestNode node in cluster.Running)
                Assert.Equal([$"{i}"], await ReadAsync(node, "a"));
        }

        QuorumReply last = await Client(cluster[2]).GetAsync(Bytes("a"), timeout: Patience);
        await Client(cluster[3]).DeleteAsync(Bytes("a"), last.Context, timeout: Patience);
        Assert.Empty(await ReadAsync(cluster[1], "a"));
    }

    [Fact]
    public async Task Writes_that_know_nothing_of_each_other_are_siblings_and_the_next_write_after_a_read_replaces_both()
    {
        await using TestCluster cluster = await StartAsync();
        await Client(cluster[1]).PutAsync(Bytes("a"), Bytes("x"), timeout: Patience);
        await Client(cluster[2]).PutAsync(Bytes("a"), Bytes("y"), timeout: Patience);
        QuorumReply both = await Client(cluster[3]).GetAsync(Bytes("a"), timeout: Patience);
        Assert.Equal(["x", "y"], both.Values.Select(Text).Order());
        await Client(cluster[3]).PutAsync(Bytes("a"), Bytes("z"), both.Context, timeout: Patience);
        Assert.Equal(["z"], await ReadAsync(cluster[1], "a"));
    }

    [Fact]
    public async Task With_one_of_three_gone_all_goes_on_and_with_two_gone_one_works_and_a_quorum_says_who_is_missing()
    {
        await using TestCluster cluster = await StartAsync();
        await Client(cluster[1]).PutAsync(Bytes("a"), Bytes("1"), level: ConsistencyLevel.All, timeout: Patience);
        await cluster.TerminateAsync(3);
        await Client(cluster[1]).PutAsync(Bytes("b"), Bytes("2"), timeout: Patience);
        Assert.Equal(["2"], await ReadAsync(cluster[2], "b"));
        await cluster.TerminateAsync(2);
        Assert.Equal(["1"], (await Client(cluster[1]).GetAsync(Bytes("a"), ConsistencyLevel.One, Patience)).Values.Select(Text));
        await Client(cluster[1]).PutAsync(Bytes("c"), Bytes("3"), level: ConsistencyLevel.One, timeout: Patience);
        // Until it is known that they are down, a request waits for them, and who is late to say so is the router or the coordinator.
        NoQuorumException? read = null;
        await Wait.UntilAsync(
            async () => (read = await Assert.ThrowsAsync<NoQuorumException>(async () => await Client(cluster[1]).GetAsync(Bytes("a"), timeout: TimeSpan.FromMilliseconds(700)))).Message.Contains("are down", StringComparison.Ordinal),
            "a read names the nodes that are down");
        Assert.Contains("Quorum of 3 owners must answer; n2, n3 are down", read!.Message, StringComparison.Ordinal);
        Assert.False(read.OutcomeUnknown);
        var write = await Assert.ThrowsAsync<NoQuorumException>(async () => await Client(cluster[1]).PutAsync(Bytes("d"), Bytes("4"), timeout: Patience));
        Assert.Contains("Quorum of 3 owners must answer; n2, n3 are down", write.Message, StringComparison.Ordinal);
        Assert.False(write.OutcomeUnknown);

        // What they have missed they get when they are back.
        await cluster.StartNodeAsync(2);
        await cluster.StartNodeAsync(3);
        foreach (int node in (int[])[2, 3])
            await Wait.UntilAsync(async () => (await Client(cluster[node]).GetAsync(Bytes("c"), ConsistencyLevel.One, Patience)).Values.Select(Text).SequenceEqual(["3"]), $"node {node} has what it missed");
    }

    [Fact]
    public async Task A_level_may_come_with_the_request_or_its_options_and_other_groups_refuse_one()
    {
        await using TestCluster cluster = await StartAsync();
        await Client(cluster[1]).PutAsync(Bytes("a"), Bytes("1"), timeout: Patience);
        byte[] get = new QuorumRequest(QuorumOperation.Get, Bytes("a")).ToBytes();
        ReadOnlyMemory<byte> reply = await cluster[1].Client.QueryAsync(KeyValue.Group, Bytes("a"), get, new RequestOptions { Level = ConsistencyLevel.All, Timeout = Patience });
        Assert.Equal(["1"], QuorumReply.Decode(reply).Values.Select(Text));
        Assert.Throws<ArgumentException>(() => cluster[1].Client.OpenSession(KeyValue.Group));
        var tooMany = await Assert.ThrowsAsync<InvalidRequestException>(async () => await Client(cluster[1]).GetAsync(Bytes("a"), ConsistencyLevel.Of(4), Patience));
        Assert.Contains("3 owners", tooMany.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everything_is_there_again_after_all_nodes_have_stopped()
    {
        await using (TestCluster cluster = await StartAsync())
        {
            for (int i = 0; i < 50; i++)
                await Client(cluster[1 + i % 3]).PutAsync(Bytes($"k{i}"), Bytes($"{i}"), timeout: Patience);
        }

        await using TestCluster again = await StartAsync();
        for (int i = 0; i < 50; i++)
            Assert.Equal([$"{i}"], await ReadAsync(again[1 + i % 3], $"k{i}"));
    }

    public void Dispose() => _data.Dispose();

    private static Keys Client(TestNode node) => new(node.Client);

    private static async Task<string[]> ReadAsync(TestNode node, string key) => [.. (await Client(node).GetAsync(Bytes(key), timeout: Patience)).Values.Select(Text)];

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    private async Task<TestCluster> StartAsync()
    {
        var protocol = new QuorumFactory(QuorumOptions.Default with { RepairMicros = Instant.Second });
        return await TestCluster.StartAsync(new TestClusterOptions
        {
            Group = new GroupDefinition { Name = KeyValue.Group, Protocol = protocol, Machine = protocol.OwnMachine, Shards = 2, Replicas = 3 },
            Config = node => _data.Config(node),
            Change = settings => settings with { Control = new ControlSettings { Protocol = new RaftFactory(TestClusterOptions.Raft) }, NodeState = _stores[settings.Self.Value - 1] },
        });
    }

    /// <summary>One node's way to the group, with the protocol's own requests.</summary>
    private sealed class Keys(IReplicationClient client)
    {
        public async Task<QuorumReply> GetAsync(byte[] key, ConsistencyLevel level = default, TimeSpan? timeout = null) =>
            QuorumReply.Decode(await client.QueryAsync(KeyValue.Group, key, new QuorumRequest(QuorumOperation.Get, key, Level: level).ToBytes(), new RequestOptions { Timeout = timeout }));

        public Task PutAsync(byte[] key, byte[] value, ReadOnlyMemory<byte> context = default, ConsistencyLevel level = default, TimeSpan? timeout = null) =>
            WriteAsync(new QuorumRequest(QuorumOperation.Put, key, value, context, Guid.NewGuid(), level), timeout);

        public Task DeleteAsync(byte[] key, ReadOnlyMemory<byte> context, TimeSpan? timeout = null) =>
            WriteAsync(new QuorumRequest(QuorumOperation.Delete, key, default, context, Guid.NewGuid()), timeout);

        private async Task WriteAsync(QuorumRequest request, TimeSpan? timeout) =>
            await client.ExecuteAsync(KeyValue.Group, request.Key, request.ToBytes(), new RequestOptions { Timeout = timeout });
    }
}
