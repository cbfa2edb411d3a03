using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;

namespace Akka.Remote;

/// <summary>One TCP connection and its pipes. Both ends may be aborted from any thread, any number of times.</summary>
internal sealed class Connection
{
    // The pipes' unit of buffering: a batch of small messages leaves in one write, a whole frame mostly lies in one piece.
    private const int SegmentSize = 64 * 1024;
    private readonly Socket _socket;
    private int _closed;

    private Connection(Socket socket, Stream stream)
    {
        _socket = socket;
        Input = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: SegmentSize, leaveOpen: true));
        Output = PipeWriter.Create(stream, new StreamPipeWriterOptions(minimumBufferSize: SegmentSize, leaveOpen: true));
        RemoteEndPoint = socket.RemoteEndPoint?.ToString() ?? "unknown";
    }

    public PipeReader Input { get; }
    public PipeWriter Output { get; }
    public string RemoteEndPoint { get; }

    /// <summary>Wraps an accepted socket.</summary>
    /// <exception cref="RemoteTransportException">There is to be TLS, and the peer does not speak it or is not trusted.</exception>
    public static async Task<Connection> AcceptAsync(Socket socket, TcpSettings settings, TlsTransport tls)
    {
        Prepare(socket, settings);
        if (tls is null)
            return new Connection(socket, new NetworkStream(socket, ownsSocket: true));
        using var timeout = new CancellationTokenSource(settings.ConnectionTimeout);
        return new Connection(socket, await tls.AcceptAsync(socket, timeout.Token).ConfigureAwait(false));
    }

    private static void Prepare(Socket socket, TcpSettings settings)
    {
        socket.NoDelay = settings.NoDelay;
        if (settings.SendBufferSize > 0)
            socket.SendBufferSize = settings.SendBufferSize;
        if (settings.ReceiveBufferSize > 0)
            socket.ReceiveBufferSize = settings.ReceiveBufferSize;
        DetectSilence(socket, settings);
    }

    /// <exception cref="RemoteTransportException">No connection within the connection timeout.</exception>
    public static async Task<Connection> ConnectAsync(string host, int port, TcpSettings settings, TlsTransport tls, CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (IPAddress.TryParse(host, out var address))
                await socket.ConnectAsync(new IPEndPoint(address, port), cancel).ConfigureAwait(false);
            else
                await socket.ConnectAsync(host, port, cancel).ConfigureAwait(false);
            Prepare(socket, settings);
            return new Connection(socket, tls is null ? new NetworkStream(socket, ownsSocket: true) : await tls.ConnectAsync(socket, cancel).ConfigureAwait(false));
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            string why = e is SocketException ? e.Message : $"no answer within {settings.ConnectionTimeout.TotalMilliseconds} ms";
            throw new RemoteTransportException($"no connection to {host}:{port.ToString(CultureInfo.InvariantCulture)}: {why}", e);
        }
    }

    /// <summary>Closes the socket at once; pending reads and writes end with an error.</summary>
    public void Abort()
    {
        if (Interlocked.Exchange(ref _closed, 1) != 0)
            return;
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The peer was faster.
        }
        _socket.Dispose();
    }

    /// <summary>
    /// Lets the kernel find a peer that has vanished without closing: probes when idle, a limit on unacknowledged bytes when
    /// not. It costs this process nothing while the connection is idle.
    /// </summary>
    private static void DetectSilence(Socket socket, TcpSettings settings)
    {
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        int probeSeconds = Math.Max(1, (int)settings.HeartbeatInterval.TotalSeconds);
        int limitMs = (int)Math.Min(int.MaxValue, (settings.HeartbeatInterval + settings.AcceptableHeartbeatPause).TotalMilliseconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, probeSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, probeSeconds);
        socket.SetSocketOption(
            SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Math.Clamp(limitMs / 1000 / probeSeconds, 1, 100));
        if (OperatingSystem.IsLinux())
        {
            const int IpProtoTcp = 6, TcpUserTimeout = 18;
            socket.SetRawSocketOption(IpProtoTcp, TcpUserTimeout, BitConverter.GetBytes(limitMs));
        }
    }
}
