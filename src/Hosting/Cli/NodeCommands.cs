using System.Diagnostics;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl node drain</c> and <c>node remove</c>.</summary>
internal sealed class NodeCommands(LocalCluster cluster, bool json) : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(300);

    private readonly AdminClient _client = new(cluster);

    /// <summary>Orders it, then waits until the node holds and leads nothing.</summary>
    public async Task<int> DrainAsync(int id, TimeSpan patience, CancellationToken cancellation)
    {
        await OrderAsync(id, "drain", cancellation).ConfigureAwait(false);
        var waited = Stopwatch.StartNew();
        string shown = "";
        while (true)
        {
            NodeEntry node = await FindAsync(id, cancellation).ConfigureAwait(false);
            string holds = $"node {id} holds {node.Held} replicas and leads {node.Leaders} shards";
            if (node is { Replicas: 0, Held: 0, Leaders: 0 })
                return Say(node, $"done: {holds}; 'actorrepl node remove {id}' takes it out");
            if (waited.Elapsed > patience)
                throw new UserErrorException($"{holds} after {patience.TotalSeconds:0} s; the order stands, 'actorrepl nodes' shows how far it is");
            if (holds != shown && !json)
                Terminal.Line(shown = holds);
            await Task.Delay(Look, cancellation).ConfigureAwait(false);
        }
    }

    public async Task<int> KeepAsync(int id, CancellationToken cancellation)
    {
        await OrderAsync(id, "keep", cancellation).ConfigureAwait(false);
        return Say(await FindAsync(id, cancellation).ConfigureAwait(false), $"node {id} takes replicas again");
    }

    /// <summary>Orders it, then waits until the control group counts on it no more: only then is nothing lost with its process.</summary>
    public async Task<int> RemoveAsync(int id, TimeSpan patience, CancellationToken cancellation)
    {
        await OrderAsync(id, "remove", cancellation).ConfigureAwait(false);
        var waited = Stopwatch.StartNew();
        while (true)
        {
            NodeEntry node = await FindAsync(id, cancellation).ConfigureAwait(false);
            if (node.Control == "none")
                return Say(node, $"node {id} is out of the cluster; stop its process, and remove its data before its number comes back");
            if (waited.Elapsed > patience)
                throw new UserErrorException($"node {id} is removed, and {node.Control} in the control group after {patience.TotalSeconds:0} s; let its process run until 'actorrepl nodes' shows 'none' there");
            await Task.Delay(Look, cancellation).ConfigureAwait(false);
        }
    }

    public void Dispose() => _client.Dispose();

    private Task OrderAsync(int id, string what, CancellationToken cancellation) =>
        _client.OrderAsync("/nodes", [("node", $"{id}"), ("do", what)], cancellation);

    private async Task<NodeEntry> FindAsync(int id, CancellationToken cancellation) =>
        (await _client.NodesAsync(cancellation).ConfigureAwait(false)).Nodes.First(node => node.Id == id);

    private int Say(NodeEntry node, string text)
    {
        Terminal.Line(json ? JsonSerializer.Serialize(node, StatusJson.Default.NodeEntry) : text);
        return ExitCode.Success;
    }
}
