using ActorRepl.Actors.Client;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Redis;

/// <summary>Which group Redis clients talk to, and the limits they are held to.</summary>
internal sealed record RedisGatewayOptions(string Group, RespLimits Limits);

/// <summary>Serves RESP2 on a Kestrel connection.</summary>
internal sealed class RedisConnectionHandler(IReplicationClient client, RedisGatewayOptions options, RedisServer server, ILogger<RedisConnectionHandler> log)
    : ConnectionHandler
{
    // The groups are known once the node has started, which is before the first connection.
    private readonly Lazy<GroupInfo> _group = new(() => client.Groups.Single(group => group.Name == options.Group));

    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        RedisClientInfo info = server.Connected(connection.RemoteEndPoint?.ToString() ?? "");
        try
        {
            var pipeline = new Pipeline(client, _group.Value, options.Limits, log);
            var dispatcher = new RedisDispatcher(server, info, options.Limits);
            using var served = new RedisConnection(connection, pipeline, dispatcher, options.Limits, log);
            await served.RunAsync().ConfigureAwait(false);
        }
        finally
        {
            server.Disconnected(info);
        }
    }
}
