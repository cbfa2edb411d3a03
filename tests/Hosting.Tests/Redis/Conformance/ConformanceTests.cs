using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Redis.Conformance;

[AttributeUsage(AttributeTargets.Method)]
internal sealed class RedisServerFactAttribute : FactAttribute
{
    public RedisServerFactAttribute()
    {
        if (RedisServerProcess.Path is null)
            Skip = "there is no redis-server in the PATH";
    }
}

/// <summary>Each command against Debian's redis-server and against this gateway: the replies are the same, byte for byte, or the table says why not.</summary>
public sealed class ConformanceTests
{
    [RedisServerFact]
    public async Task Replies_are_those_of_redis_server_byte_for_byte_and_the_table_in_the_docs_says_so()
    {
        using RedisServerProcess redis = await RedisServerProcess.StartAsync();
        var wrong = new List<string>();
        int[] compared = new int[ConformanceCases.All.Count];
        foreach (int protocol in new[] { 2, 3 })
        {
            // Keys of one protocol's round are not there for the other's.
            using (RawConnection cleaner = await RawConnection.OpenAsync(redis.Port))
            {
                await cleaner.CommandAsync("FLUSHALL");
                await cleaner.ExpectAsync("+OK\r\n");
            }

            await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient());
            for (int i = 0; i < ConformanceCases.All.Count; i++)
            {
                ConformanceCase one = ConformanceCases.All[i];
                string[] commands = [.. one.Script.Split(" | ")];
                var clock = Stopwatch.StartNew();
                List<string> expected = await RepliesAsync(redis.Port, protocol, commands), found = await RepliesAsync(gateway.Port, protocol, commands);
                compared[i] += commands.Length;
                for (int at = 0; at < commands.Length; at++)
                {
                    bool mayDiffer = one.Differs is not null && at == commands.Length - 1;
                    if (IsSame(commands[at], expected[at], found[at], clock.Elapsed) == mayDiffer)
                        wrong.Add($"RESP{protocol} {one.Script}\n  at '{commands[at]}'\n  redis-server: {Show(expected[at])}\n  here:         {Show(found[at])}{(mayDiffer ? "\n  which was to differ" : "")}");
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join("\n", wrong));
        string table = Table(compared), file = TableFile();
        string committed = File.Exists(file) ? await File.ReadAllTextAsync(file) : "";
        if (committed != table && Environment.GetEnvironmentVariable("ACTORREPL_WRITE_TABLES") == "1")
            await File.WriteAllTextAsync(committed = file, table);
        else
            Assert.True(committed == table, $"{file} is not what this test found; ACTORREPL_WRITE_TABLES=1 has it written anew");
    }

    /// <summary>What is left of a key's time, in whole seconds, may be less by as many as have passed.</summary>
    private static bool IsSame(string command, string expected, string found, TimeSpan passed) =>
        expected == found
        || command.StartsWith("TTL ", StringComparison.Ordinal) && Left(expected) is { } one && Left(found) is { } other && Math.Abs(one - other) <= Math.Round(passed.TotalSeconds);

    private static int? Left(string reply) => reply.StartsWith(':') && int.TryParse(reply.AsSpan(1).TrimEnd(), out int seconds) && seconds > 0 ? seconds : null;

    private static string Table(int[] compared)
    {
        var table = new StringBuilder("""
            # Redis conformance

            `ConformanceTests` wrote this table: it sends each command to redis-server 7.0 (Debian's) and to a gateway, in RESP2 and in RESP3, and compares
            the replies byte for byte. It fails when they differ where this says "same", when they are the same where this says otherwise, and when this is
            not what it found. What is not in the table: [redis.md](redis.md).

            | command | replies compared | found |
            |---|---|---|

            """);
        var rows = ConformanceCases.All.Select((one, i) => (One: one, Compared: compared[i])).GroupBy(row => row.One.Command);
        foreach (var row in rows)
        {
            string[] differs = [.. row.Where(of => of.One.Differs is not null).Select(of => $"`{of.One.Script.Split(" | ")[^1]}`: {of.One.Differs}")];
            string found = differs.Length == 0 ? "same" : differs.Length == row.Count() ? string.Join("; ", differs) : $"same, but {string.Join("; ", differs)}";
            table.Append($"| {row.Key} | {row.Sum(of => of.Compared)} | {found} |\n");
        }

        return table.ToString();
    }

    private static async Task<List<string>> RepliesAsync(int port, int protocol, string[] commands)
    {
        using RawConnection client = await RawConnection.OpenAsync(port);
        if (protocol == 3)
        {
            await client.CommandAsync("HELLO", "3");
            await client.ReadReplyAsync();
        }

        var replies = new List<string>();
        foreach (string command in commands)
        {
            await client.CommandAsync([.. command.Split(' ').Select(word => word == "''" ? "" : word.Replace('~', ' '))]);
            replies.Add(await client.ReadReplyAsync());
        }

        return replies;
    }

    private static string Show(string reply) => reply.Replace("\r\n", "\\r\\n");

    private static string TableFile([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../../docs/redis-conformance.md"));
}
