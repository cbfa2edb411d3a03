using System.Net;
using System.Net.Sockets;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Cli;

/// <summary>What a user gets for a mistake: one line that says what is wrong, and the right exit code.</summary>
public sealed class UsageTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    [Theory]
    [InlineData("bogus", "Unrecognized command or argument 'bogus'")]
    [InlineData("", "Required command was not provided")]
    [InlineData("up --nodes 10", "--nodes is 10; it must be 1 to 9")]
    [InlineData("up --nodes 0", "--nodes is 0; it must be 1 to 9")]
    [InlineData("up --nodes many", "--nodes is 'many'; it must be a number")]
    [InlineData("up --base-port 65400", "--base-port is 65400; it must be 1 to 65326")]
    [InlineData("node", "Option '--id' is required")]
    [InlineData("get", "'get' needs KEY")]
    [InlineData("put key", "'put' needs VALUE")]
    [InlineData("put", "'put' needs KEY and VALUE")]
    [InlineData("get key --node", "--node needs a value")]
    [InlineData("get key --node x", "--node is 'x'; it must be a number")]
    [InlineData("verify", "'verify' needs GROUP")]
    [InlineData("verify kv --timeout 0", "--timeout is 0; it must be 1 to 3600")]
    [InlineData("put key value --ack most", "--ack is 'most': 'most' is not known; it must be async, semi-sync[:N]")]
    [InlineData("get key --read anyone", "--read is 'anyone': 'anyone' is not known, or there is one like it already; it must be primary, primary-preferred")]
    [InlineData("transfer kv 0 --force", "--force needs NODE, the one that is to lead")]
    [InlineData("transfer kv 0 2 --yes", "--yes is for --force")]
    [InlineData("put key value --ack async,applied", "--ack is 'async,applied': level Async waits for no other member")]
    [InlineData("up --protocol paxos", "--protocol is 'paxos'; it must be raft or chain or quorum or crdt or primary-backup")]
    [InlineData("completion fish", "SHELL is 'fish'; it must be one of bash, pwsh, zsh")]
    [InlineData("top --interval 0", "--interval is 0; it must be 1 to 3600")]
    [InlineData("top --count 0", "--count is 0; it must be at least 1")]
    [InlineData("plan staleness", "Option '--latency' is required")]
    [InlineData("plan staleness --latency FILE --n 64", "--n is 64; it must be 1 to 63")]
    [InlineData("plan staleness --latency FILE --r 4", "r is 4 and w is 1; each must be 1 to n (3)")]
    [InlineData("kill one", "'one' must be a number")]
    [InlineData("fault", "Required")]
    [InlineData("fault 1 smoke", "Unrecognized command or argument 'smoke'")]
    [InlineData("fault 1 delay", "'delay' needs TIME")]
    [InlineData("fault 1 delay soon", "the time is 'soon'; it must be such as 100ms or 2s")]
    [InlineData("fault 1 delay 10ms --jitter 20ms", "--jitter is '20ms'; it must be a time such as 20ms, at most the delay")]
    [InlineData("fault 1 drop 120%", "the probability is '120%'; it must be above 0 and at most 1, or 100%")]
    [InlineData("fault 1 cut --for 2", "--for is '2'; it must be a time such as 10s or 500ms, at most 24h")]
    [InlineData("fault 1 cut --to 0", "--to is 0; it must be a node's number, from 1")]
    [InlineData("fault 1 slow-fsync 2m", "the time is '2m'; it must be such as 100ms or 2s, above 0 and at most 60s")]
    [InlineData("fault 1 bit-flip kv", "the shard is 'kv'; it must be GROUP/SHARD, such as kv/0")]
    public async Task A_wrong_command_line_ends_with_2(string arguments, string message)
    {
        CommandResult result = await CommandLine.RunAsync(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith("actorrepl: " + message, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("up --help")]
    [InlineData("import --help")]
    public async Task Help_is_no_error(string arguments)
    {
        CommandResult result = await CommandLine.RunAsync(arguments.Split(' '));
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("Usage:", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("status")]
    [InlineData("get key")]
    [InlineData("put key value")]
    [InlineData("del key")]
    [InlineData("kill 1")]
    [InlineData("restart 1")]
    [InlineData("fault 1 cut")]
    [InlineData("down")]
    public async Task Without_a_cluster_a_command_says_where_it_looked(string arguments) =>
        await FailsAsync($"no cluster in {_directory.Path}: it has no cluster.json", [.. arguments.Split(' '), "--data", _directory.Path]);

    [Fact]
    public async Task An_import_of_a_file_that_is_not_there_names_it() =>
        await FailsAsync("/no/such/file cannot be read", "import", "/no/such/file", "--data", _directory.Path);

    [Theory]
    [InlineData("actorrepl.redis.max-argument = 5", "unknown setting actorrepl.redis.max-argument in ", "; the nearest is actorrepl.redis.max-arguments")]
    [InlineData("actorrepl.rafd.heartbeat = 5ms", "unknown setting actorrepl.rafd.heartbeat in ", "; the nearest is actorrepl.raft.heartbeat")]
    [InlineData("actorrepl.groups.kv.shard = 5", "unknown setting actorrepl.groups.kv.shard in ", "; the nearest is actorrepl.groups.kv.shards")]
    [InlineData("actorrepl.groups.kv.shards = 0", "actorrepl.groups.kv.shards is '0'; it must be 1 to 1024", "")]
    [InlineData("actorrepl.groups.kv.protocol = paxos", "actorrepl.groups.kv.protocol is 'paxos'; it must be raft", "")]
    [InlineData("actorrepl.groups.kv.replicas = 4", "actorrepl.groups.kv.replicas is '4'; it must be 0 to 3", "")]
    [InlineData("actorrepl.redis.group = users", "actorrepl.redis.group is 'users'; the groups are: kv", "")]
    [InlineData("actorrepl.max-value-bytes = 2 MiB", "actorrepl.max-value-bytes is '2 MiB'; it must be 1 to 1048576", "")]
    [InlineData("actorrepl.request-timeout = soon", "actorrepl.request-timeout is 'soon'", "")]
    [InlineData("actorrepl { redis {", "", " is no HOCON: ")]
    public async Task A_wrong_setting_is_named_before_anything_changes(string hocon, string start, string middle)
    {
        string config = _directory.File("my.conf", hocon);
        string data = Path.Combine(_directory.Path, "data");
        CommandResult result = await CommandLine.RunAsync("up", "--config", config, "--data", data, "--base-port", $"{FreePorts.Base(3)}", "--detach");
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("actorrepl: " + start, result.Error, StringComparison.Ordinal);
        Assert.Contains(middle, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Trim().Split('\n'));
        Assert.False(Directory.Exists(data), "the data directory was made all the same");
    }

    [Theory]
    [InlineData(2, "Redis clients")]
    [InlineData(103, "HTTP")]
    [InlineData(201, "other nodes")]
    public async Task A_port_in_use_is_named_before_anything_changes(int offset, string purpose)
    {
        int basePort = FreePorts.Base(3);
        using var taken = new TcpListener(IPAddress.Loopback, basePort + offset);
        taken.Start();
        string data = Path.Combine(_directory.Path, "data");
        await FailsAsync($"port {basePort + offset} (node {offset % 100}, for {purpose}) cannot be used",
            "up", "--data", data, "--base-port", $"{basePort}", "--detach");
        Assert.False(Directory.Exists(data), "the data directory was made all the same");
    }

    public void Dispose() => _directory.Dispose();

    private static async Task FailsAsync(string message, params string[] arguments)
    {
        CommandResult result = await CommandLine.RunAsync(arguments);
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("actorrepl: " + message, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.Trim().Split('\n'));
    }
}
