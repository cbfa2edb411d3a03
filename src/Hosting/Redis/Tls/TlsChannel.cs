using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;

namespace ActorRepl.Hosting.Redis.Tls;

/// <summary>
/// TLS between a connection and its socket, without a thread of its own: hands are shaken on the pool, so that many who connect at once hold
/// up nobody, and from then on the loop decrypts and encrypts as it reads and writes.
/// </summary>
internal sealed class TlsChannel : IDisposable
{
    /// <summary>Room that a read has to have: whatever was incomplete, and what completes it.</summary>
    public const int LeastRoom = 2 * TlsWire.MostRecordBytes;

    private const int PieceBytes = 16 * 1024;

    private readonly Socket _socket;
    private readonly TlsWire _wire;
    private readonly SslStream _stream;
    private readonly Task _handshake;

    /// <param name="progress">Called on any thread while hands are shaken: the loop is to call <see cref="TryFlush"/>, and to look whether they are.</param>
    public TlsChannel(Socket socket, SslServerAuthenticationOptions options, Action progress)
    {
        _socket = socket;
        _wire = new TlsWire(progress);
        _stream = new SslStream(_wire, leaveInnerStreamOpen: true);
        // Not on the loop's thread, from the first step on.
        _handshake = Task.Run(() => _stream.AuthenticateAsServerAsync(options, CancellationToken.None));
        _ = _handshake.ContinueWith(_ => progress(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Hands are being shaken still.</summary>
    public bool IsShaking => !_handshake.IsCompleted;

    /// <summary>There was no agreement: why; null: there was, or is none yet.</summary>
    public Exception? Failure => _handshake.IsFaulted ? _handshake.Exception.InnerException : null;

    /// <summary>Encrypted bytes wait for room in the socket.</summary>
    public bool IsBlocked => _wire.HasOutgoing;

    /// <summary>Something came together with the last word of the handshake.</summary>
    public bool HasInput => _wire.Held > 0;

    /// <summary>More has come than the handshake has taken: it is to be left in the socket for now.</summary>
    public bool IsFull => _wire.Held >= PieceBytes;

    /// <summary>Takes from the socket what belongs to the handshake. False: the peer is gone.</summary>
    public bool FeedHandshake(byte[] scratch)
    {
        int read = _socket.Receive(scratch.AsSpan(0, PieceBytes), SocketFlags.None, out SocketError error);
        if (error is SocketError.WouldBlock or SocketError.Interrupted)
            return true;
        if (error != SocketError.Success || read == 0)
            return false;
        _wire.Feed(scratch.AsSpan(0, read));
        return true;
    }

    /// <summary>Reads as <see cref="Socket.Receive(Span{byte}, SocketFlags, out SocketError)"/> does: 0 without an error is the end.</summary>
    /// <param name="target">At least <see cref="LeastRoom"/>: all that can be decrypted is.</param>
    public int Receive(Span<byte> target, byte[] scratch, out SocketError error)
    {
        int most = Math.Min(scratch.Length, target.Length - _wire.Held);
        int read = _socket.Receive(scratch.AsSpan(0, most), SocketFlags.None, out error);
        if (error != SocketError.Success || read == 0)
            return read;
        _wire.Feed(scratch.AsSpan(0, read));
        return Decrypt(target, out error);
    }

    /// <summary>Decrypts the whole records that have come.</summary>
    public int Decrypt(Span<byte> target, out SocketError error)
    {
        int total = 0;
        error = SocketError.Success;
        try
        {
            while (_wire.HasRecord)
            {
                int read = _stream.Read(target[total..]);
                if (read == 0)
                    return total;
                total += read;
            }
        }
        catch (NothingYetException)
        {
            // A record without content.
        }
        catch (Exception broken) when (broken is IOException or AuthenticationException or InvalidOperationException)
        {
            error = SocketError.ConnectionReset;
            return 0;
        }

        if (total == 0)
            error = SocketError.WouldBlock;
        return total;
    }

    /// <summary>Encrypts and sends for as long as the socket has room; returns how many bytes need not be given again.</summary>
    public int Send(ReadOnlySpan<byte> bytes, out SocketError error)
    {
        int taken = 0;
        while ((error = _wire.SendTo(_socket)) == SocketError.Success && !IsBlocked && taken < bytes.Length)
        {
            int piece = Math.Min(PieceBytes, bytes.Length - taken);
            try
            {
                _stream.Write(bytes.Slice(taken, piece));
            }
            catch (Exception broken) when (broken is IOException or InvalidOperationException)
            {
                error = SocketError.ConnectionReset;
                return taken;
            }

            taken += piece;
        }

        return taken;
    }

    /// <summary>Gives the socket what is encrypted already. False: the connection is broken.</summary>
    public bool TryFlush() => _wire.SendTo(_socket) == SocketError.Success;

    public void Dispose()
    {
        if (_handshake.IsCompletedSuccessfully)
            SayGoodbye();
        _wire.Abort();
        if (_handshake.IsCompleted)
            _stream.Dispose();
        else
            _handshake.ContinueWith(_ => _stream.Dispose(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        _ = _handshake.Exception;
    }

    /// <summary>So that the peer knows an end from a connection that was cut (RFC 8446, 6.1).</summary>
    private void SayGoodbye()
    {
        try
        {
            _ = _stream.ShutdownAsync();
            _wire.SendTo(_socket);
        }
        catch (Exception gone) when (gone is IOException or InvalidOperationException or SocketException)
        {
            // It will see the end of the connection.
        }
    }
}
