using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Redis;

/// <summary>Where Redis clients are served, which group they talk to, and the limits they are held to.</summary>
internal sealed record RedisGatewayOptions(IPEndPoint EndPoint, string Group, RespLimits Limits)
{
    /// <summary>Connections at a time; beyond it new ones are closed at once.</summary>
    public int MaxConnections { get; init; } = 8192;

    /// <summary>Threads that serve connections: one keeps up with a node's replicas on a few cores.</summary>
    public int Threads { get; init; } = Math.Clamp(Environment.ProcessorCount / 4, 1, 8);

    /// <summary>Null: connections are not encrypted.</summary>
    public SslServerAuthenticationOptions? Tls { get; init; }

    /// <summary>How sockets are waited for.</summary>
    public Func<IPoller> Poller { get; init; } = Sockets.Poller.Create;
}

/// <summary>Serves RESP2: accepts connections and spreads them over its loops. Starts after the node, and stops before it.</summary>
internal sealed class RedisGateway(IReplicationClient client, RedisGatewayOptions options, RedisServer server, ILogger<RedisGateway> log)
    : IHostedService, IDisposable
{
    private const int Backlog = 512;

    /// <summary>What has been taken may take this long to be answered when the node stops.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(100);

    private static readonly byte[] Full = "-ERR max number of clients reached\r\n"u8.ToArray();

    private readonly CancellationTokenSource _stopping = new();
    private readonly HeldBytes _held = new(options.Limits.MaxHeldBytes);
    private GatewayLoop[] _loops = [];
    private Socket? _listener;
    private Task _accepting = Task.CompletedTask;

    /// <summary>Where it listens.</summary>
    public IPEndPoint EndPoint => (IPEndPoint)_listener!.LocalEndPoint!;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        GroupInfo group = client.Groups.Single(group => group.Name == options.Group);
        _listener = new Socket(options.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(options.EndPoint);
        _listener.Listen(Backlog);
        _loops = [.. Enumerable.Range(1, options.Threads).Select(i => new GatewayLoop($"redis-{i}", options.Poller(), client, group, server, options.Limits, log, _held, options.Tls))];
        foreach (GatewayLoop loop in _loops)
            loop.Start();
        _accepting = AcceptAsync(_listener);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_listener is null)
            return;
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _accepting.ConfigureAwait(false);
        _listener.Dispose();
        await Task.WhenAll(_loops.Select(loop => loop.StopAsync(StopPatience))).ConfigureAwait(false);
    }

    public void Dispose()
    {
        _listener?.Dispose();
        _stopping.Dispose();
    }

    /// <summary>Bytes that are held for clients.</summary>
    public long Held => _held.Held;

    private void Refuse(Socket socket)
    {
        // Over TLS it could only be said after a handshake, which is what there is no room for.
        if (options.Tls is null)
        {
            socket.Blocking = false;
            socket.Send(Full, SocketFlags.None, out _);
        }

        socket.Dispose();
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                Socket socket = await listener.AcceptAsync(_stopping.Token).ConfigureAwait(false);
                if (_loops.Sum(loop => loop.Count) < options.MaxConnections)
                    _loops.MinBy(loop => loop.Count)!.Adopt(socket);
                else
                    Refuse(socket);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException failure)
            {
                // Out of handles, most likely: those that are open go on, and some will close.
                log.LogWarning("A Redis connection could not be accepted: {Reason}", failure.Message);
                await Task.Delay(AcceptPause, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }
}
