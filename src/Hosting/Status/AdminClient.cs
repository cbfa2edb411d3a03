using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Status;

/// <summary>Gives a local cluster orders over HTTP, by way of whichever node answers.</summary>
internal sealed class AdminClient(LocalCluster cluster, TimeSpan? timeout = null) : IDisposable
{
    private readonly HttpClient _http = cluster.Access.Http(timeout ?? TimeSpan.FromSeconds(30));

    public Task<MembersReport> MembersAsync(string group, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Get, $"/members?group={Uri.EscapeDataString(group)}", StatusJson.Default.MembersReport, cancellation);

    public Task<NodesReport> NodesAsync(CancellationToken cancellation) => SendAsync(HttpMethod.Get, "/nodes", StatusJson.Default.NodesReport, cancellation);

    public Task<ShardVerifyStatus> VerifyAsync(string group, int shard, int seconds, CancellationToken cancellation) => SendAsync(
        HttpMethod.Post, $"/verify?group={Uri.EscapeDataString(group)}&shard={shard}&timeout={seconds}", StatusJson.Default.ShardVerifyStatus, cancellation);

    /// <param name="query">As <c>name=value</c>.</param>
    public Task<OrderTaken> OrderAsync(string path, IEnumerable<(string Name, string? Value)> query, CancellationToken cancellation) => SendAsync(
        HttpMethod.Post,
        $"{path}?{string.Join('&', query.Where(item => item.Value is not null).Select(item => $"{item.Name}={Uri.EscapeDataString(item.Value!)}"))}",
        StatusJson.Default.OrderTaken, cancellation);

    public void Dispose() => _http.Dispose();

    /// <exception cref="UserErrorException">It is refused, with the reason, or no node can tell.</exception>
    private async Task<T> SendAsync<T>(HttpMethod method, string what, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        string last = "no node answers";
        foreach (NodePorts node in cluster.Nodes)
        {
            try
            {
                using var request = new HttpRequestMessage(method, new Uri(cluster.Access.HttpAddress(node), what));
                using HttpResponseMessage response = await _http.SendAsync(request, cancellation).ConfigureAwait(false);
                if (response.IsSuccessStatusCode)
                    return await response.Content.ReadFromJsonAsync(type, cancellation).ConfigureAwait(false) ?? throw new JsonException("the answer is empty");
                HealthStatus? refusal = await response.Content.ReadFromJsonAsync(StatusJson.Default.HealthStatus, cancellation).ConfigureAwait(false);
                last = refusal is { Reasons: [var reason, ..] } ? reason : $"node {node.Id} answers {(int)response.StatusCode}";
                // Another node may know better only where this one could not say.
                if (response.StatusCode != System.Net.HttpStatusCode.ServiceUnavailable)
                    break;
            }
            catch (Exception silent) when (silent is HttpRequestException or JsonException or TaskCanceledException)
            {
                cancellation.ThrowIfCancellationRequested();
            }
        }

        throw new UserErrorException(last);
    }
}
