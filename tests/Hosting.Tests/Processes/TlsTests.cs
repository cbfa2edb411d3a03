using System.Diagnostics;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using ActorRepl.Fuzz;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Settings;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Hosting.Tests.Tls;
using ActorRepl.Hosting.Tls;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Remote;
using Akka.Remote.Transport.DotNetty;
using Xunit.Abstractions;

namespace ActorRepl.Hosting.Tests.Processes;

/// <summary>A cluster of <c>up --tls</c>: every port encrypted, the commands as always, and nobody else let in.</summary>
[Collection(nameof(Processes))]
public sealed class TlsTests(ITestOutputHelper output) : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private readonly int _basePort = FreePorts.Base(3);

    private string Data => Path.Combine(_directory.Path, "data");

    private NodePorts Ports => new(_basePort, 1);

    public Task InitializeAsync() => DoAsync("up", "--tls", "--nodes", "3", "--data", Data, "--base-port", $"{_basePort}", "--detach");

    public async Task DisposeAsync()
    {
        await CommandLine.RunAsync("down", "--data", Data);
        _directory.Dispose();
    }

    [Fact]
    public async Task A_cluster_is_encrypted_at_every_port_and_used_as_always()
    {
        await DoAsync("put", "a", "1", "--data", Data);
        await DoAsync("import", _directory.File("in.jsonl", "{\"key\":\"b\",\"value\":\"2\"}\n"), "--data", Data);
        Assert.Equal("2", (await DoAsync("get", "b", "--data", Data)).Output.Trim());
        await DoAsync("status", "--data", Data);
        await DoAsync("nodes", "--data", Data);
        await DoAsync("kill", "2", "--data", Data);
        await DoAsync("restart", "2", "--data", Data);
        Assert.Equal("1", (await DoAsync("get", "a", "--data", Data)).Output.Trim());

        await NothingIsSaidOpenlyAsync();
        await StockClientsNeedOnlyTheAuthorityAsync();
        await OnlyNodesReachThePortForNodesAsync();
        await NoMalformedHandshakeHarmsAsync();
    }

    private async Task NoMalformedHandshakeHarmsAsync()
    {
        NodeAccess access = new LocalCluster(Data, ClusterFile.Read(Data)!).Access;
        foreach (int port in (int[])[Ports.Redis, Ports.Http, Ports.Peers])
        {
            FuzzReport report = await new Fuzzer($"port {port}", port, Ports, FuzzCorpus.Tls, perConnection: 1, access).RunAsync(seed: 1, inputs: 1_600);
            output.WriteLine($"{report}");
            Assert.True(report.IsGood, $"{report}");
        }
    }

    private async Task NothingIsSaidOpenlyAsync()
    {
        using (RawConnection plain = await RawConnection.OpenAsync(Ports.Redis))
        {
            await plain.CommandAsync("GET", "a");
            Assert.DoesNotContain("1", await plain.ReadLineAsync().ContinueWith(line => line.IsFaulted ? "" : line.Result), StringComparison.Ordinal);
        }

        using var http = new HttpClient();
        await Assert.ThrowsAsync<HttpRequestException>(() => http.GetAsync($"http://127.0.0.1:{Ports.Http}/kv/kv/a"));
    }

    private async Task StockClientsNeedOnlyTheAuthorityAsync()
    {
        string authority = Path.Combine(Data, "tls", "authority.pem");
        Assert.Equal("1", await RunAsync("curl", "-sS", "--cacert", authority, $"https://localhost:{Ports.Http}/kv/kv/a"));
        Assert.Equal("1", await RunAsync("redis-cli", "--tls", "--cacert", authority, "-h", "localhost", "-p", $"{Ports.Redis}", "get", "a"));
    }

    private async Task OnlyNodesReachThePortForNodesAsync()
    {
        using var elsewhere = new TempDirectory();
        NodeTls own = NodeTls.Read(Hocon.Parse(LocalCertificates.Settings(Data), "test").WithFallback(Hocon.Reference))!, stranger = TestCertificates.Make(elsewhere);
        Assert.True(await IsReachedAsync("akka.ssl.tcp", own.Certificate, TimeSpan.FromSeconds(15)));
        Assert.False(await IsReachedAsync("akka.tcp", null, TimeSpan.FromSeconds(3)));
        if (Engine.DemandsCertificates)
            Assert.False(await IsReachedAsync("akka.ssl.tcp", stranger.Certificate, TimeSpan.FromSeconds(3)));
    }

    private async Task<bool> IsReachedAsync(string scheme, X509Certificate2? certificate, TimeSpan patience)
    {
        Config config = ConfigurationFactory.ParseString($$"""
            akka { loglevel = OFF, stdout-loglevel = OFF, actor.provider = remote, log-dead-letters = off
              remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0, enable-ssl = {{(certificate is null ? "off" : "on")}} } }
            """);
        BootstrapSetup bootstrap = BootstrapSetup.Create().WithConfig(config);
        ActorSystemSetup setup = certificate is null ? ActorSystemSetup.Create(bootstrap) : ActorSystemSetup.Create(bootstrap, new DotNettySslSetup(certificate, suppressValidation: true));
        using var outside = ActorSystem.Create("outside", setup);
        try
        {
            await outside.ActorSelection($"{scheme}://actorrepl@127.0.0.1:{Ports.Peers}/user/actorrepl").ResolveOne(patience);
            return true;
        }
        catch (Exception e) when (e is ActorNotFoundException or RemoteTransportException)
        {
            return false;
        }
        finally
        {
            await outside.Terminate();
        }
    }

    private static async Task<CommandResult> DoAsync(params string[] arguments)
    {
        CommandResult result = await CommandLine.RunAsync(arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)}: {result.Error}{result.Output}");
        return result;
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(process.ExitCode == 0, await error);
        return (await output).Trim();
    }
}
