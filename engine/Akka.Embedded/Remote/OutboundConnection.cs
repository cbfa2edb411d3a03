#nullable enable
using System.IO.Pipelines;
using Akka.Actor;

namespace Akka.Remote;

/// <summary>The connection this node opened to a remote system: messages leave over it, only control frames come back.</summary>
internal sealed class OutboundConnection
{
    private readonly Connection _connection;
    private readonly Association _association;
    private readonly Remoting _remoting;
    private readonly MessageEncoder _encoder;
    private readonly FrameReader _frames;

    private OutboundConnection(Connection connection, Association association, Remoting remoting, FrameReader frames, int remoteUid)
    {
        _connection = connection;
        _association = association;
        _remoting = remoting;
        _frames = frames;
        RemoteUid = remoteUid;
        _encoder = new MessageEncoder(connection.Output, remoting.DefaultAddress);
    }

    /// <summary>The incarnation that answered.</summary>
    public int RemoteUid { get; }

    /// <summary>Connects and shakes hands.</summary>
    /// <exception cref="RemoteTransportException">Nobody answered in time, or who answered refused.</exception>
    public static async Task<OutboundConnection> OpenAsync(Remoting remoting, Association association)
    {
        var settings = remoting.Settings.Tcp;
        var remote = association.Remote;
        if (remote.Host is not { } host || remote.Port is not { } port)
            throw new RemoteTransportException($"{remote} has no host and port to connect to");
        using var timeout = new CancellationTokenSource(settings.ConnectionTimeout);
        var connection = await Connection.ConnectAsync(host, port, settings, remoting.Tls, timeout.Token).ConfigureAwait(false);
        try
        {
            Handshake.WriteHello(connection.Output, remoting.Uid, remoting.DefaultAddress, remote);
            await connection.Output.FlushAsync(timeout.Token).ConfigureAwait(false);
            var frames = new FrameReader(maxPayload: 0, static _ => { });
            int uid = await Handshake.ReadAnswerAsync(connection.Input, frames, remoting, remote, timeout.Token).ConfigureAwait(false);
            return new OutboundConnection(connection, association, remoting, frames, uid);
        }
        catch (Exception e)
        {
            connection.Abort();
            if (e is OperationCanceledException)
                throw new RemoteTransportException($"{remote} did not answer the handshake within {settings.ConnectionTimeout.TotalMilliseconds} ms", e);
            throw;
        }
    }

    /// <summary>Encodes messages from <paramref name="from"/> on until about <paramref name="limit"/> bytes wait; returns the next index.</summary>
    public int Write(MessageBatch batch, int from, int limit)
    {
        long unflushed = _connection.Output.UnflushedBytes;
        while (from < batch.Count && unflushed < limit)
        {
            ref readonly var message = ref batch[from++];
            _encoder.Write(message);
            unflushed += message.Payload.Length + 16;
        }
        return from;
    }

    public ValueTask<FlushResult> FlushAsync() => _connection.Output.FlushAsync();

    /// <summary>Reads what the peer says until it closes or the connection breaks.</summary>
    public async Task ReadUntilLostAsync()
    {
        Exception? cause = null;
        try
        {
            while (true)
            {
                var read = await _connection.Input.ReadAsync().ConfigureAwait(false);
                var buffer = read.Buffer;
                bool closed = TakeFrames(ref buffer);
                _connection.Input.AdvanceTo(buffer.Start, buffer.End);
                if (closed || read.IsCompleted)
                    break;
            }
        }
        catch (Exception e)
        {
            cause = e;
        }
        _connection.Abort();
        _association.Lost(this, RemoteUid, cause);
    }

    public void Abort() => _connection.Abort();

    /// <summary>Says why, then closes.</summary>
    public Task CloseAsync(CloseReason reason) => Handshake.CloseAsync(_connection, reason, "");

    private bool TakeFrames(ref System.Buffers.ReadOnlySequence<byte> buffer)
    {
        while (_frames.TryRead(ref buffer, out var frame))
        {
            if (frame.Kind != FrameKind.Close)
                throw new RemoteTransportException($"unexpected frame {frame.Kind} from {_association.Remote}");
            Handshake.ReadClose(frame, out var reason, out _);
            if (reason == CloseReason.Quarantined)
                _remoting.WasQuarantinedBy(_association.Remote);
            return true;
        }
        return false;
    }
}
