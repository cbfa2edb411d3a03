using System.Diagnostics;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl down</c>, <c>node add</c>, <c>kill</c> and <c>restart</c>.</summary>
internal static class ProcessCommands
{
    /// <summary>How long a node may take to stop before it is killed.</summary>
    public static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan JoinPatience = TimeSpan.FromSeconds(60);

    public static async Task<int> DownAsync(LocalCluster cluster, bool json)
    {
        if (!cluster.AnyRunning)
            throw new UserErrorException($"the cluster in {cluster.Data} is not running");
        IReadOnlyList<int> killed = await cluster.StopAsync(StopPatience).ConfigureAwait(false);
        foreach (int id in killed)
            Terminal.Problem($"node {id} did not stop within {StopPatience.TotalSeconds} s and was killed");
        Say(json, "stopped", new ProcessesReport("stopped", [.. cluster.File.Nodes.Select(node => new ProcessEntry(node.Id, node.Pid))]) { Killed = killed });
        return killed.Count == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    /// <summary>Starts nodes that the running cluster did not have, and waits until it counts them in.</summary>
    public static async Task<int> AddAsync(LocalCluster cluster, int count, bool json, CancellationToken cancellation)
    {
        var joined = new List<ProcessEntry>();
        if (!cluster.AnyRunning)
            throw new UserErrorException($"the cluster in {cluster.Data} is not running; 'actorrepl up --nodes {cluster.File.Nodes.Count + count}' starts it with more nodes");
        for (int i = 0; i < count; i++)
        {
            int id = cluster.File.Nodes.Max(node => node.Id) + 1;
            if (id > NodePorts.MaxNodes)
                throw new UserErrorException($"a cluster on one machine has at most {NodePorts.MaxNodes} nodes");
            new NodePorts(cluster.File.BasePort, id).CheckFree();
            cluster.Added(id);
            using var starting = new StartingNode(cluster.Launch(id));
            cluster.Started(id, starting.Process.Id);
            await starting.ReadyAsync(_ => { }, cancellation).ConfigureAwait(false);
            await CountedInAsync(cluster, id, cancellation).ConfigureAwait(false);
            joined.Add(new ProcessEntry(id, starting.Process.Id));
            if (!json)
                Terminal.Line($"node {id} (process {starting.Process.Id}) joined");
        }

        if (json)
            Terminal.Json(new ProcessesReport("joined", joined), StatusJson.Default.ProcessesReport);
        return ExitCode.Success;
    }

    private static async Task CountedInAsync(LocalCluster cluster, int id, CancellationToken cancellation)
    {
        using var client = new AdminClient(cluster);
        var waited = Stopwatch.StartNew();
        while (true)
        {
            NodesReport report = await client.NodesAsync(cancellation).ConfigureAwait(false);
            if (report.Nodes.Any(node => node.Id == id && node.Status == "up"))
                return;
            if (waited.Elapsed > JoinPatience)
                throw new UserErrorException($"node {id} runs and the cluster does not count it in after {JoinPatience.TotalSeconds} s; its log is {cluster.Launch(id).LogFile}");
            await Task.Delay(200, cancellation).ConfigureAwait(false);
        }
    }

    public static async Task<int> KillAsync(LocalCluster cluster, int id, bool json)
    {
        ClusterNode node = cluster.Node(id);
        if (!cluster.IsRunning(node))
            throw new UserErrorException($"node {id} is not running");
        NodeProcess.Kill(node.Pid);
        await cluster.EndedAsync([node], TimeSpan.FromSeconds(10)).ConfigureAwait(false);
        Say(json, $"node {id} (process {node.Pid}) killed", new ProcessesReport("killed", [new ProcessEntry(id, node.Pid)]));
        return ExitCode.Success;
    }

    public static async Task<int> RestartAsync(LocalCluster cluster, int id, bool json, CancellationToken cancellation)
    {
        ClusterNode node = cluster.Node(id);
        if (cluster.IsRunning(node))
        {
            NodeProcess.Stop(node.Pid);
            await cluster.EndedAsync([node], StopPatience).ConfigureAwait(false);
            if (cluster.IsRunning(node))
                NodeProcess.Kill(node.Pid);
            await cluster.EndedAsync([node], StopPatience).ConfigureAwait(false);
        }

        cluster.Launch(id).Ports.CheckFree();
        using var starting = new StartingNode(cluster.Launch(id));
        cluster.Started(id, starting.Process.Id);
        await starting.ReadyAsync(_ => { }, cancellation).ConfigureAwait(false);
        Say(json, $"node {id} (process {starting.Process.Id}) ready", new ProcessesReport("ready", [new ProcessEntry(id, starting.Process.Id)]));
        return ExitCode.Success;
    }

    private static void Say(bool json, string text, ProcessesReport report)
    {
        if (json)
            Terminal.Json(report, StatusJson.Default.ProcessesReport);
        else
            Terminal.Line(text);
    }
}
