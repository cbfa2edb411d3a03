using System.Diagnostics;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Processes;

/// <summary><c>actorrepl fault</c> against nodes that allow it, and that do not.</summary>
[Collection(nameof(Processes))]
public sealed class FaultTests : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private readonly int _basePort = FreePorts.Base(3);

    private string Data => Path.Combine(_directory.Path, "data");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (ClusterNode node in Running())
            NodeProcess.Kill(node.Pid);
        var left = Stopwatch.StartNew();
        while (Running().Any() && left.Elapsed < TimeSpan.FromSeconds(10))
            await Task.Delay(20);
        _directory.Dispose();
    }

    [Fact]
    public async Task Faults_are_put_on_a_node_seen_and_end()
    {
        await RunAsync(0, "up", "--nodes", "2", "--data", Data, "--base-port", $"{_basePort}", "--detach", "--faults");
        Assert.Equal("node 1 has no faults", (await FaultAsync(0, "1", "list")).Output.Trim());
        Assert.Contains("100 ms ± 20 ms", (await FaultAsync(0, "1", "delay", "100ms", "--jitter", "20ms", "--to", "2")).Output, StringComparison.Ordinal);
        await FaultAsync(0, "1", "drop", "20%", "--for", "1h");
        await FaultAsync(0, "1", "slow-fsync", "50ms");
        using (JsonDocument json = JsonDocument.Parse((await FaultAsync(0, "1", "list", "--json")).Output))
        {
            JsonElement[] faults = [.. json.RootElement.GetProperty("faults").EnumerateArray()];
            Assert.Equal(["delay", "drop", "slow-fsync"], faults.Select(fault => fault.GetProperty("kind").GetString()));
            Assert.Equal(2, faults[0].GetProperty("to").GetInt32());
            Assert.InRange(faults[1].GetProperty("endsInSeconds").GetDouble(), 3_500, 3_600);
            Assert.False(faults[2].TryGetProperty("to", out _));
        }

        Assert.Equal("node 1 has no faults", (await FaultAsync(0, "1", "clear")).Output.Trim());
        await FaultAsync(0, "2", "full-disk", "--for", "300ms");
        var waited = Stopwatch.StartNew();
        while ((await FaultAsync(0, "2", "list")).Output.Trim() != "node 2 has no faults")
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(20), "the fault ends by itself");

        await FailsAsync("node 1: --to is 1; it must be another node that node 1 knows", "1", "cut", "--to", "1");
        await FailsAsync("node 1: --to is 7; it must be another node that node 1 knows", "1", "cut", "--to", "7");
        await FailsAsync("node 1: the journal holds nothing of actorrepl/actorrepl/n1/kv/99", "1", "bit-flip", "kv/99");
        await FailsAsync("there is no node 3; the nodes are 1, 2", "3", "list");
        await RunAsync(0, "kill", "2", "--data", Data);
        await FailsAsync($"node 2 does not answer on port {_basePort + 102}", "2", "cut");
        await RunAsync(0, "restart", "2", "--data", Data);
        Assert.Equal("node 2 has no faults", (await FaultAsync(0, "2", "list")).Output.Trim());
    }

    [Fact]
    public async Task Faults_are_off_unless_they_are_asked_for()
    {
        await RunAsync(0, "up", "--nodes", "1", "--data", Data, "--base-port", $"{_basePort}", "--detach");
        await FailsAsync("node 1: faults are off: start the cluster with 'actorrepl up --faults'", "1", "cut");
        await FailsAsync("node 1: faults are off: start the cluster with 'actorrepl up --faults'", "1", "list");
    }

    private IEnumerable<ClusterNode> Running() => (ClusterFile.Read(Data)?.Nodes ?? []).Where(node => NodeProcess.IsRunning(node.Pid, node.Id, Data));

    private async Task FailsAsync(string start, params string[] arguments) =>
        Assert.StartsWith($"actorrepl: {start}", (await FaultAsync(1, arguments)).Error, StringComparison.Ordinal);

    private Task<CommandResult> FaultAsync(int code, params string[] arguments) => RunAsync(code, ["fault", .. arguments, "--data", Data]);

    private static async Task<CommandResult> RunAsync(int code, params string[] arguments)
    {
        CommandResult result = await CommandLine.RunAsync(arguments);
        Assert.True(result.ExitCode == code, $"{string.Join(' ', arguments)} ended with {result.ExitCode}: {result.Error}{result.Output}");
        return result;
    }
}
