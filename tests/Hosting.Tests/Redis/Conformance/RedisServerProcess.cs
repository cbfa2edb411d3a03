using System.Diagnostics;
using System.Net.Sockets;
using ActorRepl.Hosting.Tests.Support;

namespace ActorRepl.Hosting.Tests.Redis.Conformance;

/// <summary>A redis-server of this system, on a free port, with nothing on disk.</summary>
internal sealed class RedisServerProcess : IDisposable
{
    private readonly Process _process;
    private readonly string _directory = Directory.CreateTempSubdirectory("conformance-").FullName;

    private RedisServerProcess(int port)
    {
        Port = port;
        _process = Process.Start(new ProcessStartInfo(Path!, $"--port {port} --bind 127.0.0.1 --save \"\" --appendonly no --dir {_directory}") { RedirectStandardOutput = true })!;
        _process.BeginOutputReadLine();
    }

    /// <summary>Where the program is; null: nowhere.</summary>
    public static string? Path { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => System.IO.Path.Combine(folder, "redis-server")).FirstOrDefault(File.Exists);

    public int Port { get; }

    public static async Task<RedisServerProcess> StartAsync()
    {
        var server = new RedisServerProcess(FreePorts.Base(1));
        var patience = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                using RawConnection ready = await RawConnection.OpenAsync(server.Port);
                return server;
            }
            catch (SocketException) when (patience.Elapsed < TimeSpan.FromSeconds(20) && !server._process.HasExited)
            {
                await Task.Delay(20);
            }
        }
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
