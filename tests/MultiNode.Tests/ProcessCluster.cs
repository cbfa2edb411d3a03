using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;

namespace ActorRepl.MultiNode.Tests;

/// <summary>Node processes on free loopback ports and a fresh directory, killed and started as a test likes.</summary>
internal sealed class ProcessCluster : IAsyncDisposable
{
    private static readonly TimeSpan ReadyPatience = TimeSpan.FromSeconds(60);

    private readonly Dictionary<int, Process> _processes = [];
    // A node that waits for a replica of its own in vain answers after 2 s.
    private readonly NodeStatusClient _status = new(TimeSpan.FromSeconds(5));
    private readonly string _data = Directory.CreateTempSubdirectory("actorrepl-multinode-").FullName;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(15) };
    private readonly string? _config;
    private readonly int _founders;
    private List<int> _ids;

    private ProcessCluster(int nodes, int basePort, string? settings)
    {
        if (settings is not null)
            File.WriteAllText(_config = Path.Combine(_data, "settings.conf"), settings);
        BasePort = basePort;
        _founders = nodes;
        _ids = [.. Enumerable.Range(1, nodes)];
    }

    public int BasePort { get; }

    /// <summary>All that were ever started.</summary>
    public IReadOnlyList<int> Ids => _ids;

    public int ProcessIdOf(int id) => _processes[id].Id;

    public IPEndPoint Redis(int id) => new NodePorts(BasePort, id).RedisAddress;

    /// <param name="nodes">That found it; others may join.</param>
    /// <param name="settings">HOCON that replaces defaults.</param>
    /// <param name="basePort">Null: where nobody listens.</param>
    public static async Task<ProcessCluster> StartAsync(int nodes = 3, string? settings = null, int? basePort = null)
    {
        var cluster = new ProcessCluster(nodes, basePort ?? FreeBasePort(NodePorts.MaxNodes), settings);
        try
        {
            cluster.Describe();
            foreach (int id in cluster.Ids)
                cluster.Start(id);
            await cluster.WhenReadyAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync(); // nobody else knows of its processes
            throw;
        }
    }

    /// <param name="id">The node.</param>
    /// <param name="join">Which one it asks for the cluster; null: as it was started first.</param>
    public void Start(int id, int? join = null) =>
        _processes[id] = NodeProcess.Start(join is { } asked ? Launch(id) with { Join = AddressOf(asked) } : Launch(id));

    /// <summary>The directory of a node that is down is lost, or one of the files in it.</summary>
    public void Lose(int id, string? file = null)
    {
        string lost = Path.Combine(Launch(id).Directory, file ?? "");
        if (Directory.Exists(lost))
            Directory.Delete(lost, recursive: true);
        else
            File.Delete(lost);
    }

    /// <summary>How a node is, by its own word.</summary>
    public Task<NodeReport> ReportAsync(int id) => _status.ReportAsync(new NodePorts(BasePort, id), default);

    /// <summary>Waits until a node ends by itself; its exit code and what it said.</summary>
    public async Task<(int Code, string Said)> EndedAsync(int id)
    {
        string said = await _processes[id].StandardError.ReadToEndAsync().WaitAsync(ReadyPatience);
        await _processes[id].WaitForExitAsync();
        return (_processes[id].ExitCode, said);
    }

    /// <summary>Starts a node that the cluster did not have, and waits until it is counted in.</summary>
    public async Task JoinAsync(int id)
    {
        Start(id);
        await UntilAsync(async () => (await NodesAsync(1)).Any(node => node.Id == id && node.Status == "up"), $"node {id} is counted in");
        _ids = [.. _ids, id];
        Describe();
    }

    public async Task<IReadOnlyList<NodeEntry>> NodesAsync(int asked) =>
        await TryAsync(() => _http.GetFromJsonAsync<NodesReport>(Uri(asked, "/nodes"), JsonSerializerOptions.Web)) is { } report ? report.Nodes : [];

    /// <summary>Gives an order by way of a node; its status code and what it says.</summary>
    public async Task<(HttpStatusCode Code, string Body)> OrderAsync(int asked, string order)
    {
        using HttpResponseMessage response = await _http.PostAsync(Uri(asked, order), null);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>What a node answers to a GET over HTTP.</summary>
    public Task<string> GetAsync(int asked, string what) => _http.GetStringAsync(Uri(asked, what));

    /// <summary>Runs <c>actorrepl</c> on this cluster; its exit code, and what it said on both outputs.</summary>
    public async Task<(int Code, string Said)> CommandAsync(params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(NodeProcess).Assembly.Location, .. words, "--data", _data]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process command = Process.Start(start)!;
        string[] said = await Task.WhenAll(command.StandardOutput.ReadToEndAsync(), command.StandardError.ReadToEndAsync());
        await command.WaitForExitAsync();
        return (command.ExitCode, string.Concat(said));
    }

    /// <summary>Puts a fault on a node, by <c>/faults</c>.</summary>
    public async Task FaultAsync(int id, string order)
    {
        (HttpStatusCode code, string body) = await OrderAsync(id, "/faults?" + order);
        if (code != HttpStatusCode.OK)
            throw new InvalidOperationException($"{order}: {body}");
    }

    /// <summary>The faults of a node; null while it does not say.</summary>
    public Task<FaultsReport?> FaultsAsync(int id) => TryAsync(() => _http.GetFromJsonAsync<FaultsReport>(Uri(id, "/faults"), JsonSerializerOptions.Web));

    /// <summary>The states of a shard's replicas, compared by way of a node; null: it could not say.</summary>
    public Task<ShardVerifyStatus?> VerifyAsync(int asked, int shard) => TryAsync(async () =>
    {
        (HttpStatusCode code, string body) = await OrderAsync(asked, $"/verify?group=kv&shard={shard}&timeout=5");
        return code == HttpStatusCode.OK ? JsonSerializer.Deserialize<ShardVerifyStatus>(body, JsonSerializerOptions.Web) : null;
    });

    /// <summary>A node's replica of a shard, by its own word; null while it does not say.</summary>
    public async Task<ShardReplicaStatus?> ReplicaAsync(int id, int shard) =>
        (await _status.ReportAsync(new NodePorts(BasePort, id), default)).Status?.Groups.Single(group => group.Name == "kv").Local.SingleOrDefault(replica => replica.Shard == shard);

    /// <summary>The names of the files in which a node has set aside what it lost.</summary>
    public IReadOnlyList<string> LostFiles(int id) => Path.Combine(Launch(id).Directory, "lost") is var folder && Directory.Exists(folder)
        ? [.. Directory.GetFiles(folder).Select(file => Path.GetFileName(file))]
        : [];

    /// <summary>What a node has logged.</summary>
    public string Log(int id)
    {
        using var reader = new StreamReader(new FileStream(Launch(id).LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        return reader.ReadToEnd();
    }

    /// <summary>Waits until every shard's members are these, by the word of their leaders.</summary>
    public Task WhenHeldByAsync(int asked, params int[] nodes) => UntilAsync(
        async () => await TryAsync(() => _http.GetFromJsonAsync<MembersReport>(Uri(asked, "/members?group=kv"), JsonSerializerOptions.Web)) is { } report
            && report.Shards.All(shard => shard.Settled && shard.Actual!.Voters.SequenceEqual(nodes)),
        $"the shards are held by {string.Join(", ", nodes)}",
        () => StandingAsync(asked));

    /// <summary>Who holds what, as one node tells, and what each has logged last; for a test that gives up.</summary>
    public async Task<string> StandingAsync(int asked)
    {
        var said = new List<string>();
        foreach (string group in (string[])["control", "kv"])
            said.Add(await TryAsync<string>(async () => await _http.GetStringAsync(Uri(asked, $"/members?group={group}"))) ?? $"node {asked} does not say who holds {group}");
        said.AddRange((await Task.WhenAll(Ids.Select(ReportAsync))).Select(Describe));
        return string.Join(Environment.NewLine, said);
    }

    /// <param name="otherwise">What to say besides when that is never so; null: nothing.</param>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what, Func<Task<string>>? otherwise = null)
    {
        var patience = Stopwatch.StartNew();
        while (!await condition())
        {
            if (patience.Elapsed > ReadyPatience)
                throw new TimeoutException($"not within {ReadyPatience.TotalSeconds} s: {what}; {(otherwise is null ? "" : await otherwise())}");
            await Task.Delay(100);
        }
    }

    /// <summary>SIGKILL, and waits until the process is gone.</summary>
    public async Task KillAsync(int id)
    {
        NodeProcess.Kill(_processes[id].Id);
        await _processes[id].WaitForExitAsync();
    }

    /// <summary>SIGSTOP: the process sleeps, and its connections stay.</summary>
    public Task PauseAsync(int id) => SignalAsync("STOP", id);

    /// <summary>SIGCONT.</summary>
    public Task ResumeAsync(int id) => SignalAsync("CONT", id);

    private async Task SignalAsync(string signal, int id)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{_processes[id].Id}"]);
        await kill.WaitForExitAsync();
        if (kill.ExitCode != 0)
            throw new InvalidOperationException($"node {id} did not take SIG{signal}");
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
            if (reports.FirstOrDefault(report => _processes[report.Id].HasExited) is { } gone)
                throw new InvalidOperationException($"node {gone.Id} ended with {_processes[gone.Id].ExitCode}: {await _processes[gone.Id].StandardError.ReadToEndAsync()}{Describe(gone)}");
            if (patience.Elapsed > ReadyPatience)
                throw new TimeoutException($"not ready after {ReadyPatience.TotalSeconds} s: {string.Join("; ", reports.Select(Describe))}");
            await Task.Delay(50);
        }
    }

    /// <summary>The node that leads a shard, by the word of the leader itself; null while there is none.</summary>
    public async Task<int?> LeaderOfAsync(int shard) => (await LeadersAsync()).TryGetValue(shard, out (int Node, long Term) leader) ? leader.Node : null;

    /// <summary>Waits until a shard has a leader: between two there is none, and a busy node may not say that it leads.</summary>
    public async Task<int> WhenLedAsync(int shard)
    {
        int? leader = null;
        await UntilAsync(async () => (leader = await LeaderOfAsync(shard)) is not null, $"shard {shard} has a leader", () => StandingAsync(1));
        return leader!.Value;
    }

    /// <summary>Waits until a node's replica of a shard says how it is.</summary>
    public async Task<ShardReplicaStatus> WhenToldAsync(int id, int shard)
    {
        ShardReplicaStatus? told = null;
        await UntilAsync(async () => (told = await ReplicaAsync(id, shard)) is not null, $"node {id} tells of its replica of shard {shard}");
        return told!;
    }

    /// <summary>The shards that a node leads, by its word.</summary>
    public async Task<int[]> LedByAsync(int node) => [.. (await LeadersAsync()).Where(shard => shard.Value.Node == node).Select(shard => shard.Key).Order()];

    /// <summary>Who leads each shard that has a leader, and in which term, by the word of the leaders.</summary>
    public async Task<IReadOnlyDictionary<int, (int Node, long Term)>> LeadersAsync()
    {
        NodeReport[] reports = await Task.WhenAll(Ids.Select(id => _status.ReportAsync(new NodePorts(BasePort, id), default)));
        return reports
            .SelectMany(report => (report.Status?.Groups ?? []).Where(group => group.Name == "kv").SelectMany(group => group.Local), (report, replica) => (report.Id, Replica: replica))
            .Where(item => item.Replica.Leader == item.Id || item.Replica.IsLeaderless)
            .GroupBy(item => item.Replica.Shard)
            .ToDictionary(shard => shard.Key, shard => shard.Select(item => (Node: item.Id, item.Replica.Term)).MaxBy(item => item.Term));
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
        _http.Dispose();
        Directory.Delete(_data, recursive: true);
    }

    // How commands find the cluster.
    private void Describe() => new ClusterFile("multinode", BasePort, [.. _ids.Select(id => new ClusterNode(id, 0))], _config, _founders).Write(_data);

    private NodeLaunch Launch(int id) => new(id, _founders, _data, BasePort, "multinode", _config)
    {
        Join = id > _founders ? AddressOf(1) : null,
    };

    private string AddressOf(int id) => $"127.0.0.1:{new NodePorts(BasePort, id).Peers}";

    private Uri Uri(int asked, string what) => new(new NodePorts(BasePort, asked).HttpAddress, what);

    private static async Task<T?> TryAsync<T>(Func<Task<T?>> ask)
        where T : class
    {
        try
        {
            return await ask();
        }
        catch (Exception silent) when (silent is HttpRequestException or JsonException or TaskCanceledException)
        {
            return null;
        }
    }

    private string Describe(NodeReport report)
    {
        string log = Launch(report.Id).LogFile;
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
