using System.Net;
using System.Net.Sockets;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Redis.Sockets;
using Microsoft.Extensions.Logging.Abstractions;

namespace ActorRepl.Hosting.Tests.Support;

/// <summary>The Redis gateway on a free port, over a fake group.</summary>
internal sealed class GatewayHost : IAsyncDisposable
{
    private readonly RedisGateway _gateway;

    private GatewayHost(RedisGateway gateway) => _gateway = gateway;

    public int Port => _gateway.EndPoint.Port;

    /// <summary>Bytes that are held for clients.</summary>
    public long Held => _gateway.Held;

    public static async Task<GatewayHost> StartAsync(IReplicationClient client, RespLimits? limits = null, Func<IPoller>? poller = null, int threads = 1,
        System.Net.Security.SslServerAuthenticationOptions? tls = null, int maxConnections = 10_000)
    {
        limits ??= new RespLimits();
        var server = new RedisServer(new RedisServerFacts("1.0", "fake", 0, () => ["shards:4"]), limits);
        var options = new RedisGatewayOptions(new IPEndPoint(IPAddress.Loopback, 0), "kv", limits) { Poller = poller ?? Poller.Create, Threads = threads, Tls = tls, MaxConnections = maxConnections };
        var gateway = new RedisGateway(client, options, server, NullLogger<RedisGateway>.Instance);
        await gateway.StartAsync(CancellationToken.None);
        return new GatewayHost(gateway);
    }

    public Task<RawConnection> ConnectAsync() => RawConnection.OpenAsync(Port);

    public async ValueTask DisposeAsync()
    {
        await _gateway.StopAsync(CancellationToken.None);
        _gateway.Dispose();
    }
}

/// <summary>Bytes to and from a port, without any client library in between.</summary>
internal sealed class RawConnection(Socket socket) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public Socket Socket => socket;

    public static async Task<RawConnection> OpenAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        return new RawConnection(socket);
    }

    public async Task SendAsync(string text) => await SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(byte[] bytes)
    {
        for (int sent = 0; sent < bytes.Length;)
            sent += await socket.SendAsync(bytes.AsMemory(sent)).AsTask().WaitAsync(Patience);
    }

    /// <summary>Sends words as an array of bulk strings.</summary>
    public Task CommandAsync(params string[] words) =>
        SendAsync($"*{words.Length}\r\n{string.Concat(words.Select(word => $"${word.Length}\r\n{word}\r\n"))}");

    /// <summary>Reads as many bytes as the expected text has, and compares.</summary>
    public async Task ExpectAsync(string expected)
    {
        byte[] bytes = new byte[expected.Length];
        int read = 0;
        while (read < bytes.Length)
        {
            int more = await ReceiveAsync(bytes.AsMemory(read));
            if (more == 0)
                break;
            read += more;
        }

        Assert.Equal(expected, Encoding.Latin1.GetString(bytes, 0, read));
    }

    /// <summary>Expects the other side to close, without a byte before.</summary>
    public async Task ExpectCloseAsync() => Assert.Equal(0, await ReceiveAsync(new byte[1]));

    public async Task<string> ReadLineAsync()
    {
        var line = new StringBuilder();
        byte[] one = new byte[1];
        while (!line.ToString().EndsWith("\r\n", StringComparison.Ordinal) && await ReceiveAsync(one) == 1)
            line.Append((char)one[0]);
        return line.ToString().TrimEnd();
    }

    /// <summary>One whole reply, of RESP2 or RESP3, as it came.</summary>
    public async Task<string> ReadReplyAsync()
    {
        string line = await ReadLineAsync();
        var reply = new StringBuilder(line).Append("\r\n");
        if (line.Length == 0 || !int.TryParse(line.AsSpan(1), out int number) || number < 0)
            return reply.ToString();
        switch (line[0])
        {
            case '$' or '=':
                byte[] bulk = new byte[number + 2];
                for (int read = 0, more = 1; read < bulk.Length && more > 0; read += more)
                    more = await ReceiveAsync(bulk.AsMemory(read));
                reply.Append(Encoding.Latin1.GetString(bulk));
                break;
            case '*' or '~' or '%' or '>':
                for (int i = line[0] == '%' ? 2 * number : number; i > 0; i--)
                    reply.Append(await ReadReplyAsync());
                break;
        }

        return reply.ToString();
    }

    public void Dispose() => socket.Dispose();

    private async Task<int> ReceiveAsync(Memory<byte> into)
    {
        try
        {
            return await socket.ReceiveAsync(into).AsTask().WaitAsync(Patience);
        }
        catch (SocketException reset) when (reset.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
        {
            return 0;
        }
    }
}

/// <summary>Waits for what is to become true, within a time in which it must.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static async Task TrueAsync(Func<Task<bool>> condition)
    {
        long until = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (!await condition())
        {
            Assert.True(Environment.TickCount64 < until, $"not so within {Patience.TotalSeconds} s");
            await Task.Delay(10);
        }
    }
}
