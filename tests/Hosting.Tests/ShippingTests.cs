using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Machines;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ActorRepl.Hosting.Tests;

/// <summary>Changes of one group that are shipped to another, in a node inside a generic host.</summary>
[Collection(nameof(Processes.Processes))]
public sealed class ShippingTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly TempDirectory _directory = new();

    // A node is found where the others have heard it is.
    private readonly int _port = FreePorts.Base(1);

    [Fact]
    public async Task What_changes_in_one_group_changes_in_the_other_and_goes_on_where_it_was_after_a_restart()
    {
        using (IHost host = Build())
        {
            await host.StartAsync();
            var client = host.Services.GetRequiredService<IReplicationClient>();
            for (int i = 0; i < 50; i++)
                await WriteAsync(client, "eu", $"k{i}", $"{i}");
            await WriteAsync(client, "eu", "gone", "1");
            await UntilAsync(client, "gone", "1");
            await client.ExecuteAsync("eu", "gone"u8.ToArray(), new KeyValuePayload().Delete("gone"u8).ToArray(), new RequestOptions { Timeout = Patience });
            await WriteAsync(client, "eu", "k7", "seven");
            await UntilAsync(client, "gone", null);
            await UntilAsync(client, "k7", "seven");
            for (int i = 0; i < 50; i++)
                await UntilAsync(client, $"k{i}", i == 7 ? "seven" : $"{i}");
            await host.StopAsync();
        }

        using IHost again = Build();
        await again.StartAsync();
        var after = again.Services.GetRequiredService<IReplicationClient>();
        await WriteAsync(after, "eu", "later", "1");
        await UntilAsync(after, "later", "1");
        Assert.Equal("seven", await ReadAsync(after, "us", "k7"));
        Assert.Null(await ReadAsync(after, "us", "gone"));
        await again.StopAsync();
    }

    [Fact]
    public async Task What_the_target_has_and_the_source_has_not_goes_when_the_shard_is_copied()
    {
        using (IHost alone = Build(ship: false))
        {
            await alone.StartAsync();
            var client = alone.Services.GetRequiredService<IReplicationClient>();
            await WriteAsync(client, "us", "stray", "1");
            await WriteAsync(client, "eu", "a", "1");
            await alone.StopAsync();
        }

        using IHost host = Build();
        await host.StartAsync();
        var shipping = host.Services.GetRequiredService<IReplicationClient>();
        await UntilAsync(shipping, "a", "1");
        await UntilAsync(shipping, "stray", null);
        await host.StopAsync();
    }

    [Fact]
    public async Task Values_that_together_are_more_than_one_request_may_hold_are_shipped_in_several_as_changes_and_as_a_copy()
    {
        using (IHost alone = Build(ship: false))
        {
            await alone.StartAsync();
            var client = alone.Services.GetRequiredService<IReplicationClient>();
            // More keys that have to go than one page holds, and then values of which any two are too much.
            for (int i = 0; i < 1_200; i++)
                await WriteAsync(client, "us", $"stray{i:D4}", "1");
            for (int i = 0; i < 4; i++)
                await WriteAsync(client, "eu", $"large{i}", new string((char)('a' + i), 700_000));
            await alone.StopAsync();
        }

        using IHost host = Build();
        await host.StartAsync();
        var shipping = host.Services.GetRequiredService<IReplicationClient>();
        await UntilAsync(shipping, "large3", new string('d', 700_000));
        await UntilAsync(shipping, "stray1199", null);
        for (int i = 0; i < 8; i++)
            await WriteAsync(shipping, "eu", $"large{i}", new string((char)('A' + i), 700_000));
        for (int i = 0; i < 8; i++)
            await UntilAsync(shipping, $"large{i}", new string((char)('A' + i), 700_000));
        await host.StopAsync();
    }

    [Theory]
    [InlineData("actorrepl.groups.eu.ship-to = [asia]", "'asia'; it must be another group")]
    [InlineData("actorrepl.groups.eu.ship-to = [eu]", "'eu'; it must be another group")]
    [InlineData("actorrepl.groups.eu.ship-to = [us], actorrepl.groups.us.ship-to = [eu]", "send each other's changes back for ever")]
    public void Where_nothing_can_be_shipped_is_refused_by_name(string settings, string said)
    {
        var options = new ActorReplOptions { Nodes = 1, Data = "/data", Config = settings.Replace(", actorrepl", "\nactorrepl", StringComparison.Ordinal) };
        options.AddGroup("eu", group => group.Chain(length: 1)).AddGroup("us", group => group.Chain(length: 1));
        Assert.Contains(said, Assert.Throws<UserErrorException>(() => Node.NodePlan.Make(options)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _directory.Dispose();

    private IHost Build(bool ship = true)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddActorRepl(options =>
        {
            (options.Nodes, options.Data, options.BasePort) = (1, _directory.Path, _port);
            options.AddGroup("eu", group => group.Chain(length: 1, shards: 2).ShipTo(ship ? ["us"] : []));
            options.AddGroup("us", group => group.Chain(length: 1, shards: 2));
        });
        return builder.Build();
    }

    private static async Task WriteAsync(IReplicationClient client, string group, string key, string value) => await client.ExecuteAsync(
        group, Encoding.UTF8.GetBytes(key), new KeyValuePayload().Set(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value)).ToArray(), new RequestOptions { Timeout = Patience });

    private static async Task<string?> ReadAsync(IReplicationClient client, string group, string key)
    {
        ReadOnlyMemory<byte> result = await client.QueryAsync(
            group, Encoding.UTF8.GetBytes(key), new KeyValuePayload().Get(Encoding.UTF8.GetBytes(key)).ToArray(), new RequestOptions { Timeout = Patience });
        Assert.True(KeyValueCodec.Replies(result) is var replies && replies.Next(out KeyValueReply reply));
        return reply.Kind == KeyValueReplyKind.Nil ? null : Encoding.UTF8.GetString(reply.Bytes.Span);
    }

    private static async Task UntilAsync(IReplicationClient client, string key, string? value)
    {
        for (long deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds; await ReadAsync(client, "us", key) != value; await Task.Delay(20))
            Assert.True(Environment.TickCount64 < deadline, $"{key} does not become {value} in the other group");
    }
}
