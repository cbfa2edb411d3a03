using System.Diagnostics;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Processes;

/// <summary>What the console says of a group without a leader: nobody leads it, and what would need a leader or a log is refused by that name.</summary>
[Collection(nameof(Processes))]
public sealed class LeaderlessCommandTests : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private readonly int _basePort = FreePorts.Base(1);

    private string Data => Path.Combine(_directory.Path, "data");

    public async Task InitializeAsync() => await RunAsync(0, "up", "--nodes", "1", "--protocol", "quorum", "--base-port", $"{_basePort}", "--detach");

    public async Task DisposeAsync()
    {
        await RunAsync(0, "down");
        _directory.Dispose();
    }

    [Fact]
    public async Task Nobody_is_said_to_lead_and_what_needs_a_leader_or_a_log_is_refused_in_one_line()
    {
        await RunAsync(0, "put", "k", "v");
        Assert.Contains("has no leader, and so no sessions", (await RunAsync(1, "get", "k", "--read", "session")).Error, StringComparison.Ordinal);
        Assert.Equal("v\n", (await RunAsync(0, "get", "k", "--read", "level:local-quorum")).Output);

        await RunAsync(0, "put", "k", "v", "--ack", "level:any");
        Assert.Contains("9 is asked for", (await RunAsync(1, "put", "k", "v", "--ack", "level:9")).Error, StringComparison.Ordinal);

        // What is not a plain write of the connection goes by the group's own level, where that one is for writes alone.
        using (RawConnection redis = await RawConnection.OpenAsync(new NodePorts(_basePort, 1).Redis))
        {
            await redis.SendAsync("ACK level:any\r\nACK\r\nSET n 5\r\nGET n\r\nINCR n\r\nDEL n\r\n");
            await redis.ExpectAsync("+OK\r\n$9\r\nlevel:any\r\n+OK\r\n$1\r\n5\r\n:6\r\n:1\r\n");
        }

        using JsonDocument top = JsonDocument.Parse((await RunAsync(0, "top", "--count", "1", "--json")).Output);
        JsonElement shard = top.RootElement.GetProperty("shards").EnumerateArray().First(one => one.GetProperty("group").GetString() == "kv");
        Assert.Equal((0, true), (shard.GetProperty("leader").GetInt32(), shard.GetProperty("leaderless").GetBoolean()));
        Assert.False(shard.TryGetProperty("problem", out _), $"{shard}");
        using JsonDocument status = JsonDocument.Parse((await RunAsync(0, "status", "--json")).Output);
        JsonElement[] replicas = [.. status.RootElement.GetProperty("nodes")[0].GetProperty("status").GetProperty("groups").EnumerateArray()
            .Single(group => group.GetProperty("name").GetString() == "kv").GetProperty("local").EnumerateArray()];
        Assert.Equal(4, replicas.Length);
        Assert.All(replicas, replica => Assert.Equal(0, replica.GetProperty("leader").GetInt32()));
        using JsonDocument members = JsonDocument.Parse((await RunAsync(0, "members", "list", "kv", "--json")).Output);
        Assert.All(members.RootElement.GetProperty("shards").EnumerateArray(), one => Assert.Equal(0, one.GetProperty("leader").GetInt32()));

        Assert.Contains("group 'kv' has no leaders", (await RunAsync(1, "transfer", "kv", "all")).Error, StringComparison.Ordinal);
        Assert.Contains("replicates by quorum", (await RunAsync(1, "transfer", "kv", "0", "1", "--force", "--yes")).Error, StringComparison.Ordinal);
        Assert.Contains("it has no common log", (await RunAsync(1, "export", Path.Combine(_directory.Path, "keys"))).Error, StringComparison.Ordinal);
        Assert.Contains("there is no directory", (await RunAsync(1, "export", Path.Combine(_directory.Path, "nowhere", "keys"))).Error, StringComparison.Ordinal);
        Assert.Contains("there is no group 'nope'; there are kv", (await RunAsync(1, "repair", "nope")).Error, StringComparison.Ordinal);
        Assert.Contains("group 'kv' has shards 0 to 3, not 9", (await RunAsync(1, "repair", "kv", "--shard", "9")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_import_that_is_told_to_end_says_how_much_is_stored()
    {
        var start = new ProcessStartInfo("dotnet", [typeof(NodeProcess).Assembly.Location, "import", "-", "--data", Data])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using Process import = Process.Start(start)!;
        await import.StandardInput.WriteAsync("{\"key\":\"first\",\"value\":\"1\"}\n");
        await import.StandardInput.FlushAsync();
        var patience = Stopwatch.StartNew();
        while ((await CommandLine.RunAsync("get", "first", "--data", Data)).ExitCode != 0)
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(30), "what comes on standard input is stored as it comes");
        NodeProcess.Stop(import.Id);
        await import.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(130, import.ExitCode);
        Assert.Contains("1 acknowledged, 0 failed", await import.StandardOutput.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.StartsWith("actorrepl: interrupted", await import.StandardError.ReadToEndAsync(), StringComparison.Ordinal);
    }

    /// <summary>Runs a command on the cluster; what is wrong is one line, never a stack trace.</summary>
    private async Task<CommandResult> RunAsync(int exitCode, params string[] arguments)
    {
        CommandResult result = await CommandLine.RunAsync([.. arguments, "--data", Data]);
        Assert.True(result.ExitCode == exitCode, $"actorrepl {string.Join(' ', arguments)} ended with {result.ExitCode}: {result.Output}{result.Error}");
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.True(exitCode == 0 || result.Error.TrimEnd('\n').Split('\n').Length == 1, result.Error);
        return result;
    }
}
