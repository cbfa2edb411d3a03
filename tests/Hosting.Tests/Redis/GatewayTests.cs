using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Redis.Sockets;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Tests.Redis;

/// <summary>The gateway where sockets are waited for by the best this system has: on Linux, epoll.</summary>
public sealed class BestPollerGatewayTests() : GatewayTests(Poller.Create);

/// <summary>And where they are by what every system has.</summary>
public sealed class SelectGatewayTests() : GatewayTests(() => new SelectPoller());

public abstract class GatewayTests
{
    private readonly FakeReplicationClient _group = new();
    private readonly Func<IPoller> _poller;

    private protected GatewayTests(Func<IPoller> poller) => _poller = poller;

    [Theory]
    [InlineData("PING", "+PONG\r\n")]
    [InlineData("ping hello", "$5\r\nhello\r\n")]
    [InlineData("PING a b", "-ERR wrong number of arguments for 'ping' command\r\n")]
    [InlineData("ECHO hi", "$2\r\nhi\r\n")]
    [InlineData("SELECT 0", "+OK\r\n")]
    [InlineData("SELECT 1", "-ERR DB index is out of range\r\n")]
    [InlineData("SELECT x", "-ERR value is not an integer or out of range\r\n")]
    [InlineData("HELLO 4", "-NOPROTO unsupported protocol version\r\n")]
    [InlineData("HELLO two", "-ERR Protocol version is not an integer or out of range\r\n")]
    [InlineData("HELLO 2 AUTH a b", "-WRONGPASS invalid username-password pair or user is disabled.\r\n")]
    [InlineData("COMMAND COUNT", ":60\r\n")]
    [InlineData("ACK", "$7\r\ndefault\r\n")]
    [InlineData("ACK semi-sync:300", "-ERR acknowledgement: 'semi-sync:300' is not known; it must be async, semi-sync[:N], sync or quorum; received, durable or applied; a time such as 500ms or 2s; degrade or refuse; or default\r\n")]
    [InlineData("ACK async applied", "-ERR acknowledgement: level Async waits for no other member: it has neither reach nor timeout\r\n")]
    [InlineData("READ", "$7\r\ndefault\r\n")]
    [InlineData("READ anyone", "-ERR reading: 'anyone' is not known, or there is one like it already; it must be primary, primary-preferred, secondary, secondary-preferred or nearest; linearizable, session, stale, or a time such as 500ms or 2s; level:one, level:quorum and so on for groups without a leader; or default\r\n")]
    [InlineData("READ stale 2s", "-ERR reading: '2s' is not known, or there is one like it already; it must be primary, primary-preferred, secondary, secondary-preferred or nearest; linearizable, session, stale, or a time such as 500ms or 2s; level:one, level:quorum and so on for groups without a leader; or default\r\n")]
    [InlineData("COMMAND DOCS", "*0\r\n")]
    [InlineData("COMMAND INFO get nosuch", "*2\r\n*6\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*-1\r\n")]
    [InlineData("COMMAND NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try COMMAND HELP.\r\n")]
    [InlineData("CONFIG GET save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n")]
    [InlineData("CONFIG GET app*", "*4\r\n$11\r\nappendfsync\r\n$6\r\nalways\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n")]
    [InlineData("CONFIG GET nosuch", "*0\r\n")]
    [InlineData("CONFIG SET save 1", "-ERR unknown subcommand 'SET'. Try CONFIG HELP.\r\n")]
    [InlineData("CLIENT GETNAME", "$-1\r\n")]
    [InlineData("CLIENT ID", ":1\r\n")]
    [InlineData("CLIENT SETINFO lib-name x", "+OK\r\n")]
    [InlineData("CLIENT PAUSE 1", "-ERR unknown subcommand 'PAUSE'. Try CLIENT HELP.\r\n")]
    [InlineData("GET", "-ERR wrong number of arguments for 'get' command\r\n")]
    [InlineData("GET a b", "-ERR wrong number of arguments for 'get' command\r\n")]
    [InlineData("SET k", "-ERR wrong number of arguments for 'set' command\r\n")]
    [InlineData("SET k v EX 10 PX 10", "-ERR syntax error\r\n")]
    [InlineData("INCRBY k ten", "-ERR value is not an integer or out of range\r\n")]
    [InlineData("DECRBY k -9223372036854775808", "-ERR decrement would overflow\r\n")]
    [InlineData("LPUSH list a b", "-ERR unknown command 'LPUSH', with args beginning with: 'list' 'a' 'b' \r\n")]
    [InlineData("FLUSHALL", "-ERR unknown command 'FLUSHALL', with args beginning with: \r\n")]
    public async Task A_command_that_needs_no_key_or_is_wrong_is_answered_as_by_Redis(string command, string reply)
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync(command.Split(' '));
        await client.ExpectAsync(reply);
        await client.CommandAsync("PING");
        await client.ExpectAsync("+PONG\r\n");
        Assert.Empty(_group.Requests);
    }

    [Fact]
    public async Task Writes_are_acknowledged_as_their_own_connection_has_asked_and_in_one_pipeline_each_as_asked_before_it()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync(), other = await gateway.ConnectAsync();
        await client.SendAsync("SET a 1\r\nACK semi-sync:2 applied 700ms refuse\r\nSET a 2\r\nGET a\r\nACK async\r\nSET a 3\r\nACK default\r\nSET a 4\r\n");
        await client.ExpectAsync("+OK\r\n+OK\r\n+OK\r\n$1\r\n2\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
        await other.CommandAsync("SET", "a", "5");
        await other.ExpectAsync("+OK\r\n");
        Assert.Equal([default, Ack.SemiSync(2, TimeSpan.FromMilliseconds(700), OnAckTimeout.Refuse, AckReach.Applied), Ack.Async, default, default], _group.Concerns);
        await client.CommandAsync("ACK", "sync", "2s");
        await client.ExpectAsync("+OK\r\n");
        await client.CommandAsync("ACK");
        await client.ExpectAsync("$11\r\nsync 2000ms\r\n");
    }

    [Fact]
    public async Task Reads_are_answered_by_whom_their_own_connection_has_asked_and_as_old_as_it_allows()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync(), other = await gateway.ConnectAsync();
        await client.SendAsync("SET a 1\r\nREAD Secondary-Preferred 2s\r\nGET a\r\nREAD stale\r\nGET a\r\nREAD nearest\r\nGET a\r\nREAD default\r\nGET a\r\n");
        await client.ExpectAsync("+OK\r\n+OK\r\n$1\r\n1\r\n+OK\r\n$1\r\n1\r\n+OK\r\n$1\r\n1\r\n+OK\r\n$1\r\n1\r\n");
        await other.CommandAsync("GET", "a");
        await other.ExpectAsync("$1\r\n1\r\n");
        Assert.Equal(
            [
                (RequestKind.BoundedRead, ReadFrom.SecondaryPreferred, TimeSpan.FromSeconds(2)), (RequestKind.StaleRead, default, null),
                (RequestKind.Read, ReadFrom.Nearest, null), (RequestKind.Read, default, null), (RequestKind.Read, default, null),
            ],
            _group.Reads);
        await client.CommandAsync("READ", "2s,nearest");
        await client.ExpectAsync("+OK\r\n");
        await client.CommandAsync("READ");
        await client.ExpectAsync("$14\r\nnearest 2000ms\r\n");
    }

    [Fact]
    public async Task Every_key_command_does_what_it_does_in_Redis()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        (string Command, string Reply)[] dialogue =
        [
            ("GET a", "$-1\r\n"), ("SET a 1", "+OK\r\n"), ("GET a", "$1\r\n1\r\n"), ("INCR a", ":2\r\n"), ("INCRBY a 40", ":42\r\n"),
            ("DECR a", ":41\r\n"), ("DECRBY a 1", ":40\r\n"), ("APPEND a xy", ":4\r\n"), ("STRLEN a", ":4\r\n"), ("STRLEN none", ":0\r\n"),
            ("INCR a", "-ERR value is not an integer or out of range\r\n"), ("EXISTS a a none", ":2\r\n"), ("set b 2", "+OK\r\n"),
            ("MGET a none b", "*3\r\n$4\r\n40xy\r\n$-1\r\n$1\r\n2\r\n"), ("DBSIZE", ":2\r\n"), ("DEL a b none", ":2\r\n"), ("DBSIZE", ":0\r\n"),
        ];
        foreach ((string command, string reply) in dialogue)
        {
            await client.CommandAsync(command.Split(' '));
            await client.ExpectAsync(reply);
        }
    }

    [Fact]
    public async Task A_client_can_say_who_it_is_and_leave()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("HELLO 2 SETNAME me\r\nCLIENT GETNAME\r\nCLIENT SETNAME a\u0001\r\nQUIT\r\nPING\r\n");
        await client.ExpectAsync("*14\r\n$6\r\nserver\r\n$9\r\nactorrepl\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n"
            + "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
        await client.ExpectAsync("$2\r\nme\r\n-ERR Client names cannot contain spaces, newlines or special characters.\r\n+OK\r\n");
        await client.ExpectCloseAsync();
    }

    [Fact]
    public async Task INFO_tells_what_runs()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync("INFO", "actorrepl");
        await client.ExpectAsync("$23\r\n# ActorRepl\r\nshards:4\r\n\r\n");
        await client.CommandAsync("INFO");
        Assert.StartsWith("$", await client.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Equal("# Server", await client.ReadLineAsync());
        Assert.Equal("redis_version:7.0.0", await client.ReadLineAsync());
    }

    [Theory]
    [InlineData(false, "-UNKNOWN other keys of the command are done")]
    [InlineData(true, "-UNKNOWN x")]
    public async Task A_command_that_other_shards_have_carried_out_is_not_said_to_have_done_nothing(bool unknown, string reply)
    {
        string[] keys = [.. Enumerable.Range(0, 40).Select(i => $"key-{i}")];
        int refusing = _group.Groups[0].ShardOf("key-0"u8), other = (refusing + 1) % 4;
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        _group.Refuse = shard => shard == refusing ? new ReplicationException(new Rejection(RejectReason.NoQuorum), "x")
            : shard == other && unknown ? new ReplicationException(new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true), "x") : null;

        await client.CommandAsync(["DEL", .. keys]);
        Assert.StartsWith(reply, await client.ReadLineAsync(), StringComparison.Ordinal);
        await client.CommandAsync(["MGET", .. keys]);

        // What only reads takes no effect, whatever became of it.
        Assert.StartsWith("-NOQUORUM", await client.ReadLineAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replies_of_a_pipeline_come_in_its_order_whichever_shard_is_slow()
    {
        var slow = new TaskCompletionSource();
        int slowShard = _group.Groups[0].ShardOf("key-0"u8);
        _group.Before = shard => shard == slowShard ? slow.Task : Task.CompletedTask;
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        var commands = new StringBuilder();
        var replies = new StringBuilder();
        for (int i = 0; i < 40; i++)
        {
            commands.Append($"SET key-{i} {i}\r\nAPPEND key-{i} x\r\nGET key-{i}\r\nPING {i}\r\nLPUSH {i}\r\n");
            replies.Append($"+OK\r\n:{i.ToString().Length + 1}\r\n${i.ToString().Length + 1}\r\n{i}x\r\n${i.ToString().Length}\r\n{i}\r\n"
                + $"-ERR unknown command 'LPUSH', with args beginning with: '{i}' \r\n");
        }

        await client.SendAsync(commands.ToString());
        slow.SetResult();
        await client.ExpectAsync(replies.ToString());
    }

    [Fact]
    public async Task A_pipeline_is_one_request_a_shard_and_reads_alone_are_queries()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync(string.Concat(Enumerable.Range(0, 60).Select(i => $"SET key-{i} v\r\n")));
        await client.ExpectAsync(string.Concat(Enumerable.Repeat("+OK\r\n", 60)));
        Assert.InRange(_group.Requests.Count, 4, 8);
        Assert.All(_group.Requests, request => Assert.False(request.Query));
        Assert.Equal(60, _group.Requests.Sum(request => request.Operations));

        _group.Requests.Clear();
        await client.SendAsync("GET key-1\r\n");
        await client.ExpectAsync("$1\r\nv\r\n");
        Assert.Equal([(true, _group.Groups[0].ShardOf("key-1"u8), 1)], _group.Requests);
    }

    [Fact]
    public async Task A_long_pipeline_is_taken_in_bounded_pieces()
    {
        await using GatewayHost gateway = await StartAsync(_group, new RespLimits { MaxChunkCommands = 10 });
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync(string.Concat(Enumerable.Range(0, 1000).Select(i => $"INCR n\r\n")));
        await client.ExpectAsync(string.Concat(Enumerable.Range(1, 1000).Select(i => $":{i}\r\n")));
        Assert.All(_group.Requests, request => Assert.InRange(request.Operations, 1, 10));
    }

    [Theory]
    [InlineData(RejectReason.NoQuorum, false, "-NOQUORUM ")]
    [InlineData(RejectReason.NoQuorum, true, "-UNKNOWN ")]
    [InlineData(RejectReason.StorageUnavailable, false, "-STORAGE ")]
    [InlineData(RejectReason.Overloaded, false, "-BUSY ")]
    [InlineData(RejectReason.NotLeader, false, "-TRYAGAIN ")]
    [InlineData(RejectReason.Dropped, false, "-TRYAGAIN ")]
    [InlineData(RejectReason.Unavailable, false, "-TRYAGAIN ")]
    [InlineData(RejectReason.Invalid, false, "-ERR ")]
    public async Task A_refusal_says_by_its_first_word_what_is_certain(RejectReason reason, bool unknown, string start)
    {
        _group.Refuse = _ => new ReplicationException(new Rejection(reason, unknown, Detail: "x"), "two of\r\nthree are away");
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync("SET", "k", "v");
        string line = await client.ReadLineAsync();
        Assert.StartsWith(start, line, StringComparison.Ordinal);
        Assert.EndsWith("two of three are away", line, StringComparison.Ordinal);
        _group.Refuse = _ => null;
        await client.CommandAsync("SET", "k", "v");
        await client.ExpectAsync("+OK\r\n");
    }

    [Fact]
    public async Task One_shard_that_refuses_leaves_the_others_answers_alone()
    {
        int refusing = _group.Groups[0].ShardOf("a"u8);
        string other = Enumerable.Range(0, 100).Select(i => $"k{i}").First(key => _group.Groups[0].ShardOf(Encoding.ASCII.GetBytes(key)) != refusing);
        _group.Refuse = shard => shard == refusing ? new ReplicationException(new Rejection(RejectReason.NoQuorum), "x") : null;
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync($"SET a 1\r\nSET {other} 2\r\nMGET a {other}\r\nGET {other}\r\n");
        Assert.StartsWith("-NOQUORUM", await client.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Equal("+OK", await client.ReadLineAsync());
        Assert.StartsWith("-NOQUORUM", await client.ReadLineAsync(), StringComparison.Ordinal);
        await client.ExpectAsync("$1\r\n2\r\n");
    }

    [Fact]
    public async Task Keys_and_values_beyond_the_limits_are_refused_by_name_and_the_connection_lives()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync("GET", "");
        await client.ExpectAsync("-ERR a key has 1 to 1024 bytes, argument 1 of 'get' has 0\r\n");
        await client.CommandAsync("SET", new string('k', 1025), "v");
        await client.ExpectAsync("-ERR a key has 1 to 1024 bytes, argument 1 of 'set' has 1025\r\n");
        await client.CommandAsync("SET", "k", new string('v', (1 << 20) + 1));
        await client.ExpectAsync("-ERR a value has at most 1048576 bytes, this one has 1048577\r\n");
        string largest = new('v', 1 << 20);
        await client.CommandAsync("SET", new string('k', 1024), largest);
        await client.ExpectAsync("+OK\r\n");
        await client.CommandAsync("GET", new string('k', 1024));
        await client.ExpectAsync($"$1048576\r\n{largest}\r\n");
    }

    [Fact]
    public async Task Values_that_do_not_fit_into_one_result_are_all_answered()
    {
        var small = new FakeReplicationClient(options: new KeyValueOptions { MaxResultBytes = 250 });
        await using GatewayHost gateway = await StartAsync(small);
        using RawConnection client = await gateway.ConnectAsync();
        string[] keys = [.. Enumerable.Range(0, 30).Select(i => $"key-{i}")];
        string Value(string key) => key + new string('v', 100);
        string Bulk(string key) => $"${Value(key).Length}\r\n{Value(key)}\r\n";
        await client.SendAsync(string.Concat(keys.Select(key => $"SET {key} {Value(key)}\r\n")));
        await client.ExpectAsync(string.Concat(Enumerable.Repeat("+OK\r\n", 30)));

        await client.SendAsync(string.Concat(keys.Select(key => $"GET {key}\r\nSTRLEN {key}\r\n")));
        await client.ExpectAsync(string.Concat(keys.Select(key => $"{Bulk(key)}:{Value(key).Length}\r\n")));
        await client.CommandAsync(["MGET", .. keys, "none"]);
        await client.ExpectAsync($"*31\r\n{string.Concat(keys.Select(Bulk))}$-1\r\n");

        // A pipeline that writes is one step on its shard, so a read in it cannot be made up for afterwards.
        await client.SendAsync("GET key-1\r\nGET key-1\r\nGET key-1\r\nSET key-1 x\r\n");
        await client.ExpectAsync(Bulk("key-1") + Bulk("key-1"));
        Assert.StartsWith("-TRYAGAIN ", await client.ReadLineAsync(), StringComparison.Ordinal);
        await client.ExpectAsync("+OK\r\n");
        await client.CommandAsync("GET", "key-1");
        await client.ExpectAsync("$1\r\nx\r\n");
    }

    [Theory]
    [InlineData("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2147483648\r\n", "-ERR Protocol error: invalid bulk length\r\n")]
    [InlineData("*-x\r\n", "-ERR Protocol error: invalid multibulk length\r\n")]
    [InlineData("*1\r\n+PING\r\n", "-ERR Protocol error: expected '$', got '+'\r\n")]
    public async Task What_is_no_RESP_is_answered_and_the_connection_closed_after_the_replies_before_it(string bytes, string error)
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection other = await gateway.ConnectAsync();
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("SET k v\r\n" + bytes);
        await client.ExpectAsync("+OK\r\n" + error);
        await client.ExpectCloseAsync();
        await other.CommandAsync("GET", "k");
        await other.ExpectAsync("$1\r\nv\r\n");
    }

    [Fact]
    public async Task A_browser_on_the_Redis_port_is_turned_away()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k v\r\n");
        Assert.StartsWith("-ERR unknown command 'POST'", await client.ReadLineAsync(), StringComparison.Ordinal);
        await client.ExpectCloseAsync();
        Assert.Empty(_group.Requests);
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_disconnected_and_others_are_served()
    {
        var limits = new RespLimits { WriteTimeout = TimeSpan.FromMilliseconds(300) };
        await using GatewayHost gateway = await StartAsync(_group, limits);
        using RawConnection other = await gateway.ConnectAsync();
        await other.CommandAsync("SET", "big", new string('v', 1 << 20));
        await other.ExpectAsync("+OK\r\n");

        using RawConnection lazy = await gateway.ConnectAsync();
        lazy.Socket.ReceiveBufferSize = 16 * 1024;
        await lazy.SendAsync(string.Concat(Enumerable.Repeat("GET big\r\n", 100)));
        await WaitUntilAsync("the connection that does not read is closed", async () =>
        {
            await other.CommandAsync("CLIENT", "LIST");
            int length = int.Parse((await other.ReadLineAsync())[1..]);
            byte[] list = new byte[length + 2];
            for (int read = 0; read < list.Length;)
                read += await other.Socket.ReceiveAsync(list.AsMemory(read));
            return Encoding.ASCII.GetString(list).Count(c => c == '\n') == 2;
        });
        await other.CommandAsync("PING");
        await other.ExpectAsync("+PONG\r\n");
    }

    [Fact]
    public async Task A_client_that_leaves_in_the_middle_harms_nobody()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection other = await gateway.ConnectAsync();
        for (int i = 0; i < 20; i++)
        {
            RawConnection client = await gateway.ConnectAsync();
            await client.SendAsync("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nhalf");
            client.Socket.LingerState = new System.Net.Sockets.LingerOption(true, 0);
            client.Dispose();
        }

        await other.CommandAsync("GET", "k");
        await other.ExpectAsync("$-1\r\n");
    }

    [Fact]
    public async Task Commands_that_wait_together_share_a_request_and_each_client_gets_its_own_reply()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        RawConnection[] clients = await ConnectAsync(gateway, 50);
        try
        {
            await HoldWhileAsync(clients[0], async () =>
            {
                for (int i = 1; i < clients.Length; i++)
                    await clients[i].CommandAsync(i % 2 == 0 ? ["APPEND", $"key-{i}", $"value-{i}"] : ["GET", $"none-{i}"]);
            });
            for (int i = 1; i < clients.Length; i++)
                await clients[i].ExpectAsync(i % 2 == 0 ? $":{$"value-{i}".Length}\r\n" : "$-1\r\n");
        }
        finally
        {
            Close(clients);
        }

        Assert.InRange(_group.Requests.Count(request => !request.Query), 2, 5);
        Assert.InRange(_group.Requests.Count(request => request.Query), 1, 4);
        Assert.Equal(50, _group.Requests.Sum(request => request.Operations));
    }

    [Fact]
    public async Task Whoever_leaves_before_the_reply_to_a_shared_request_takes_nobody_elses_along()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        RawConnection[] clients = await ConnectAsync(gateway, 20);
        try
        {
            var answer = new TaskCompletionSource();
            int held = _group.Groups[0].ShardOf("held"u8);
            _group.Before = shard => shard == held ? Task.CompletedTask : answer.Task;
            await HoldWhileAsync(clients[0], async () =>
            {
                for (int i = 1; i < clients.Length; i++)
                    await clients[i].SendAsync($"APPEND key-{i} {new string('x', i)}\r\nPING {i}\r\n");
            });
            for (int i = 1; i < clients.Length; i += 3)
            {
                clients[i].Socket.LingerState = new System.Net.Sockets.LingerOption(true, 0);
                clients[i].Dispose();
            }

            answer.SetResult();
            for (int i = 1; i < clients.Length; i++)
            {
                if (i % 3 != 1)
                    await clients[i].ExpectAsync($":{i}\r\n${$"{i}".Length}\r\n{i}\r\n");
            }
        }
        finally
        {
            Close(clients);
        }
    }

    [Fact]
    public async Task A_refusal_of_a_shared_request_is_told_to_all_who_share_it()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        RawConnection[] clients = await ConnectAsync(gateway, 10);
        try
        {
            await HoldWhileAsync(clients[0], async () =>
            {
                foreach (RawConnection client in clients[1..])
                    await client.CommandAsync("INCR", "n");
                _group.Refuse = _ => new ReplicationException(new Rejection(RejectReason.NoQuorum), "x");
            });
            foreach (RawConnection client in clients[1..])
                await client.ExpectAsync("-NOQUORUM x\r\n");
        }
        finally
        {
            Close(clients);
        }
    }

    [Fact]
    public async Task Reads_travel_with_those_of_other_connections_that_are_as_old_and_with_no_others()
    {
        var answer = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        _group.Before = _ =>
        {
            asked.TrySetResult();
            return answer.Task;
        };
        await using GatewayHost gateway = await StartAsync(_group, new RespLimits { GatherFor = TimeSpan.FromSeconds(60), Reads = ReadText.Parse("nearest stale") });
        RawConnection[] clients = await ConnectAsync(gateway, 40);
        try
        {
            await clients[0].CommandAsync("INCR", "n");
            await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
            for (int i = 1; i < clients.Length; i++)
                await clients[i].SendAsync((i < 20 ? "READ nearest\r\nRESET\r\n" : i < 30 ? "READ default\r\nPING\r\n" : "READ 2s\r\nPING\r\n") + "GET n\r\n");
            using RawConnection other = await gateway.ConnectAsync();
            await other.CommandAsync("PING");
            await other.ExpectAsync("+PONG\r\n");
            answer.SetResult();
            await clients[0].ExpectAsync(":1\r\n");
            for (int i = 1; i < clients.Length; i++)
                await clients[i].ExpectAsync($"+OK\r\n{(i < 20 ? "+RESET" : "+PONG")}\r\n$1\r\n1\r\n");
        }
        finally
        {
            Close(clients);
        }

        Assert.Equal([RequestKind.BoundedRead, RequestKind.Read, RequestKind.StaleRead], _group.Reads.Select(read => read.Kind).OrderBy(kind => kind.ToString()));
        Assert.Equal([10, 10, 19], _group.Requests.Where(request => request.Query).Select(request => request.Operations).Order());
    }

    [Fact]
    public async Task What_comes_while_requests_are_under_way_travels_together_after_them()
    {
        var answer = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        _group.Before = _ =>
        {
            asked.TrySetResult();
            return answer.Task;
        };
        await using GatewayHost gateway = await StartAsync(_group, new RespLimits { GatherFor = TimeSpan.FromSeconds(60) });
        RawConnection[] clients = await ConnectAsync(gateway, 40);
        try
        {
            await clients[0].CommandAsync("INCR", "n");
            await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
            foreach (RawConnection client in clients[1..])
                await client.SendAsync("PING\r\nINCR n\r\n");

            // What needs no shard and nothing before it does not wait.
            using RawConnection other = await gateway.ConnectAsync();
            await other.CommandAsync("PING");
            await other.ExpectAsync("+PONG\r\n");
            answer.SetResult();
            await clients[0].ExpectAsync(":1\r\n");
            foreach (RawConnection client in clients[1..])
                Assert.Equal("+PONG", await client.ReadLineAsync());
        }
        finally
        {
            Close(clients);
        }

        Assert.Equal([1, 39], _group.Requests.Select(request => request.Operations));
    }

    [Fact]
    public async Task A_shard_that_does_not_answer_holds_up_the_others_only_once()
    {
        int silent = _group.Groups[0].ShardOf("silent"u8);
        string other = Enumerable.Range(0, 100).Select(i => $"k{i}").First(key => _group.Groups[0].ShardOf(Encoding.ASCII.GetBytes(key)) != silent);
        var answer = new TaskCompletionSource();
        _group.Before = shard => shard == silent ? answer.Task : Task.CompletedTask;
        await using GatewayHost gateway = await StartAsync(_group, new RespLimits { GatherFor = TimeSpan.FromMilliseconds(500) });
        using RawConnection waiting = await gateway.ConnectAsync();
        using RawConnection alsoWaiting = await gateway.ConnectAsync();
        using RawConnection served = await gateway.ConnectAsync();
        await waiting.CommandAsync("INCR", "silent");
        long start = Environment.TickCount64;
        for (int i = 1; i <= 50; i++)
        {
            if (i == 25)
                await alsoWaiting.CommandAsync("INCR", "silent");
            await served.CommandAsync("INCR", other);
            await served.ExpectAsync($":{i}\r\n");
        }

        Assert.InRange(Environment.TickCount64 - start, 0, 49 * 500 / 2);
        answer.SetResult();

        // Which of two that come by different connections is first is nobody's promise.
        Assert.Equal([":1", ":2"], ((string[])[await waiting.ReadLineAsync(), await alsoWaiting.ReadLineAsync()]).Order());
    }

    [Fact]
    public async Task What_needs_no_shard_is_answered_while_requests_are_under_way()
    {
        var answer = new TaskCompletionSource();
        _group.Before = _ => answer.Task;
        await using GatewayHost gateway = await StartAsync(_group, new RespLimits { GatherFor = TimeSpan.FromSeconds(10) });
        using RawConnection waiting = await gateway.ConnectAsync();
        using RawConnection other = await gateway.ConnectAsync();
        await waiting.CommandAsync("INCR", "k");
        long start = Environment.TickCount64;
        for (int i = 0; i < 50; i++)
        {
            await other.CommandAsync("PING");
            await other.ExpectAsync("+PONG\r\n");
        }

        Assert.InRange(Environment.TickCount64 - start, 0, 5_000);
        answer.SetResult();
        await waiting.ExpectAsync(":1\r\n");
    }

    [Fact]
    public async Task A_thousand_clients_are_served_and_leave_nothing_behind()
    {
        await using GatewayHost gateway = await StartAsync(_group, threads: 2);
        RawConnection[] clients = await ConnectAsync(gateway, 1000);
        try
        {
            foreach (int i in Enumerable.Range(0, clients.Length))
                await clients[i].SendAsync($"SET key-{i} {i}\r\nGET key-{i}\r\n");
            foreach (int i in Enumerable.Range(0, clients.Length))
                await clients[i].ExpectAsync($"+OK\r\n${$"{i}".Length}\r\n{i}\r\n");
        }
        finally
        {
            Close(clients);
        }

        using RawConnection last = await gateway.ConnectAsync();
        await WaitUntilAsync("all have been seen to leave", async () =>
        {
            await last.CommandAsync("INFO", "clients");
            string? line;
            while (!(line = await last.ReadLineAsync()).StartsWith("connected_clients:", StringComparison.Ordinal))
            {
            }

            await last.ReadLineAsync();
            return line == "connected_clients:1";
        });
    }

    [Fact]
    public async Task Commands_may_come_a_byte_at_a_time_and_replies_be_taken_late()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        foreach (char c in "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nGET k\r\n")
            await client.SendAsync(c.ToString());
        await client.ExpectAsync("+OK\r\n$4\r\na\r\nb\r\n$4\r\na\r\nb\r\n");

        // More than the socket's buffers hold, asked for before anything is read.
        string value = new('v', 1 << 20);
        await client.CommandAsync("SET", "big", value);
        await client.ExpectAsync("+OK\r\n");
        await client.SendAsync(string.Concat(Enumerable.Repeat("GET big\r\nPING\r\n", 30)));
        for (int i = 0; i < 30; i++)
            await client.ExpectAsync($"$1048576\r\n{value}\r\n+PONG\r\n");
    }

    [Fact]
    public async Task What_comes_while_a_pipeline_is_under_way_is_taken_after_it()
    {
        var answer = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        _group.Before = _ =>
        {
            asked.TrySetResult();
            return answer.Task;
        };
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("INCR n\r\n");
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        for (int i = 0; i < 2000; i++)
            await client.SendAsync("INCR n\r\nINCR m\r\n");
        answer.SetResult();
        await client.ExpectAsync(":1\r\n" + string.Concat(Enumerable.Range(1, 2000).Select(i => $":{i + 1}\r\n:{i}\r\n")));
        Assert.Equal(4001, _group.Requests.Sum(request => request.Operations));
    }

    [Fact]
    public async Task A_client_that_ends_its_side_still_gets_the_replies_to_what_it_sent()
    {
        await using GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("SET k v\r\nGET k\r\nGET");
        client.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        await client.ExpectAsync("+OK\r\n$1\r\nv\r\n");
        await client.ExpectCloseAsync();
    }

    [Fact]
    public async Task A_gateway_that_stops_answers_what_it_has_taken()
    {
        var answer = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        _group.Before = _ =>
        {
            asked.TrySetResult();
            return answer.Task;
        };
        GatewayHost gateway = await StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        using RawConnection idle = await gateway.ConnectAsync();
        await client.CommandAsync("SET", "k", "v");
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        Task stopped = gateway.DisposeAsync().AsTask();
        await idle.ExpectCloseAsync();
        answer.SetResult();
        await client.ExpectAsync("+OK\r\n");
        await client.ExpectCloseAsync();
        await stopped;
    }

    private Task<GatewayHost> StartAsync(IReplicationClient client, RespLimits? limits = null, int threads = 1) =>
        GatewayHost.StartAsync(client, limits, _poller, threads);

    private static async Task<RawConnection[]> ConnectAsync(GatewayHost gateway, int count)
    {
        var clients = new RawConnection[count];
        for (int i = 0; i < count; i++)
            clients[i] = await gateway.ConnectAsync();
        return clients;
    }

    private static void Close(RawConnection[] clients)
    {
        foreach (RawConnection client in clients)
            client.Dispose();
    }

    /// <summary>Holds up the gateway's thread in the middle of one client's INCR, so that what others send meanwhile waits together.</summary>
    private async Task HoldWhileAsync(RawConnection client, Func<Task> meanwhile)
    {
        using var go = new ManualResetEventSlim();
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _group.Refuse = _ =>
        {
            _group.Refuse = _ => null;
            held.SetResult();
            Assert.True(go.Wait(TimeSpan.FromSeconds(20)));
            return null;
        };
        await client.CommandAsync("INCR", "held");
        await held.Task.WaitAsync(TimeSpan.FromSeconds(10));
        await meanwhile();
        go.Set();
        await client.ExpectAsync(":1\r\n");
    }

    private static async Task WaitUntilAsync(string what, Func<Task<bool>> condition)
    {
        DateTime end = DateTime.UtcNow + TimeSpan.FromSeconds(20);
        while (!await condition())
        {
            Assert.True(DateTime.UtcNow < end, $"waited 20 s until {what}");
            await Task.Delay(50);
        }
    }
}
