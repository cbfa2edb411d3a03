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
    public Task<HttpResponseMessage> GetAsync(string path, CancellationToken cancellation) =>
        SendAsync(() => new HttpRequestMessage(HttpMethod.Get, path), cancellation);

    /// <summary>The answer of one node.</summary>
    /// <exception cref="UnservedException">It does not answer, or cannot serve it now.</exception>
    /// <exception cref="UserErrorException">It is refused.</exception>
    public async Task<HttpResponseMessage> GetAsync(NodePorts node, string path, CancellationToken cancellation)
    {
        using var get = new HttpRequestMessage(HttpMethod.Get, path);
        return await SendAsync(node, get, cancellation).ConfigureAwait(false);
    }

    /// <summary>The answer of the first node that has one. What changes something, was sent and not answered may have been done, and goes to no other node.</summary>
    /// <param name="make">Makes the request, with a path alone, for each node that is asked.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="UserErrorException">It is refused, or no node answers.</exception>
    public async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, CancellationToken cancellation)
    {
        string last = "";
        for (int i = 0; i < Nodes.Count; i++)
        {
            NodePorts node = Nodes[(_turn + i) % Nodes.Count];
            using HttpRequestMessage request = make();
            try
            {
                return await SendAsync(node, request, cancellation).ConfigureAwait(false);
            }
            catch (UnservedException unserved)
            {
                last = unserved.Message;
            }
        }

        throw new UnservedException(last);
    }

    /// <summary>The answer of one node.</summary>
    /// <exception cref="UnservedException">It does not answer, or cannot serve it now; nothing was done.</exception>
    /// <exception cref="UnansweredException">It was sent something that changes, and did not answer.</exception>
    /// <exception cref="RefusedException">It is refused.</exception>
    public async Task<HttpResponseMessage> SendAsync(NodePorts node, HttpRequestMessage request, CancellationToken cancellation)
    {
        HttpResponseMessage response;
        request.RequestUri = new Uri(_cluster.Access.HttpAddress(node), request.RequestUri!);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Silent(node, request, $"nothing within {Patience.TotalSeconds} s", wasSent: true);
        }
        catch (HttpRequestException gone)
        {
            throw Silent(node, request, gone.Message, gone.HttpRequestError is not (HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError or HttpRequestError.NameResolutionError));
        }

        if (response.IsSuccessStatusCode)
            return response;
        using (response)
        {
            (string reason, string why) = await ProblemAsync(response, cancellation).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.ServiceUnavailable)
                throw new UnservedException($"node {node.Id} answers {(int)response.StatusCode}: {why}");
            throw reason is RefusedException.NoGroup or RefusedException.NoKeys
                ? new RefusedException(reason, why) { IsUsage = true }
                : new RefusedException(reason, $"node {node.Id} answers {(int)response.StatusCode}: {why}");
        }
    }

    public void Dispose() => _http.Dispose();

    private static UserErrorException Silent(NodePorts node, HttpRequestMessage request, string why, bool wasSent) => wasSent && request.Method != HttpMethod.Get
        ? new UnansweredException($"node {node.Id} (127.0.0.1:{node.Http}) was sent the command and did not answer ({why}): it may have been done")
        : new UnservedException($"node {node.Id} (127.0.0.1:{node.Http}) does not answer: {why}");

    private static async Task<(string Reason, string Detail)> ProblemAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        string body = await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false);
        try
        {
            using JsonDocument problem = JsonDocument.Parse(body);
            string Of(string name) => problem.RootElement.TryGetProperty(name, out JsonElement text) ? text.GetString() ?? "" : "";
            return (Of("title"), Of("detail") is { Length: > 0 } detail ? detail : body);
        }
        catch (JsonException)
        {
            return ("", body.Length > 0 ? body : response.ReasonPhrase ?? "nothing");
        }
    }
}

/// <summary>Not now, or not here: another node may serve it, or this one in a moment.</summary>
internal sealed class UnservedException(string why) : UserErrorException(why);

/// <summary>It was sent, and whether it was done nobody knows.</summary>
internal sealed class UnansweredException(string why) : UserErrorException(why);

/// <summary>A node's answer is a problem, and another node's would be the same.</summary>
/// <param name="reason">The problem's word for programs.</param>
/// <param name="why">In a sentence.</param>
internal sealed class RefusedException(string reason, string why) : UserErrorException(why)
{
    public const string NoGroup = "no-group", NoKeys = "no-keys", NoKey = "no-key", Unknown = "unknown";

    public string Reason => reason;
}
