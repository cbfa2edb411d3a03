using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;

namespace ActorRepl.MultiNode.Tests;

/// <summary>Node processes on free loopback ports and a fresh directory, killed and started as a test likes.</summary>
internal sealed class ProcessCluster : IAsyncDisposable
{
    private static readonly TimeSpan ReadyPatience = TimeSpan.FromSeconds(60);

    private readonly Dictionary<int, Process> _processes = [];
    private readonly NodeStatusClient _status = new(TimeSpan.FromSeconds(2));
    private readonly string _data = Directory.CreateTempSubdirectory("actorrepl-multinode-").FullName;
    private readonly string? _config;

    private ProcessCluster(int nodes, int basePort, string? settings)
    {
        if (settings is not null)
            File.WriteAllText(_config = Path.Combine(_data, "settings.conf"), settings);
        BasePort = basePort;
        Ids = [.. Enumerable.Range(1, nodes)];
    }

    public int BasePort { get; }
    public IReadOnlyList<int> Ids { get; }

    public IPEndPoint Redis(int id) => new NodePorts(BasePort, id).RedisAddress;

    public static async Task<ProcessCluster> StartAsync(int nodes = 3, string? settings = null)
    {
        var cluster = new ProcessCluster(nodes, FreeBasePort(nodes), settings);
        foreach (int id in cluster.Ids)
            cluster.Start(id);
        await cluster.WhenReadyAsync();
        return cluster;
    }

    public void Start(int id) =>
        _processes[id] = NodeProcess.Start(new NodeLaunch(id, Ids.Count, _data, BasePort, "multinode", _config));

    /// <summary>SIGKILL, and waits until the process is gone.</summary>
    public async Task KillAsync(int id)
    {
        NodeProcess.Kill(_processes[id].Id);
        await _processes[id].WaitForExitAsync();
    }

    /// <summary>SIGTERM, and waits until the process has ended in order.</summary>
    public async Task StopAsync(int id)
    {
        NodeProcess.Stop(_processes[id].Id);
        await _processes[id].WaitForExitAsync();
    }

    public async Task WhenReadyAsync()
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            NodeReport[] reports = await Task.WhenAll(Ids.Select(id => _status.ReportAsync(new NodePorts(BasePort, id), default)));
            if (reports.All(report => report.State == "ready"))
                return;
            if (patience.Elapsed > ReadyPatience)
                throw new TimeoutException($"not ready after {ReadyPatience.TotalSeconds} s: {string.Join("; ", reports.Select(Describe))}");
            await Task.Delay(50);
        }
    }

    /// <summary>The node that leads a shard, by the word of the leader itself; null while there is none.</summary>
    public async Task<int?> LeaderOfAsync(int shard)
    {
        NodeReport[] reports = await Task.WhenAll(Ids.Select(id => _status.ReportAsync(new NodePorts(BasePort, id), default)));
        return reports
            .SelectMany(report => (report.Status?.Groups ?? []).Where(group => group.Name == "kv").SelectMany(group => group.Local), (report, replica) => (report.Id, Replica: replica))
            .Where(item => item.Replica.Shard == shard && item.Replica.Role == "leader")
            .OrderByDescending(item => item.Replica.Term)
            .Select(item => (int?)item.Id)
            .FirstOrDefault();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Process process in _processes.Values)
        {
            if (!process.HasExited)
                NodeProcess.Kill(process.Id);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        _status.Dispose();
        Directory.Delete(_data, recursive: true);
    }

    private string Describe(NodeReport report)
    {
        string log = new NodeLaunch(report.Id, Ids.Count, _data, BasePort, "multinode").LogFile;
        string tail = File.Exists(log) ? string.Join(" | ", File.ReadLines(log).TakeLast(5)) : "no log";
        return $"node {report.Id} is {report.State} ({report.Error ?? string.Join(", ", report.Status?.NotReady ?? [])}): {tail}";
    }

    private static int FreeBasePort(int nodes)
    {
        for (int attempt = 0; attempt < 100; attempt++)
        {
            int candidate = 20_000 + Random.Shared.Next(40) * 300;
            if (Enumerable.Range(1, nodes).All(id => IsFree(candidate + id) && IsFree(candidate + 100 + id) && IsFree(candidate + 200 + id)))
                return candidate;
        }

        throw new InvalidOperationException("no free ports between 20000 and 32000");
    }

    private static bool IsFree(int port)
    {
        using var probe = new TcpListener(IPAddress.Loopback, port);
        try
        {
            probe.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
