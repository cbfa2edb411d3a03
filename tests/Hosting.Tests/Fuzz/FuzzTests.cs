using ActorRepl.Fuzz;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Tests.Support;
using Xunit.Abstractions;

namespace ActorRepl.Hosting.Tests.Fuzz;

/// <summary>Malformed inputs at every port of a node process: no crash, no hang, memory level, and good clients are served meanwhile. The million is in tests/Benchmarks, <c>fuzz</c>.</summary>
[Collection(nameof(Processes.Processes))]
public sealed class FuzzTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const long Inputs = 16_000;

    private readonly TempDirectory _directory = new();
    private readonly int _basePort = FreePorts.Base(1);
    // The same inputs each time; other seeds are for the benchmark.
    private const ulong Seed = 1;

    private string Data => Path.Combine(_directory.Path, "data");

    private NodePorts Ports => new(_basePort, 1);

    public async Task InitializeAsync()
    {
        CommandResult up = await CommandLine.RunAsync("up", "--nodes", "1", "--data", Data, "--base-port", $"{_basePort}", "--detach", "--config", _directory.File("fuzz.conf", FuzzCorpus.Settings));
        Assert.True(up.ExitCode == 0, up.Error);
    }

    public async Task DisposeAsync()
    {
        await CommandLine.RunAsync("down", "--data", Data);
        _directory.Dispose();
    }

    [Fact]
    public async Task No_malformed_input_at_any_port_harms_a_node()
    {
        await CheckAsync(new Fuzzer("redis", Ports.Redis, Ports, FuzzCorpus.Redis, perConnection: 20));
        await CheckAsync(new Fuzzer("http", Ports.Http, Ports, FuzzCorpus.Http, perConnection: 5));
        await CheckAsync(new Fuzzer("node port", Ports.Peers, Ports, await FuzzCorpus.RecordNodePortAsync("actorrepl", Ports.Peers), perConnection: 1),
            // There the port is Akka.NET's own, which keeps what it learned of every address that ever greeted it.
            mayGrow: Engine.Name != Engine.Embedded);
    }

    private async Task CheckAsync(Fuzzer fuzzer, bool mayGrow = false)
    {
        FuzzReport report = await fuzzer.RunAsync(Seed, Inputs);
        output.WriteLine($"{report}");
        Assert.True((mayGrow ? report with { MemoryAfter = report.MemoryBefore } : report).IsGood, $"{report}");
    }
}
