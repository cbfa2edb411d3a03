using System.Diagnostics;
using System.Text;
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

    [Fact]
    public async Task After_a_watch_that_was_refused_no_word_makes_exec_go_on()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        _group.Refuse = _ => new ReplicationException(new Rejection(RejectReason.NoQuorum), "no majority");
        await client.SendAsync("WATCH {k}a\r\n");
        await client.ExpectAsync("-NOQUORUM no majority\r\n");
        _group.Refuse = _ => null;
        await client.SendAsync("NOSUCH\r\nGET\r\n");
        await client.ReadLineAsync();
        await client.ReadLineAsync();
        await client.SendAsync("MULTI\r\nSET {k}a 1\r\nEXEC\r\nEXISTS {k}a\r\n");
        await client.ExpectAsync("+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of previous errors.\r\n:0\r\n");
    }

    [Fact]
    public async Task While_keys_are_watched_the_primary_answers_reads()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync("READONLY\r\nGET {k}a\r\nWATCH {k}a\r\nGET {k}a\r\nUNWATCH\r\nGET {k}a\r\n");
        await client.ExpectAsync("+OK\r\n$-1\r\n+OK\r\n$-1\r\n+OK\r\n$-1\r\n");
        Assert.Equal([RequestKind.StaleRead, RequestKind.Read, RequestKind.StaleRead], _group.Reads.Select(read => read.Kind));
    }

    [Theory]
    [InlineData("READ primary")]
    [InlineData("READ nearest linearizable")]
    [InlineData("READ default")]
    public async Task A_key_ends_for_whoever_reads_what_is_true_now(string read)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.SendAsync($"{read}\r\nSET k v PX 50\r\n");
        await client.ExpectAsync("+OK\r\n+OK\r\n");
        await Eventually.TrueAsync(async () =>
        {
            await client.CommandAsync("GET", "k");
            return await client.ReadReplyAsync() == "$-1\r\n";
        });
    }

    [Fact]
    public async Task A_read_that_brought_the_log_the_time_in_vain_is_refused_as_a_read()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync("SET", "k", "v", "PX", "1");
        await client.ExpectAsync("+OK\r\n");
        // It has ended by any clock: a question that still finds it would be the first.
        DateTime stored = DateTime.UtcNow;
        await Eventually.TrueAsync(() => Task.FromResult(DateTime.UtcNow - stored > TimeSpan.FromMilliseconds(20)));

        // The first question is a query, the second, which is the same, a command.
        int asked = 0;
        _group.Refuse = _ => ++asked % 2 == 0 ? new ReplicationException(new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true), "no answer (the outcome is unknown)") : null;
        string reply = "";
        await Eventually.TrueAsync(async () =>
        {
            await client.CommandAsync("GET", "k");
            return (reply = await client.ReadReplyAsync()).StartsWith('-');
        });
        Assert.Equal("-NOQUORUM no quorum\r\n", reply);
    }

    [Fact]
    public async Task Wait_counts_the_members_in_force_where_they_are_the_fewest()
    {
        ReplicaId[] ids = [.. Enumerable.Range(1, 5).Select(id => new ReplicaId(id))];
        _group.Members = shard => shard == 2 ? new Membership(ids[..3], witnesses: ids[3..]) : new Membership(ids);
        await using (GatewayHost gateway = await GatewayHost.StartAsync(_group))
        {
            using RawConnection client = await gateway.ConnectAsync();
            await client.SendAsync("WAIT 1 100\r\nMULTI\r\nWAIT 1 100\r\nEXEC\r\n");
            await client.ExpectAsync(":0\r\n+OK\r\n+QUEUED\r\n*1\r\n:0\r\n");
        }

        Assert.Equal(2, AcknowledgedCopies.Of("raft", new Membership(ids)));
        Assert.Equal(1, AcknowledgedCopies.Of("raft", new Membership(ids[..4], witnesses: ids[4..])));
        Assert.Equal(1, AcknowledgedCopies.Of("chain", new Membership(ids[..2], learners: ids[2..])));
        _group.Members = _ => null;
        await using GatewayHost unknown = await GatewayHost.StartAsync(_group);
        using RawConnection other = await unknown.ConnectAsync();
        await other.SendAsync("WAIT 1 100\r\n");
        await other.ExpectAsync(":0\r\n");
    }

    [Fact]
    public void Cursors_of_one_client_do_not_push_out_those_of_others()
    {
        var cursors = new ScanCursors();
        var place = new ScanPosition(1, [7]);
        long mine = cursors.Keep(1, place);
        for (int i = 0; i < 5 * ScanCursors.Most; i++)
            cursors.Keep(2, new ScanPosition(0, []));
        Assert.Equal(place, cursors.Find(mine));

        // All together have their limit, and the oldest goes first.
        for (int client = 3; client < 3 + ScanCursors.Most; client++)
            cursors.Keep(client, place);
        Assert.Null(cursors.Find(mine));
    }

    [Fact]
    public void Patterns_of_any_make_match_as_one_tries_by_hand_and_none_takes_long()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        for (int i = 0; i < 20_000; i++)
        {
            bool isLong = i % 10 == 0;
            byte[] pattern = isLong ? Any(random, "aaa?*", 150) : Any(random, "ab*?[]^-\\c", 9), text = isLong ? Any(random, "a", 200) : Any(random, "abc-^]", 8);
            Assert.True(Oracle(pattern, text) == new RedisGlob(pattern).Matches(text), $"seed {seed}: '{Encoding.ASCII.GetString(pattern)}' and '{Encoding.ASCII.GetString(text)}'");
        }

        // What takes a search with second thoughts a second takes this a hundredth.
        byte[] worst = Encoding.ASCII.GetBytes("*" + new string('a', 500) + "b"), key = Encoding.ASCII.GetBytes(new string('a', 1024));
        var glob = new RedisGlob(worst);
        // The shortest of many: whoever is held up once proves nothing.
        TimeSpan least = Enumerable.Range(0, 100).Min(_ =>
        {
            long began = Stopwatch.GetTimestamp();
            Assert.False(glob.Matches(key));
            return Stopwatch.GetElapsedTime(began);
        });
        Assert.InRange(least, TimeSpan.Zero, TimeSpan.FromMilliseconds(10));
    }

    [Fact]
    public async Task A_pattern_that_is_too_long_is_refused()
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(_group);
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync("SCAN", "0", "MATCH", "*[" + new string('b', 1_000_000) + "]");
        await client.ExpectAsync("-ERR a pattern has at most 1024 bytes, this one has 1000003\r\n");
    }

    private static byte[] Any(Random random, string letters, int most)
    {
        byte[] text = new byte[random.Next(most)];
        for (int i = 0; i < text.Length; i++)
            text[i] = (byte)letters[random.Next(letters.Length)];
        return text;
    }

    // Fills a table: whether the first so many bytes match the first so many things.
    private static bool Oracle(byte[] pattern, byte[] text)
    {
        bool[] matches = new bool[text.Length + 1];
        matches[0] = true;
        for (int at = 0; at < pattern.Length;)
        {
            bool[] next = new bool[text.Length + 1];
            if (pattern[at] == '*')
            {
                for (int i = 0; i <= text.Length; i++)
                    next[i] = matches[i] || (i > 0 && next[i - 1]);
                at++;
            }
            else
            {
                int end = at;
                for (int i = 0; i < text.Length; i++)
                    next[i + 1] = matches[i] && StandsFor(pattern, at, text[i], out end);
                StandsFor(pattern, at, 0, out end);
                at = end;
            }

            matches = next;
        }

        return matches[^1];
    }

    private static bool StandsFor(byte[] pattern, int at, byte one, out int end)
    {
        end = at + 1;
        if (pattern[at] == '?')
            return true;
        if (pattern[at] == '\\' && at + 1 < pattern.Length)
            return pattern[end++] == one;
        if (pattern[at] != '[')
            return pattern[at] == one;
        bool not = end < pattern.Length && pattern[end] == '^', found = false;
        end += not ? 1 : 0;
        while (end < pattern.Length && pattern[end] != ']')
        {
            if (pattern[end] == '\\' && end + 1 < pattern.Length)
            {
                found |= pattern[end + 1] == one;
                end += 2;
            }
            else if (end + 2 < pattern.Length && pattern[end + 1] == '-')
            {
                found |= one >= Math.Min(pattern[end], pattern[end + 2]) && one <= Math.Max(pattern[end], pattern[end + 2]);
                end += 3;
            }
            else
            {
                found |= pattern[end++] == one;
            }
        }

        end = Math.Min(end + 1, pattern.Length);
        return found != not;
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
        Assert.Equal(matches, new RedisGlob(Encoding.ASCII.GetBytes(pattern)).Matches(Encoding.ASCII.GetBytes(text)));
}
