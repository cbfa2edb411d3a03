using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Tests.Redis;

/// <summary>What several connections see of each other: transactions, watched keys, ends of keys, lists; and who may ask at all.</summary>
public sealed class TransactionTests
{
    private readonly FakeReplicationClient _group = new();

    [Fact]
    public async Task A_transaction_is_one_step_of_one_shard()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("MULTI\r\nSET {k}a 1\r\nMGET {k}a {k}b\r\nPING\r\nDEL {k}a {k}b\r\nEXEC\r\nGET {k}a\r\n");
        await client.ExpectAsync("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n+OK\r\n*2\r\n$1\r\n1\r\n$-1\r\n+PONG\r\n:1\r\n$-1\r\n");
        Assert.Equal((false, _group.Groups[0].ShardOf("{k}"u8), 7), Assert.Single(_group.Requests));
    }

    [Fact]
    public async Task A_transaction_whose_watched_key_another_connection_has_changed_does_nothing()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync(), other = await gateway.ConnectAsync();
        await client.CommandAsync("WATCH", "{k}a");
        await client.ExpectAsync("+OK\r\n");
        await other.CommandAsync("SET", "{k}a", "theirs");
        await other.ExpectAsync("+OK\r\n");
        await client.SendAsync("MULTI\r\nSET {k}a mine\r\nPING\r\nEXEC\r\nGET {k}a\r\n");
        await client.ExpectAsync("+OK\r\n+QUEUED\r\n+QUEUED\r\n*-1\r\n$6\r\ntheirs\r\n");

        // In one pipeline, too: EXEC waits for the version that WATCH asks for.
        await client.SendAsync("WATCH {k}a\r\nMULTI\r\nAPPEND {k}a !\r\nEXEC\r\n");
        await client.ExpectAsync("+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n:7\r\n");
    }

    [Fact]
    public async Task A_transaction_that_is_refused_is_answered_once_and_one_whose_watch_failed_does_nothing()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        _group.Refuse = _ => new ReplicationException(new Rejection(RejectReason.NoQuorum), "no majority");
        await client.SendAsync("MULTI\r\nSET {k}a 1\r\nPING\r\nEXEC\r\nPING\r\nWATCH {k}a\r\n");
        await client.ExpectAsync("+OK\r\n+QUEUED\r\n+QUEUED\r\n-NOQUORUM no majority\r\n+PONG\r\n-NOQUORUM no majority\r\n");
        _group.Refuse = _ => null;
        await client.SendAsync("MULTI\r\nSET {k}a 1\r\nEXEC\r\nEXISTS {k}a\r\n");
        await client.ExpectAsync("+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of previous errors.\r\n:0\r\n");
    }

    [Fact]
    public async Task A_key_ends_for_readers_at_its_time_though_nobody_writes()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync("SET", "k", "v", "PX", "80");
        await client.ExpectAsync("+OK\r\n");
        string reply;
        do
        {
            await client.CommandAsync("PTTL", "k");
            reply = await client.ReadReplyAsync();
        }
        while (reply is not ":-2\r\n" && int.Parse(reply[1..]) <= 80);

        // The log has the time now: other reads cost no command any more.
        Assert.Equal(":-2\r\n", reply);
        int commands = _group.Requests.Count(request => !request.Query);
        await client.SendAsync("GET k\r\nDBSIZE\r\n");
        await client.ExpectAsync("$-1\r\n:0\r\n");
        Assert.Equal(commands, _group.Requests.Count(request => !request.Query));
    }

    [Fact]
    public async Task Scan_lists_the_keys_of_all_shards_once_while_others_come_and_go()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        for (int i = 0; i < 200; i++)
            await client.SendAsync($"SET key:{i} v\r\nSET other:{i} v\r\n");
        await client.ExpectAsync(string.Concat(Enumerable.Repeat("+OK\r\n", 400)));
        var found = new List<string>();
        string cursor = "0";
        int pages = 0;
        do
        {
            // Connections are as good as each other.
            using RawConnection another = await gateway.ConnectAsync();
            await another.CommandAsync("SCAN", cursor, "MATCH", "key:*", "COUNT", "7");
            string[] lines = (await another.ReadReplyAsync()).Split("\r\n");
            cursor = lines[2];
            found.AddRange(lines.Where(line => line.StartsWith("key:", StringComparison.Ordinal)));
            await client.CommandAsync("SET", $"late:{pages++}", "v");
            await client.ExpectAsync("+OK\r\n");
        }
        while (cursor != "0");

        Assert.InRange(pages, 200 / 7, 40);
        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"key:{i}").Order(), found.Order());
        await client.CommandAsync("SCAN", "123456789");
        await client.ExpectAsync("-ERR invalid cursor: this node does not know it, or not any more\r\n");
    }

    [Fact]
    public async Task Without_the_password_nothing_is_served()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group, new RespLimits { Password = "secret" });
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("SET a 1\r\nMULTI\r\nNOSUCH\r\nAUTH wrong\r\nHELLO 3 AUTH default wrong\r\n");
        await client.ExpectAsync(
            string.Concat(Enumerable.Repeat("-NOAUTH Authentication required.\r\n", 3)) + string.Concat(Enumerable.Repeat("-WRONGPASS invalid username-password pair or user is disabled.\r\n", 2)));
        await client.SendAsync("HELLO 3\r\n");
        Assert.StartsWith("-NOAUTH HELLO must be called", await client.ReadLineAsync());
        await client.SendAsync("AUTH secret\r\nGET a\r\nRESET\r\nGET a\r\n");
        await client.ExpectAsync("+OK\r\n$-1\r\n+RESET\r\n-NOAUTH Authentication required.\r\n");
        Assert.Single(_group.Requests);
        using RawConnection other = await gateway.ConnectAsync();
        await other.CommandAsync("HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me");
        Assert.StartsWith("%7\r\n$6\r\nserver\r\n$9\r\nactorrepl\r\n", await other.ReadReplyAsync());
        await other.SendAsync("GET a\r\nMGET a b\r\nCLIENT GETNAME\r\nCONFIG GET save\r\n");
        await other.ExpectAsync("_\r\n*2\r\n_\r\n_\r\n$2\r\nme\r\n%1\r\n$4\r\nsave\r\n$0\r\n\r\n");
    }

    [Theory]
    [InlineData("*", "", true)]
    [InlineData("a*c", "abbc", true)]
    [InlineData("a*c", "abbd", false)]
    [InlineData("a*b*c", "axxbyyc", true)]
    [InlineData("h?llo", "hello", true)]
    [InlineData("h?llo", "hllo", false)]
    [InlineData("h[ae]llo", "hallo", true)]
    [InlineData("h[^e]llo", "hello", false)]
    [InlineData("h[a-c]llo", "hbllo", true)]
    [InlineData("h[c-a]llo", "hbllo", true)]
    [InlineData("h\\*llo", "h*llo", true)]
    [InlineData("h\\*llo", "hello", false)]
    [InlineData("[", "[", false)]
    [InlineData("[ab", "b", true)]
    public void Patterns_are_those_of_redis(string pattern, string text, bool matches) =>
        Assert.Equal(matches, RedisGlob.Matches(System.Text.Encoding.ASCII.GetBytes(pattern), System.Text.Encoding.ASCII.GetBytes(text)));
}
