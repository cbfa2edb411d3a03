using System.Text.Json;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Processes;

/// <summary>The console's commands about keys with <c>--group</c>: of groups of every kind, and of those that are none or hold no keys.</summary>
[Collection(nameof(Processes))]
public sealed class NamedGroupTests : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private readonly int _basePort = FreePorts.Base(1);

    private string Data => Path.Combine(_directory.Path, "data");

    public async Task InitializeAsync()
    {
        string config = _directory.File("groups.conf", """
            actorrepl.groups {
              carts { protocol = primary-backup, shards = 2 }
              links { protocol = chain, shards = 1 }
              ring { protocol = quorum, shards = 2 }
              likes { protocol = crdt, shards = 1 }
            }
            """);
        await RunAsync(0, "up", "--nodes", "1", "--base-port", $"{_basePort}", "--config", config, "--detach");
    }

    public async Task DisposeAsync()
    {
        await RunAsync(0, "down");
        _directory.Dispose();
    }

    [Fact]
    public async Task Keys_of_groups_of_every_kind_are_put_got_imported_and_removed_by_the_groups_name()
    {
        foreach (string group in (string[])["kv", "carts", "links", "ring"])
        {
            string[] of = ["--group", group];
            Assert.Equal("OK\n", (await RunAsync(0, ["put", "a/ü ?", $"of {group}", .. of])).Output);
            Assert.Equal($"of {group}\n", (await RunAsync(0, ["get", "a/ü ?", .. of])).Output);
            string file = _directory.File($"{group}.jsonl", """
                {"key":"one","value":"1"}
                {"keyBase64":"/w==","value":{"n":  2}}
                {"key":"one","value":"3"}
                {"key":"short","value":"4","expiresAtMs":1}
                """);
            Assert.StartsWith("4 acknowledged, 0 failed", (await RunAsync(0, ["import", file, .. of])).Output.Split('\n')[^2], StringComparison.Ordinal);
            using JsonDocument got = JsonDocument.Parse((await RunAsync(0, ["get", "one", "--json", .. of])).Output);
            Assert.Equal("3", got.RootElement.GetProperty("value").GetString());
            Assert.Equal("actorrepl: there is no key 'short'\n", (await RunAsync(1, ["get", "short", .. of])).Error);
            Assert.Equal("2\n", (await RunAsync(0, ["del", "one", "a/ü ?", "never", .. of])).Output);
            Assert.Equal("actorrepl: there is no key 'one'\n", (await RunAsync(1, ["get", "one", .. of])).Error);
        }

        // Each group has its own; without a name, that of the Redis clients is meant.
        await RunAsync(0, "put", "k", "carts'", "--group", "carts", "--ack", "async");
        Assert.Equal("actorrepl: there is no key 'k'\n", (await RunAsync(1, "get", "k")).Error);
        Assert.Equal("carts'\n", (await RunAsync(0, "get", "k", "--group", "carts", "--read", "nearest,500ms")).Output);
        await RunAsync(0, "put", "k", "ring's", "--group", "ring", "--ack", "level:any");
        Assert.Equal("ring's\n", (await RunAsync(0, "get", "k", "--group", "ring", "--read", "level:one")).Output);
        Assert.Contains("has no leader, and so no sessions", (await RunAsync(1, "get", "k", "--group", "ring", "--read", "session")).Error, StringComparison.Ordinal);
        Assert.Contains("acknowledges every command in one way", (await RunAsync(1, "put", "k", "v", "--group", "links", "--ack", "async")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_group_that_is_none_or_holds_no_keys_is_told_in_one_line_as_a_wrong_command_line()
    {
        string file = _directory.File("some.jsonl", "{\"key\":\"k\",\"value\":\"v\"}\n");
        string[][] commands = [["get", "k"], ["put", "k", "v"], ["del", "k"], ["import", file], ["scan"], ["watch"], ["export", Path.Combine(_directory.Path, "out")]];
        foreach (string[] command in commands)
        {
            CommandResult unknown = await RunAsync(2, [.. command, "--group", "nope"]);
            Assert.StartsWith("actorrepl: there is no group 'nope'; there are", unknown.Error, StringComparison.Ordinal);
            Assert.All((string[])["kv", "carts", "links", "ring", "likes"], name => Assert.Contains(name, unknown.Error, StringComparison.Ordinal));
            CommandResult other = await RunAsync(2, [.. command, "--group", "likes"]);
            Assert.StartsWith("actorrepl: group 'likes' ", other.Error, StringComparison.Ordinal);
            Assert.Contains("/crdt/likes", other.Error, StringComparison.Ordinal);
        }
    }

    /// <summary>Runs a command on the cluster; what is wrong is one line, never a stack trace.</summary>
    private async Task<CommandResult> RunAsync(int exitCode, params string[] arguments)
    {
        CommandResult result = await CommandLine.RunAsync([.. arguments, "--data", Data]);
        Assert.True(result.ExitCode == exitCode, $"actorrepl {string.Join(' ', arguments)} ended with {result.ExitCode}: {result.Output}{result.Error}");
        Assert.True(exitCode == 0 || result.Error.TrimEnd('\n').Split('\n').Length == 1, result.Error);
        return result;
    }
}
