using System.Diagnostics;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl down</c>, <c>kill</c> and <c>restart</c>.</summary>
internal static class ProcessCommands
{
    /// <summary>How long a node may take to stop before it is killed.</summary>
    public static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(15);

    public static async Task<int> DownAsync(LocalCluster cluster)
    {
        if (!cluster.AnyRunning)
            throw new UserErrorException($"the cluster in {cluster.Data} is not running");
        IReadOnlyList<int> killed = await cluster.StopAsync(StopPatience).ConfigureAwait(false);
        foreach (int id in killed)
            Terminal.Problem($"node {id} did not stop within {StopPatience.TotalSeconds} s and was killed");
        Terminal.Line("stopped");
        return killed.Count == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    public static async Task<int> KillAsync(LocalCluster cluster, int id)
    {
        ClusterNode node = cluster.Node(id);
        if (!cluster.IsRunning(node))
            throw new UserErrorException($"node {id} is not running");
        NodeProcess.Kill(node.Pid);
        await cluster.EndedAsync([node], TimeSpan.FromSeconds(10)).ConfigureAwait(false);
        Terminal.Line($"node {id} (process {node.Pid}) killed");
        return ExitCode.Success;
    }

    public static async Task<int> RestartAsync(LocalCluster cluster, int id, CancellationToken cancellation)
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
        Terminal.Line($"node {id} (process {starting.Process.Id}) ready");
        return ExitCode.Success;
    }
}
