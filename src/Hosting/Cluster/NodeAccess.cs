using System.Net.Http.Headers;
using System.Net.Security;
using ActorRepl.Hosting.Node;
using ActorRepl.Hosting.Settings;
using ActorRepl.Hosting.Tls;
using Akka.Configuration;

namespace ActorRepl.Hosting.Cluster;

/// <summary>How the nodes of a cluster on this machine are talked to: encrypted or not, with which password and token. As their own settings say.</summary>
internal sealed class NodeAccess
{
    /// <summary>Openly.</summary>
    public static readonly NodeAccess Open = new();

    private readonly SslClientAuthenticationOptions? _redis;
    private readonly SslClientAuthenticationOptions? _http;
    private readonly string _password = "";
    private readonly string _token = "";

    private NodeAccess()
    {
    }

    private NodeAccess(Config settings)
    {
        NodeTls? tls = NodeTls.Read(settings);
        _redis = tls is { Redis: not TlsMode.Off } ? tls.Client() : null;
        _http = tls is { Http: not TlsMode.Off } ? tls.Client() : null;
        _password = settings.GetString("actorrepl.redis.password") ?? "";
        _token = settings.GetString("actorrepl.http.token") ?? "";
    }

    /// <exception cref="UserErrorException">The nodes' settings, or their certificates, cannot be read.</exception>
    public static NodeAccess Of(NodeLaunch launch) => launch is { Config: null, Tls: false } ? Open : new NodeAccess(NodeSettings.Read(launch));

    /// <summary>Where a node serves HTTP.</summary>
    public Uri HttpAddress(NodePorts node) => _http is null ? node.HttpAddress : new UriBuilder(node.HttpAddress) { Scheme = Uri.UriSchemeHttps }.Uri;

    /// <summary>For requests to <see cref="HttpAddress"/>.</summary>
    public HttpClient Http(TimeSpan timeout)
    {
        var handler = new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(5) };
        if (_http is not null)
            handler.SslOptions = _http;
        var client = new HttpClient(handler) { Timeout = timeout };
        if (_token.Length > 0)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        return client;
    }

    /// <summary>A connection to a node's Redis port on which commands are served.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">Nobody answers.</exception>
    /// <exception cref="IOException">Who answers is not the node, or refuses.</exception>
    public Task<RespClient> ConnectAsync(NodePorts node, CancellationToken cancellation) => RespClient.ConnectAsync(node.RedisAddress, _redis, _password, cancellation);
}
