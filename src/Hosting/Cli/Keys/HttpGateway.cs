using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Hosting.Cli.Keys;

/// <summary>Asks the nodes of a cluster over HTTP for keys, in turn until one serves.</summary>
internal sealed class HttpGateway : IDisposable
{
    /// <summary>Where the bearer token is looked for that is not given.</summary>
    public const string TokenVariable = "ACTORREPL_HTTP_TOKEN";

    // For what an answer begins with: longer than a node takes for any request.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly LocalCluster _cluster;
    private readonly HttpClient _http;
    private int _turn;

    /// <param name="cluster">Whose.</param>
    /// <param name="token">The bearer token; null: <see cref="TokenVariable"/>, or what the nodes' settings say.</param>
    public HttpGateway(LocalCluster cluster, string? token)
    {
        _cluster = cluster;
        _http = cluster.Access.Http(Timeout.InfiniteTimeSpan);
        token ??= Environment.GetEnvironmentVariable(TokenVariable);
        if (!string.IsNullOrEmpty(token))
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>The nodes that may be asked.</summary>
    public IReadOnlyList<NodePorts> Nodes => _cluster.Nodes;

    /// <summary>The next turn begins at another node.</summary>
    public void TurnAway() => _turn++;

    /// <summary>The answer of the first node that has one; its body may still be on its way.</summary>
    /// <exception cref="UserErrorException">It is refused, or no node answers.</exception>
    public async Task<HttpResponseMessage> GetAsync(string path, CancellationToken cancellation)
    {
        string last = "";
        for (int i = 0; i < Nodes.Count; i++)
        {
            NodePorts node = Nodes[(_turn + i) % Nodes.Count];
            try
            {
                return await GetAsync(node, path, cancellation).ConfigureAwait(false);
            }
            catch (UnservedException unserved)
            {
                last = unserved.Message;
            }
        }

        throw new UnservedException(last);
    }

    /// <summary>The answer of one node.</summary>
    /// <exception cref="UnservedException">It does not answer, or cannot serve it now.</exception>
    /// <exception cref="UserErrorException">It is refused.</exception>
    public async Task<HttpResponseMessage> GetAsync(NodePorts node, string path, CancellationToken cancellation)
    {
        HttpResponseMessage response;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            response = await _http.GetAsync(new Uri(_cluster.Access.HttpAddress(node), path), HttpCompletionOption.ResponseHeadersRead, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new UnservedException($"node {node.Id} (127.0.0.1:{node.Http}) does not answer: nothing within {Patience.TotalSeconds} s");
        }
        catch (HttpRequestException gone)
        {
            throw new UnservedException($"node {node.Id} (127.0.0.1:{node.Http}) does not answer: {gone.Message}");
        }

        if (response.IsSuccessStatusCode)
            return response;
        using (response)
        {
            string why = $"node {node.Id} answers {(int)response.StatusCode}: {await ProblemAsync(response, cancellation).ConfigureAwait(false)}";
            throw response.StatusCode == HttpStatusCode.ServiceUnavailable ? new UnservedException(why) : new UserErrorException(why);
        }
    }

    public void Dispose() => _http.Dispose();

    private static async Task<string> ProblemAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        string body = await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false);
        try
        {
            using JsonDocument problem = JsonDocument.Parse(body);
            return problem.RootElement.TryGetProperty("detail", out JsonElement detail) ? detail.GetString() ?? body : body;
        }
        catch (JsonException)
        {
            return body.Length > 0 ? body : response.ReasonPhrase ?? "nothing";
        }
    }
}

/// <summary>Not now, or not here: another node may serve it, or this one in a moment.</summary>
internal sealed class UnservedException(string why) : UserErrorException(why);
