using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Redis.Sockets;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Tests.Redis;

/// <summary>What one client meets, where sockets are waited for by the best this system has: on Linux, epoll.</summary>
public sealed class BestPollerGatewayTests() : GatewayTests(Poller.Create);

/// <summary>And where they are by what every system has.</summary>
public sealed class SelectGatewayTests() : GatewayTests(() => new SelectPoller());

public abstract class GatewayTests : GatewayTest
{
    private protected GatewayTests(Func<IPoller> poller)
        : base(poller)
    {
    }

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
        await using GatewayHost gateway = await StartAsync(Group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync(command.Split(' '));
        await client.ExpectAsync(reply);
        await client.CommandAsync("PING");
        await client.ExpectAsync("+PONG\r\n");
        Assert.Empty(Group.Requests);
    }

    [Fact]
    public async Task Writes_are_acknowledged_as_their_own_connection_has_asked_and_in_one_pipeline_each_as_asked_before_it()
    {
        await using GatewayHost gateway = await StartAsync(Group);
        using RawConnection client = await gateway.ConnectAsync(), other = await gateway.ConnectAsync();
        await client.SendAsync("SET a 1\r\nACK semi-sync:2 applied 700ms refuse\r\nSET a 2\r\nGET a\r\nACK async\r\nSET a 3\r\nACK default\r\nSET a 4\r\n");
        await client.ExpectAsync("+OK\r\n+OK\r\n+OK\r\n$1\r\n2\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
        await other.CommandAsync("SET", "a", "5");
        await other.ExpectAsync("+OK\r\n");
        Assert.Equal([default, Ack.SemiSync(2, TimeSpan.FromMilliseconds(700), OnAckTimeout.Refuse, AckReach.Applied), Ack.Async, default, default], Group.Concerns);
        await client.CommandAsync("ACK", "sync", "2s");
        await client.ExpectAsync("+OK\r\n");
        await client.CommandAsync("ACK");
        await client.ExpectAsync("$11\r\nsync 2000ms\r\n");
    }

    [Fact]
    public async Task What_the_protocol_of_the_group_cannot_do_is_refused_when_it_is_asked_for()
    {
        var raft = new Actors.Settings.GroupDefinition { Name = "kv", Protocol = new Protocols.Raft.RaftFactory(), Machine = () => new KeyValueMachine() };
        var group = new FakeReplicationClient { Groups = [GroupInfo.Of(raft)] };
        await using GatewayHost gateway = await StartAsync(group);
        using RawConnection client = await gateway.ConnectAsync();
        const string NoLevel = "group 'kv' replicates by raft and knows no level Quorum: such levels are for groups without a leader\r\n";
        await client.SendAsync("ACK async\r\nACK level:quorum\r\nREAD level:quorum\r\nACK quorum durable\r\nACK\r\nREAD\r\n");
        await client.ExpectAsync("-ERR acknowledgement: group 'kv': raft acknowledges every command once a majority has it on disk: Quorum, durable, and no timeout but the request's own\r\n"
            + $"-ERR acknowledgement: {NoLevel}-ERR reading: {NoLevel}+OK\r\n$14\r\nquorum durable\r\n$7\r\ndefault\r\n");
    }

    [Fact]
    public async Task Reads_are_answered_by_whom_their_own_connection_has_asked_and_as_old_as_it_allows()
    {
        await using GatewayHost gateway = await StartAsync(Group);
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
            Group.Reads);
        await client.CommandAsync("READ", "2s,nearest");
        await client.ExpectAsync("+OK\r\n");
        await client.CommandAsync("READ");
        await client.ExpectAsync("$14\r\nnearest 2000ms\r\n");
    }

    [Fact]
    public async Task Every_key_command_does_what_it_does_in_Redis()
    {
        await using GatewayHost gateway = await StartAsync(Group);
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
        await using GatewayHost gateway = await StartAsync(Group);
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
        await using GatewayHost gateway = await StartAsync(Group);
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
        int refusing = Group.Groups[0].ShardOf("key-0"u8), other = (refusing + 1) % 4;
        await using GatewayHost gateway = await StartAsync(Group);
        using RawConnection client = await gateway.ConnectAsync();
        Group.Refuse = shard => shard == refusing ? new ReplicationException(new Rejection(RejectReason.NoQuorum), "x")
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
        int slowShard = Group.Groups[0].ShardOf("key-0"u8);
        Group.Before = shard => shard == slowShard ? slow.Task : Task.CompletedTask;
        await using GatewayHost gateway = await StartAsync(Group);
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
        await using GatewayHost gateway = await StartAsync(Group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync(string.Concat(Enumerable.Range(0, 60).Select(i => $"SET key-{i} v\r\n")));
        await client.ExpectAsync(string.Concat(Enumerable.Repeat("+OK\r\n", 60)));
        Assert.InRange(Group.Requests.Count, 4, 8);
        Assert.All(Group.Requests, request => Assert.False(request.Query));
        Assert.Equal(60, Group.Requests.Sum(request => request.Operations));

        Group.Requests.Clear();
        await client.SendAsync("GET key-1\r\n");
        await client.ExpectAsync("$1\r\nv\r\n");
        Assert.Equal([(true, Group.Groups[0].ShardOf("key-1"u8), 1)], Group.Requests);
    }

    [Fact]
    public async Task A_long_pipeline_is_taken_in_bounded_pieces()
    {
        await using GatewayHost gateway = await StartAsync(Group, new RespLimits { MaxChunkCommands = 10 });
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync(string.Concat(Enumerable.Range(0, 1000).Select(i => $"INCR n\r\n")));
        await client.ExpectAsync(string.Concat(Enumerable.Range(1, 1000).Select(i => $":{i}\r\n")));
        Assert.All(Group.Requests, request => Assert.InRange(request.Operations, 1, 10));
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
        Group.Refuse = _ => new ReplicationException(new Rejection(reason, unknown, Detail: "x"), "two of\r\nthree are away");
        await using GatewayHost gateway = await StartAsync(Group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync("SET", "k", "v");
        string line = await client.ReadLineAsync();
        Assert.StartsWith(start, line, StringComparison.Ordinal);
        Assert.EndsWith("two of three are away", line, StringComparison.Ordinal);
        Group.Refuse = _ => null;
        await client.CommandAsync("SET", "k", "v");
        await client.ExpectAsync("+OK\r\n");
    }

    [Fact]
    public async Task One_shard_that_refuses_leaves_the_others_answers_alone()
    {
        int refusing = Group.Groups[0].ShardOf("a"u8);
        string other = Enumerable.Range(0, 100).Select(i => $"k{i}").First(key => Group.Groups[0].ShardOf(Encoding.ASCII.GetBytes(key)) != refusing);
        Group.Refuse = shard => shard == refusing ? new ReplicationException(new Rejection(RejectReason.NoQuorum), "x") : null;
        await using GatewayHost gateway = await StartAsync(Group);
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
        await using GatewayHost gateway = await StartAsync(Group);
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
        await using GatewayHost gateway = await StartAsync(Group);
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
        await using GatewayHost gateway = await StartAsync(Group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k v\r\n");
        Assert.StartsWith("-ERR unknown command 'POST'", await client.ReadLineAsync(), StringComparison.Ordinal);
        await client.ExpectCloseAsync();
        Assert.Empty(Group.Requests);
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_disconnected_and_others_are_served()
    {
        var limits = new RespLimits { WriteTimeout = TimeSpan.FromMilliseconds(300) };
        await using GatewayHost gateway = await StartAsync(Group, limits);
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
        await using GatewayHost gateway = await StartAsync(Group);
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
}
