using System.Net.Sockets;
using System.Text;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Tests.Redis;

/// <summary>What one client, or all of them, may make a gateway hold.</summary>
public sealed class LimitTests
{
    private const string Ping = "*1\r\n$4\r\nPING\r\n", Pong = "+PONG\r\n";

    [Fact]
    public async Task A_connection_too_many_is_told_so_and_one_that_closes_makes_room()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient(), maxConnections: 2);
        using RawConnection first = await ServedAsync(gateway);
        RawConnection second = await ServedAsync(gateway);
        using (RawConnection third = await gateway.ConnectAsync())
        {
            Assert.Equal("-ERR max number of clients reached", await third.ReadLineAsync());
            await third.ExpectCloseAsync();
        }

        await PingAsync(first);
        second.Dispose();
        await Eventually.TrueAsync(async () =>
        {
            using RawConnection next = await gateway.ConnectAsync();
            await next.SendAsync(Ping);
            return await next.ReadLineAsync() == "+PONG";
        });
    }

    [Fact]
    public async Task Who_says_nothing_for_too_long_is_closed_and_who_speaks_stays()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient(), new RespLimits { IdleTimeout = TimeSpan.FromSeconds(2) });
        using RawConnection silent = await ServedAsync(gateway), speaking = await ServedAsync(gateway);
        Task closed = silent.ExpectCloseAsync();
        while (!closed.IsCompleted)
        {
            await PingAsync(speaking);
            await Task.WhenAny(closed, Task.Delay(100));
        }

        await closed;
        await PingAsync(speaking);
    }

    [Fact]
    public async Task A_command_for_which_there_is_no_room_is_refused_early_and_small_ones_are_served()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient(), new RespLimits { MaxHeldBytes = 1_500_000 });
        using RawConnection small = await ServedAsync(gateway);
        using (RawConnection greedy = await gateway.ConnectAsync())
        {
            await greedy.SendAsync(Begun(900_000));
            await Eventually.TrueAsync(() => Task.FromResult(gateway.Held >= 900_000));
            using RawConnection late = await gateway.ConnectAsync();
            try
            {
                await late.SendAsync(Begun(1_000_000));
            }
            catch (SocketException)
            {
                // Closed before all was said.
            }

            Assert.StartsWith("-BUSY ", await late.ReadLineAsync(), StringComparison.Ordinal);
            await PingAsync(small);
            await small.CommandAsync("SET", "k", new string('v', 5_000));
            await small.ExpectAsync("+OK\r\n");
            await greedy.SendAsync(new string('x', 100_000) + "\r\n");
            await greedy.ExpectAsync("+OK\r\n");
        }

        await Eventually.TrueAsync(() => Task.FromResult(gateway.Held == 0));
        using RawConnection again = await gateway.ConnectAsync();
        await again.SendAsync(Begun(1_000_000) + "\r\n");
        await again.ExpectAsync("+OK\r\n");
    }

    [Fact]
    public async Task Ways_of_reading_that_nobody_uses_any_more_keep_no_others_apart()
    {
        var group = new FakeReplicationClient();
        await using GatewayHost gateway = await GatewayHost.StartAsync(group, new RespLimits { GatherFor = TimeSpan.FromSeconds(10) });
        using RawConnection greedy = await ServedAsync(gateway), one = await ServedAsync(gateway), other = await ServedAsync(gateway), slow = await ServedAsync(gateway), last = await ServedAsync(gateway);
        for (int i = 1; i <= 40; i++)
        {
            await greedy.SendAsync($"READ {i}ms\r\nGET k\r\n");
            await greedy.ExpectAsync("+OK\r\n$-1\r\n");
        }

        // While one read waits, those of two who read in the same way gather.
        var release = new TaskCompletionSource();
        group.Before = _ => release.Task;
        group.Requests.Clear();
        await slow.SendAsync("GET k\r\n");
        await Eventually.TrueAsync(() => Task.FromResult(group.Requests.Count == 1));
        await one.SendAsync("READ 77ms\r\nGET k\r\n");
        await other.SendAsync("READ 77ms\r\nGET k\r\n");
        for (int i = 0; i < 3; i++)
            await PingAsync(last);
        group.Before = _ => Task.CompletedTask;
        release.SetResult();
        await slow.ExpectAsync("$-1\r\n");
        await one.ExpectAsync("+OK\r\n$-1\r\n");
        await other.ExpectAsync("+OK\r\n$-1\r\n");
        Assert.Equal([1, 2], group.Requests.Select(request => request.Operations));
    }

    [Fact]
    public async Task What_is_only_announced_takes_no_room_from_others()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient(), new RespLimits { MaxHeldBytes = 2_500_000 });
        var attackers = new List<RawConnection>();
        for (int i = 0; i < 20; i++)
        {
            attackers.Add(await gateway.ConnectAsync());
            await attackers[i].SendAsync("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048576\r\nbegun");
        }

        // Who is served after them comes after them.
        using RawConnection client = await ServedAsync(gateway);
        for (int i = 0; i < 3; i++)
            await PingAsync(client);
        await Eventually.TrueAsync(() => Task.FromResult(gateway.Held == 0));
        await client.CommandAsync("SET", "k", new string('v', 1_000_000));
        await client.ExpectAsync("+OK\r\n");
        attackers.ForEach(attacker => attacker.Dispose());
    }

    [Fact]
    public async Task A_command_that_does_not_go_on_is_given_up_and_who_is_idle_between_commands_stays()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient(), new RespLimits { CommandTimeout = TimeSpan.FromSeconds(1) });
        using RawConnection idle = await ServedAsync(gateway), begun = await ServedAsync(gateway), later = await gateway.ConnectAsync();
        await begun.SendAsync("*2\r\n$3\r\nGET\r\n$1");
        await later.SendAsync("SET k v\r\n*2\r\n$3\r\nGET\r\n$1");
        await later.ExpectAsync("+OK\r\n");
        await begun.ExpectCloseAsync();
        await later.ExpectCloseAsync();
        await PingAsync(idle);
    }

    [Theory]
    [InlineData("*2\r\n$4\r\nAUTH\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length")]
    [InlineData("*11\r\n$4\r\nAUTH\r\n", "-ERR Protocol error: unauthenticated multibulk length")]
    [InlineData("inline", "-ERR Protocol error: too big inline request")]
    public async Task Who_has_not_said_the_password_can_say_no_more_than_that(string said, string error)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient(), new RespLimits { Password = "secret" });
        using RawConnection stranger = await gateway.ConnectAsync();
        await stranger.SendAsync(said == "inline" ? new string('x', 16_385) : said);
        Assert.Equal(error, await stranger.ReadLineAsync());
        await stranger.ExpectCloseAsync();

        // In the same bytes as the password there may be more.
        using RawConnection friend = await gateway.ConnectAsync();
        await friend.SendAsync($"AUTH secret\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000\r\n{new string('v', 20_000)}\r\n");
        await friend.ExpectAsync("+OK\r\n+OK\r\n");
    }

    [Fact]
    public async Task Results_that_wait_are_counted_and_a_command_for_which_there_is_no_room_asks_no_more()
    {
        const int valueBytes = 500_000;
        var group = new FakeReplicationClient(options: new KeyValueOptions { MaxResultBytes = 600_000 });
        await using GatewayHost gateway = await GatewayHost.StartAsync(group, new RespLimits { MaxHeldBytes = 3_000_000 });
        using RawConnection client = await ServedAsync(gateway), other = await ServedAsync(gateway);
        await client.CommandAsync("SET", "k", new string('v', valueBytes));
        await client.ExpectAsync("+OK\r\n");
        await client.CommandAsync(["MGET", .. Enumerable.Repeat("k", 100)]);
        await client.ExpectAsync("-BUSY the node holds as many bytes of commands and replies as it may; try again later\r\n");
        Assert.InRange(group.Requests.Count, 4, 9);
        await Eventually.TrueAsync(() => Task.FromResult(gateway.Held == 0));
        await PingAsync(other);
        await client.CommandAsync("MGET", "k", "k", "k");
        Assert.Equal(3 * (valueBytes + 11) + 4, (await client.ReadReplyAsync()).Length);
        await Eventually.TrueAsync(() => Task.FromResult(gateway.Held == 0));
    }

    [Fact]
    public async Task A_reply_that_would_be_too_long_is_not_asked_for_to_its_end()
    {
        var group = new FakeReplicationClient(options: new KeyValueOptions { MaxResultBytes = 60_000 });
        await using GatewayHost gateway = await GatewayHost.StartAsync(group, new RespLimits { MaxReplyBytes = 120_000, MaxValueBytes = 50_000 });
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync("SET", "k", new string('v', 50_000));
        await client.ExpectAsync("+OK\r\n");
        await client.CommandAsync(["MGET", .. Enumerable.Repeat("k", 100)]);
        await client.ExpectAsync("-ERR the reply would exceed 120000 bytes\r\n");
        Assert.InRange(group.Requests.Count, 1, 5);

        // What comes after it in the pipeline has its replies.
        await client.SendAsync($"MGET {string.Join(' ', Enumerable.Repeat("k", 100))}\r\nSTRLEN k\r\nGET k\r\n");
        await client.ExpectAsync($"-ERR the reply would exceed 120000 bytes\r\n:50000\r\n$50000\r\n{new string('v', 50_000)}\r\n");
    }

    [Fact]
    public async Task What_a_transaction_queues_and_watches_is_counted()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient(), new RespLimits { MaxHeldBytes = 300_000 });
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("MULTI\r\n");
        await client.ExpectAsync("+OK\r\n");
        string[] replies = new string[12];
        for (int i = 0; i < replies.Length; i++)
        {
            await client.CommandAsync("SET", "k", new string('v', 30_000));
            replies[i] = await client.ReadLineAsync();
        }

        Assert.Equal("+QUEUED", replies[8]);
        Assert.StartsWith("-BUSY ", replies[^1], StringComparison.Ordinal);
        Assert.InRange(gateway.Held, 200_000, 300_000);
        await client.SendAsync("EXEC\r\n");
        Assert.StartsWith("-EXECABORT", await client.ReadLineAsync(), StringComparison.Ordinal);
        await Eventually.TrueAsync(() => Task.FromResult(gateway.Held == 0));
        await client.CommandAsync(["WATCH", .. Enumerable.Range(0, 100).Select(i => $"{{k}}{i}" + new string('x', 900))]);
        await client.ExpectAsync("+OK\r\n");
        Assert.InRange(gateway.Held, 100_000, 300_000);
        client.Dispose();
        await Eventually.TrueAsync(() => Task.FromResult(gateway.Held == 0));
    }

    [Fact]
    public async Task A_sum_for_which_there_is_no_room_is_not_stored()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient(options: new KeyValueOptions { MaxResultBytes = 250 }));
        using RawConnection client = await gateway.ConnectAsync();
        string value = new('v', 122), bulk = $"$122\r\n{value}\r\n";
        await client.SendAsync($"SET {{k}}v {value}\r\n");
        await client.ExpectAsync("+OK\r\n");
        await client.SendAsync("GET {k}v\r\nGET {k}v\r\nGET {k}v\r\nINCRBYFLOAT {k}n 1\r\n");
        await client.ExpectAsync(bulk + bulk);
        Assert.StartsWith("-TRYAGAIN ", await client.ReadLineAsync(), StringComparison.Ordinal);
        Assert.StartsWith("-TRYAGAIN ", await client.ReadLineAsync(), StringComparison.Ordinal);
        await client.SendAsync("EXISTS {k}n\r\n");
        await client.ExpectAsync(":0\r\n");
    }

    [Fact]
    public async Task A_client_that_never_reads_costs_a_reply_and_what_its_sockets_hold()
    {
        const int valueBytes = 500_000;
        var limits = new RespLimits { WriteTimeout = TimeSpan.FromSeconds(3) };
        const int resultBytes = 1_200_000;
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient(options: new KeyValueOptions { MaxResultBytes = resultBytes }), limits);
        using RawConnection good = await ServedAsync(gateway);
        await good.CommandAsync("SET", "k", new string('v', valueBytes));
        await good.ExpectAsync("+OK\r\n");
        using RawConnection deaf = await gateway.ConnectAsync();
        byte[] gets = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 2_000)));
        long most = 0;
        Task<int> sending = Task.Run(async () =>
        {
            try
            {
                for (int i = 0; i < 1_000; i++)
                    await deaf.SendAsync(gets);
                return 1_000;
            }
            catch (Exception closed) when (closed is SocketException or TimeoutException)
            {
                return 0;
            }
        });
        await Eventually.TrueAsync(async () =>
        {
            most = Math.Max(most, gateway.Held);
            await PingAsync(good);
            return sending.IsCompleted && gateway.Held == 0;
        });
        Assert.Equal(0, await sending);

        // Commands up to the chunk's limit and what one read brings, and of the replies one result, one piece and the value after it.
        Assert.InRange(most, 1, 4 * (limits.MaxChunkBytes + 64 * 1024) + resultBytes + 2 * (valueBytes + 128 * 1024));
    }

    [Fact]
    public async Task A_reply_that_would_be_too_long_is_an_error()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient(), new RespLimits { MaxReplyBytes = 100_000, MaxValueBytes = 60_000 });
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync("SET", "k", new string('v', 60_000));
        await client.ExpectAsync("+OK\r\n");
        await client.CommandAsync("MGET", "k", "k");
        await client.ExpectAsync("-ERR the reply would exceed 100000 bytes\r\n");
        await PingAsync(client);
    }

    [Fact]
    public void More_connections_than_files_may_be_open_are_refused_by_name()
    {
        OpenFiles.Check(10_000, null);
        OpenFiles.Check(10_000, 1 << 20);
        string said = Assert.Throws<UserErrorException>(() => OpenFiles.Check(10_000, 4096)).Message;
        Assert.Contains("actorrepl.redis.max-connections is 10000", said, StringComparison.Ordinal);
        Assert.Contains("may have 4096 (ulimit -Hn)", said, StringComparison.Ordinal);
        if (OperatingSystem.IsLinux())
            Assert.True(OpenFiles.Limit() is null or > 256);
    }

    private static string Begun(int bytes) => $"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n${(bytes == 900_000 ? 1_000_000 : bytes)}\r\n{new string('x', bytes)}";

    private static async Task<RawConnection> ServedAsync(GatewayHost gateway)
    {
        RawConnection connection = await gateway.ConnectAsync();
        await PingAsync(connection);
        return connection;
    }

    private static async Task PingAsync(RawConnection connection)
    {
        await connection.SendAsync(Ping);
        await connection.ExpectAsync(Pong);
    }
}
