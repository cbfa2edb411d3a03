using System.Net;
using System.Net.Sockets;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace ActorRepl.Hosting.Tests.Support;

/// <summary>The Redis gateway on a free port, over a fake group.</summary>
internal sealed class GatewayHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private GatewayHost(WebApplication app, int port)
    {
        _app = app;
        Port = port;
    }

    public int Port { get; }

    public static async Task<GatewayHost> StartAsync(IReplicationClient client, RespLimits? limits = null)
    {
        limits ??= new RespLimits();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddLogging();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            var server = new RedisServer(new RedisServerFacts("1.0", "fake", 0, () => ["shards:4"]), limits);
            var handler = new RedisConnectionHandler(client, new RedisGatewayOptions("kv", limits), server, NullLogger<RedisConnectionHandler>.Instance);
            listen.Run(handler.OnConnectedAsync);
        }));
        WebApplication app = builder.Build();
        await app.StartAsync();
        return new GatewayHost(app, new Uri(app.Urls.Single()).Port);
    }

    public Task<RawConnection> ConnectAsync() => RawConnection.OpenAsync(Port);

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
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
