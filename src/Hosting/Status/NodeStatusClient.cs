using System.Net;
using System.Net.Http.Json;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Status;

/// <summary>Asks nodes over HTTP how they are.</summary>
public sealed class NodeStatusClient : IDisposable
{
    private readonly NodeAccess _access;
    private readonly HttpClient _http;

    public NodeStatusClient(TimeSpan timeout)
        : this(timeout, NodeAccess.Open)
    {
    }

    internal NodeStatusClient(TimeSpan timeout, NodeAccess access) => (_access, _http) = (access, access.Http(timeout));

    /// <exception cref="HttpRequestException">The node does not answer, or is starting; the message says why.</exception>
    public async Task<NodeStatus> StatusAsync(NodePorts node, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await _http.GetAsync(new Uri(_access.HttpAddress(node), "/status"), cancellation).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.ServiceUnavailable)
        {
            HealthStatus? starting = await response.Content.ReadFromJsonAsync(StatusJson.Default.HealthStatus, cancellation).ConfigureAwait(false);
            throw new HttpRequestException(string.Join("; ", starting?.Reasons ?? []), null, HttpStatusCode.ServiceUnavailable);
        }

        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync(StatusJson.Default.NodeStatus, cancellation).ConfigureAwait(false)
            ?? throw new HttpRequestException("the status is empty");
    }

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
            bool starts = silent is HttpRequestException { StatusCode: HttpStatusCode.ServiceUnavailable };
            return new NodeReport(node.Id, starts ? "starting" : "down", node.Redis, node.Http, silent.Message, null);
        }
    }

    public void Dispose() => _http.Dispose();
}
