using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Quorum;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Quorum;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ActorRepl.Hosting.Tests.Samples;

/// <summary>The shopping cart of docs/quorum-operations.md, and what gateways make of key-value operations, on one node.</summary>
[Collection(nameof(Processes.Processes))]
public sealed class QuorumSamples : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly TempDirectory _directory = new();
    private readonly int _basePort = FreePorts.Base(1);
    private IHost _host = null!;

    private IReplicationClient Client => _host.Services.GetRequiredService<IReplicationClient>();

    public async Task InitializeAsync()
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Services.AddActorRepl(options =>
        {
            options.Nodes = 1;
            options.Data = _directory.Path;
            options.BasePort = _basePort;
            // sample: carts
            options.AddGroup("carts", g => g.Quorum(n: 1, shards: 2, options: read => read with { Resolution = Resolution.Merge, Merge = Union }));
            // end
            options.AddGroup("kv", g => g.Quorum(n: 1, shards: 2));
        });
        _host = builder.Build();
        await _host.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_key_value_client_says_that_such_a_group_has_no_key_value_machine()
    {
        InvalidOperationException told = await Assert.ThrowsAsync<InvalidOperationException>(() => new KeyValueClient(Client, "carts").PutAsync("k"u8.ToArray(), "v"u8.ToArray()).AsTask());
        Assert.Contains("group 'carts' replicates by quorum", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_carts_that_knew_nothing_of_each_other_become_one_with_everything_that_was_put_in()
    {
        byte[] key = "ada"u8.ToArray();
        QuorumClient carts = Client.Quorum("carts");
        QuorumValues empty = await carts.GetAsync(key, timeout: Patience);
        await carts.PutAsync(key, "milk"u8.ToArray(), empty.Context, timeout: Patience);
        await carts.PutAsync(key, "bread"u8.ToArray(), empty.Context, timeout: Patience);
        QuorumValues found = await carts.GetAsync(key, timeout: Patience);
        Assert.Equal("bread,milk", Encoding.UTF8.GetString(found.Value!.Value.Span));
        await carts.PutAsync(key, "bread"u8.ToArray(), found.Context, timeout: Patience);
        Assert.Equal("bread", Encoding.UTF8.GetString((await carts.GetAsync(key, timeout: Patience)).Value!.Value.Span));
    }

    [Fact]
    public async Task A_conditional_write_is_done_once_and_a_second_one_of_the_same_read_is_not()
    {
        byte[] key = "seat"u8.ToArray();
        QuorumClient kv = Client.Quorum("kv");
        QuorumValues free = await kv.GetAsync(key, ConsistencyLevel.Serial, Patience);
        Assert.True((await kv.CompareAndSetAsync(key, "Ada"u8.ToArray(), QuorumCondition.Unchanged, free.Context, timeout: Patience)).Applied);
        QuorumSwap second = await kv.CompareAndSetAsync(key, "Bob"u8.ToArray(), QuorumCondition.Unchanged, free.Context, timeout: Patience);
        Assert.False(second.Applied);
        Assert.Equal("Ada", Encoding.UTF8.GetString(Assert.Single(second.Values).Span));
        Assert.Throws<ArgumentException>(() => Client.Quorum("nobody"));
    }

    [Fact]
    public async Task Key_value_operations_of_many_clients_on_one_key_lose_nothing()
    {
        var gateway = new GatewayClient(Client, new KeyValueOptions());
        byte[] key = "n"u8.ToArray();
        async Task AddAsync()
        {
            for (int i = 0; i < 10; i++)
                await gateway.ExecuteAsync("kv", key, new KeyValuePayload().IncrementBy(key, 1).ToArray(), new RequestOptions { Timeout = Patience });
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => AddAsync()));
        KeyValueReplyReader replies = KeyValueCodec.Replies(await gateway.QueryAsync("kv", key, new KeyValuePayload().Get(key).Exists("other"u8).ToArray(), new RequestOptions { Timeout = Patience }));
        Assert.True(replies.Next(out KeyValueReply number));
        Assert.Equal("40", Encoding.UTF8.GetString(number.Bytes.Span));
        var refused = await Assert.ThrowsAsync<InvalidRequestException>(async () => await gateway.QueryShardAsync("kv", 0, new KeyValuePayload().CountKeys().ToArray()));
        Assert.Contains("no leader", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Everything that is in any of them, in order: the same whatever the order of the carts.</summary>
    private static ReadOnlyMemory<byte> Union(IReadOnlyList<ReadOnlyMemory<byte>> carts) => Encoding.UTF8.GetBytes(
        string.Join(',', carts.SelectMany(cart => Encoding.UTF8.GetString(cart.Span).Split(',')).Distinct().Order(StringComparer.Ordinal)));
}
