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
    private readonly GroupInfo _group = client.Groups.FirstOrDefault(group => group.Name == options.Group)
        ?? throw new UserErrorException(
            $"actorrepl.redis.group is '{options.Group}'; the groups are: {string.Join(", ", client.Groups.Select(group => group.Name))}");

    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        RedisClientInfo info = server.Connected(connection.RemoteEndPoint?.ToString() ?? "");
        try
        {
            var pipeline = new Pipeline(client, _group, options.Limits, log);
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
