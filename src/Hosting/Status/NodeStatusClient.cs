using System.Net.Http.Json;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Status;

/// <summary>Asks nodes over HTTP how they are.</summary>
public sealed class NodeStatusClient(TimeSpan timeout) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = timeout };

    /// <exception cref="HttpRequestException">The node does not answer.</exception>
    public async Task<NodeStatus> StatusAsync(NodePorts node, CancellationToken cancellation) =>
        await _http.GetFromJsonAsync(new Uri(node.HttpAddress, "/status"), StatusJson.Default.NodeStatus, cancellation).ConfigureAwait(false)
        ?? throw new HttpRequestException("the status is empty");

    /// <summary>The node's status, or why there is none; never throws for a node that does not answer.</summary>
    public async Task<NodeReport> ReportAsync(NodePorts node, CancellationToken cancellation)
    {
        try
        {
            NodeStatus status = await StatusAsync(node, cancellation).ConfigureAwait(false);
            return new NodeReport(node.Id, status.Ready ? "ready" : "starting", node.Redis, node.Http, null, status);
        }
        catch (Exception silent) when (silent is HttpRequestException or System.Text.Json.JsonException or TaskCanceledException)
        {
            cancellation.ThrowIfCancellationRequested();
            return new NodeReport(node.Id, "down", node.Redis, node.Http, silent.Message, null);
        }
    }

    public void Dispose() => _http.Dispose();
}
