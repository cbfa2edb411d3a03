using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ActorRepl.Hosting.Redis;
using ActorRepl.Hosting.Redis.Sockets;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Hosting.Tls;

namespace ActorRepl.Hosting.Tests.Tls;

/// <summary>The Redis gateway over TLS, as clients meet it.</summary>
public sealed class GatewayTlsTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly TempDirectory _directory = new();
    private readonly NodeTls _tls;

    public GatewayTlsTests() => _tls = TestCertificates.Make(_directory);

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Values_of_all_sizes_come_back_as_they_were_however_the_bytes_are_cut(bool bestPoller)
    {
        await using GatewayHost gateway = await StartAsync(TlsMode.On, poller: bestPoller ? Poller.Create : () => new SelectPoller());
        foreach (int piece in (int[])[1_000_000, 1_500, 7, 3])
        {
            using var socket = await OpenAsync(gateway);
            await using var stream = new SslStream(new CuttingStream(socket, piece));
            await stream.AuthenticateAsClientAsync(_tls.Client()).WaitAsync(Patience);
            int[] sizes = piece < 100 ? [0, 1, 5_000] : [0, 1, 16_383, 16_384, 16_385, 40_000, 1_000_000, 3];
            var expected = new StringBuilder();
            foreach (int size in sizes)
            {
                string value = new((char)('a' + size % 26), size);
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${size}\r\n{value}\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")).AsTask().WaitAsync(Patience);
                expected.Append($"+OK\r\n${size}\r\n{value}\r\n");
            }

            byte[] got = new byte[expected.Length];
            await stream.ReadExactlyAsync(got).AsTask().WaitAsync(Patience);
            Assert.Equal(expected.ToString(), Encoding.ASCII.GetString(got));
        }
    }

    [Fact]
    public async Task Commands_that_come_with_the_last_words_of_the_handshake_are_answered()
    {
        await using GatewayHost gateway = await StartAsync(TlsMode.On);
        for (int i = 0; i < 20; i++)
        {
            using var socket = await OpenAsync(gateway);
            var held = new HoldingStream(socket);
            await using var stream = new SslStream(held);
            await stream.AuthenticateAsClientAsync(_tls.Client()).WaitAsync(Patience);
            await stream.WriteAsync("PING\r\n"u8.ToArray());
            held.Release();
            byte[] got = new byte[7];
            await stream.ReadExactlyAsync(got).AsTask().WaitAsync(Patience);
            Assert.Equal("+PONG\r\n", Encoding.ASCII.GetString(got));
        }
    }

    [Fact]
    public async Task A_client_that_reads_slowly_gets_every_byte()
    {
        await using GatewayHost gateway = await StartAsync(TlsMode.On);
        using var socket = await OpenAsync(gateway);
        await using var stream = await SecureAsync(socket);
        string value = new('v', 900_000);
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${value.Length}\r\n{value}\r\n"));
        await stream.ReadExactlyAsync(new byte[5]).AsTask().WaitAsync(Patience);
        const int times = 40;
        await stream.WriteAsync(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", times))));
        string reply = $"${value.Length}\r\n{value}\r\n";
        byte[] got = new byte[reply.Length];
        for (int i = 0; i < times; i++)
        {
            await stream.ReadExactlyAsync(got).AsTask().WaitAsync(Patience);
            Assert.Equal(reply, Encoding.ASCII.GetString(got));
        }
    }

    [Fact]
    public async Task The_end_is_told_apart_from_a_connection_that_was_cut()
    {
        await using GatewayHost gateway = await StartAsync(TlsMode.On);
        using var socket = await OpenAsync(gateway);
        await using var stream = await SecureAsync(socket);
        await stream.WriteAsync("QUIT\r\n"u8.ToArray());
        byte[] got = new byte[5];
        await stream.ReadExactlyAsync(got).AsTask().WaitAsync(Patience);
        Assert.Equal("+OK\r\n", Encoding.ASCII.GetString(got));
        Assert.Equal(0, await stream.ReadAsync(got).AsTask().WaitAsync(Patience));
    }

    [Fact]
    public async Task Who_does_not_speak_TLS_is_closed_and_others_are_served()
    {
        await using GatewayHost gateway = await StartAsync(TlsMode.On);
        using var plain = await OpenAsync(gateway);
        await plain.SendAsync("*1\r\n$4\r\nPING\r\n"u8.ToArray());
        await ExpectEndAsync(plain);
        using var socket = await OpenAsync(gateway);
        await using var stream = await SecureAsync(socket);
        await PingAsync(stream);
    }

    [Fact]
    public async Task Who_never_finishes_the_handshake_is_closed_in_time()
    {
        await using GatewayHost gateway = await StartAsync(TlsMode.On, new RespLimits { HandshakeTimeout = TimeSpan.FromMilliseconds(300) });
        using var silent = await OpenAsync(gateway);
        using var begun = await OpenAsync(gateway);
        await begun.SendAsync(new byte[] { 22, 3, 1, 2, 0, 1, 0 });
        var waited = Stopwatch.StartNew();
        await ExpectEndAsync(silent);
        await ExpectEndAsync(begun);
        Assert.True(waited.Elapsed < TimeSpan.FromSeconds(5), $"{waited.Elapsed}");
    }

    [Fact]
    public async Task With_mutual_TLS_only_a_certificate_that_is_trusted_opens()
    {
        await using GatewayHost gateway = await StartAsync(TlsMode.Mutual);
        using var known = await OpenAsync(gateway);
        await using (SslStream stream = await SecureAsync(known))
            await PingAsync(stream);

        using var elsewhere = new TempDirectory();
        NodeTls stranger = TestCertificates.Make(elsewhere);
        foreach (X509Certificate2? shown in (X509Certificate2?[])[null, stranger.Certificate])
        {
            using var socket = await OpenAsync(gateway);
            var options = new SslClientAuthenticationOptions { TargetHost = "localhost", RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null };
            if (shown is not null)
                options.ClientCertificates = [shown];
            await using var stream = new SslStream(new NetworkStream(socket, ownsSocket: false));
            await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                await stream.AuthenticateAsClientAsync(options).WaitAsync(Patience);
                await PingAsync(stream);
            });
        }
    }

    [Fact]
    public async Task A_client_trusts_its_node_and_nobody_else()
    {
        using var elsewhere = new TempDirectory();
        NodeTls other = TestCertificates.Make(elsewhere);
        await using GatewayHost gateway = await GatewayHost.StartAsync(new FakeReplicationClient(), tls: other.Server(TlsMode.On));
        using var socket = await OpenAsync(gateway);
        await using var stream = new SslStream(new NetworkStream(socket, ownsSocket: false));
        await Assert.ThrowsAsync<System.Security.Authentication.AuthenticationException>(() => stream.AuthenticateAsClientAsync(_tls.Client()).WaitAsync(Patience));
    }

    private Task<GatewayHost> StartAsync(TlsMode mode, RespLimits? limits = null, Func<IPoller>? poller = null) =>
        GatewayHost.StartAsync(new FakeReplicationClient(), limits, poller, tls: _tls.Server(mode));

    private static async Task<Socket> OpenAsync(GatewayHost gateway)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, gateway.Port));
        return socket;
    }

    private async Task<SslStream> SecureAsync(Socket socket)
    {
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: false));
        await stream.AuthenticateAsClientAsync(_tls.Client()).WaitAsync(Patience);
        return stream;
    }

    private static async Task PingAsync(SslStream stream)
    {
        await stream.WriteAsync("PING\r\n"u8.ToArray());
        byte[] got = new byte[7];
        await stream.ReadExactlyAsync(got).AsTask().WaitAsync(Patience);
        Assert.Equal("+PONG\r\n", Encoding.ASCII.GetString(got));
    }

    private static async Task ExpectEndAsync(Socket socket)
    {
        byte[] buffer = new byte[1024];
        try
        {
            while (await socket.ReceiveAsync(buffer).WaitAsync(Patience) > 0)
            {
                // An alert may come first.
            }
        }
        catch (SocketException)
        {
            // As good as an end.
        }
    }

    /// <summary>Sends in pieces of at most so many bytes.</summary>
    private sealed class CuttingStream(Socket socket, int piece) : NetworkStream(socket)
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            for (; buffer.Length > 0; buffer = buffer[Math.Min(piece, buffer.Length)..])
                await base.WriteAsync(buffer[..Math.Min(piece, buffer.Length)], cancellationToken);
        }
    }

    /// <summary>Keeps what is written after the first flight until it is released, so that all of it arrives at once.</summary>
    private sealed class HoldingStream(Socket socket) : NetworkStream(socket)
    {
        private readonly MemoryStream _held = new();
        private bool _first = true;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (!_first)
            {
                _held.Write(buffer.Span);
                return;
            }

            _first = false;
            await base.WriteAsync(buffer, cancellationToken);
        }

        public void Release() => Socket.Send(_held.ToArray());
    }
}
