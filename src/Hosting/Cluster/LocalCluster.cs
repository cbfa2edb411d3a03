using System.Text.Json;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cluster;

/// <summary>A cluster on this machine, found by its data directory or by its ports.</summary>
public sealed class LocalCluster(string data, ClusterFile file)
{
    private NodeAccess? _access;
    private int? _only;

    /// <summary>The data directory, absolute.</summary>
    public string Data => data;

    public ClusterFile File { get; private set; } = file;

    /// <summary>How its nodes are talked to.</summary>
    internal NodeAccess Access => _access ??= NodeAccess.Of(Launch(File.Nodes[0].Id));

    /// <summary>The nodes that are asked; <see cref="Only"/> may have left out some.</summary>
    public IReadOnlyList<NodePorts> Nodes => [.. File.Nodes.Where(node => _only is null || node.Id == _only).Select(node => new NodePorts(File.BasePort, node.Id))];

    /// <summary>The same cluster, of which one node alone is asked; null: all.</summary>
    /// <exception cref="UserErrorException">The cluster has no such node.</exception>
    public LocalCluster Only(int? node) => node is { } id ? new LocalCluster(data, File) { _only = Node(id).Id } : this;

    /// <summary>Finds the cluster of a data directory, or the one on the ports if only those are given.</summary>
    /// <exception cref="UserErrorException">There is none.</exception>
    public static async Task<LocalCluster> FindAsync(string data, int? basePort, CancellationToken cancellation)
    {
        string directory = Path.GetFullPath(data);
        ClusterFile? file = ClusterFile.Read(directory);
        if (file is not null && (basePort is null || file.BasePort == basePort))
            return new LocalCluster(directory, file);
        if (basePort is { } ports)
            return await ProbeAsync(ports, cancellation).ConfigureAwait(false);
        throw new UserErrorException(
            $"no cluster in {directory}: it has no {ClusterFile.Name}. Start one with 'actorrepl up', or say where it is by --data or --base-port");
    }

    public bool IsRunning(ClusterNode node) => NodeProcess.IsRunning(node.Pid, node.Id, Data);

    public bool AnyRunning => File.Nodes.Any(IsRunning);

    /// <exception cref="UserErrorException">The cluster has no such node.</exception>
    public ClusterNode Node(int id) => File.Nodes.FirstOrDefault(node => node.Id == id)
        ?? throw new UserErrorException($"there is no node {id}; the nodes are {string.Join(", ", File.Nodes.Select(node => node.Id))}");

    public NodeLaunch Launch(int id) =>
        new(id, File.Founders ?? File.Nodes.Count, Data, File.BasePort, File.Cluster, File.Config) { Join = Joins(id), Faults = File.Faults, Protocol = File.Protocol, Tls = File.Tls, AllowUnauthenticated = File.AllowUnauthenticated };

    /// <summary>Where a node that did not found the cluster asks for it: at one that runs, if there is any.</summary>
    private string? Joins(int id)
    {
        if (File.Founders is not { } founders || id <= founders)
            return null;
        ClusterNode any = File.Nodes.Where(node => node.Id != id).OrderByDescending(IsRunning).ThenBy(node => node.Id).First();
        return $"127.0.0.1:{new NodePorts(File.BasePort, any.Id).Peers}";
    }

    /// <summary>Reads the file again: another command may have started a node meanwhile.</summary>
    public void Refresh() => File = ClusterFile.Read(Data) ?? File;

    /// <summary>The cluster is to have one more node.</summary>
    public void Added(int id)
    {
        Refresh();
        File = (File with { Founders = File.Founders ?? File.Nodes.Count }).With(new ClusterNode(id, 0));
        File.Write(Data);
    }

    public void Started(int id, int pid)
    {
        Refresh();
        File = File.With(new ClusterNode(id, pid));
        File.Write(Data);
    }

    /// <summary>Stops every node in order, all at once; one that takes longer than <paramref name="patience"/> is killed.</summary>
    /// <returns>The nodes that had to be killed.</returns>
    public async Task<IReadOnlyList<int>> StopAsync(TimeSpan patience)
    {
        Refresh();
        ClusterNode[] running = [.. File.Nodes.Where(IsRunning)];
        foreach (ClusterNode node in running)
            NodeProcess.Stop(node.Pid);
        await EndedAsync(running, patience).ConfigureAwait(false);

        ClusterNode[] stubborn = [.. running.Where(IsRunning)];
        foreach (ClusterNode node in stubborn)
            NodeProcess.Kill(node.Pid);
        await EndedAsync(stubborn, TimeSpan.FromSeconds(10)).ConfigureAwait(false);

        File = File with { Nodes = [.. File.Nodes.Select(node => node with { Pid = 0 })] };
        File.Write(Data);
        return [.. stubborn.Select(node => node.Id)];
    }

    /// <summary>Waits until the processes have ended, for as long as given.</summary>
    public async Task EndedAsync(IReadOnlyCollection<ClusterNode> nodes, TimeSpan patience)
    {
        DateTime end = DateTime.UtcNow + patience;
        while (nodes.Any(IsRunning) && DateTime.UtcNow < end)
            await Task.Delay(50).ConfigureAwait(false);
    }

    private static async Task<LocalCluster> ProbeAsync(int basePort, CancellationToken cancellation)
    {
        using var client = new NodeStatusClient(TimeSpan.FromSeconds(2));
        string? other = null;
        for (int id = 1; id <= NodePorts.MaxNodes; id++)
        {
            try
            {
                NodeStatus status = await client.StatusAsync(new NodePorts(basePort, id), cancellation).ConfigureAwait(false);
                string data = Path.GetDirectoryName(status.Node.Data)!;
                if (ClusterFile.Read(data) is { } file && file.BasePort == basePort)
                    return new LocalCluster(data, file);
            }
            catch (Exception nobody) when (nobody is HttpRequestException or JsonException or TaskCanceledException)
            {
                cancellation.ThrowIfCancellationRequested();
                if (nobody is HttpRequestException { HttpRequestError: not HttpRequestError.ConnectionError })
                    other ??= $"port {new NodePorts(basePort, id).Http} answers otherwise than an open node does ({nobody.Message})";
            }
        }

        if (other is not null)
            throw new UserErrorException($"{other}; a cluster with a token or TLS is found by its data directory: --data");
        throw new UserErrorException($"no cluster answers on ports {basePort + 101} to {basePort + 100 + NodePorts.MaxNodes}; start one with 'actorrepl up'");
    }
}
