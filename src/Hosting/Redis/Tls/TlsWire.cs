using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;

namespace ActorRepl.Hosting.Redis.Tls;

/// <summary>
/// What lies below an <see cref="System.Net.Security.SslStream"/>: bytes that have come and are not taken, and bytes that are to leave. No
/// socket: the loop moves them. It hands out one TLS record at a time, so that nothing is left in the stream above that the loop does not know of.
/// While hands are shaken it is used from two threads; afterwards from the loop's alone.
/// </summary>
internal sealed class TlsWire : Stream
{
    public const int HeaderBytes = 5;

    /// <summary>The longest record (RFC 8446, 5.2; RFC 5246, 6.2.3), header included.</summary>
    public const int MostRecordBytes = HeaderBytes + 16 * 1024 + 2048;

    private readonly Lock _lock = new();
    private readonly Action _progress;
    private byte[] _in = [];
    private int _start;
    private int _end;

    // What is left of the record that is being handed out.
    private int _rest;
    private byte[] _out = [];
    private int _outStart;
    private int _outEnd;
    private (TaskCompletionSource<int> Done, Memory<byte> Target)? _reader;
    private bool _ended;

    /// <param name="progress">Called on any thread, while hands are shaken, when there is something to send, or no more without something from the peer.</param>
    public TlsWire(Action progress) => _progress = progress;

    /// <summary>Bytes that have come and are not taken.</summary>
    public int Held
    {
        get
        {
            lock (_lock)
                return _end - _start;
        }
    }

    /// <summary>A whole record has come.</summary>
    public bool HasRecord
    {
        get
        {
            lock (_lock)
                return MayTake && _end - _start >= RecordLength();
        }
    }

    /// <summary>Something is to leave.</summary>
    public bool HasOutgoing
    {
        get
        {
            lock (_lock)
                return _outEnd > _outStart;
        }
    }

    /// <summary>Bytes have come. Completes a read that waits, on a thread of the pool.</summary>
    public void Feed(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            Append(ref _in, ref _start, ref _end, bytes);
            if (_reader is not var (done, target) || !MayTake)
                return;
            _reader = null;
            done.SetResult(Take(target.Span));
        }
    }

    /// <summary>Gives the socket what is to leave, as far as it has room. Anything but success: the connection is broken.</summary>
    public SocketError SendTo(Socket socket)
    {
        lock (_lock)
        {
            while (_outStart < _outEnd)
            {
                int sent = socket.Send(_out.AsSpan(_outStart, _outEnd - _outStart), SocketFlags.None, out SocketError error);
                if (error is SocketError.WouldBlock or SocketError.Interrupted)
                    return SocketError.Success;
                if (error != SocketError.Success)
                    return error;
                _outStart += sent;
            }

            Release(ref _out, ref _outStart, ref _outEnd);
            return SocketError.Success;
        }
    }

    /// <summary>No more will come: reads that wait, and all later calls, fail.</summary>
    public void Abort()
    {
        lock (_lock)
        {
            _ended = true;
            _reader?.Done.TrySetException(new IOException("the connection was closed"));
            _reader = null;
            Release(ref _in, ref _start, ref _end);
            Release(ref _out, ref _outStart, ref _outEnd);
        }
    }

    public override int Read(Span<byte> buffer)
    {
        lock (_lock)
            return MayTake && !_ended ? Take(buffer) : throw new NothingYetException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var done = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_ended)
                return ValueTask.FromException<int>(new IOException("the connection was closed"));
            if (MayTake)
                return ValueTask.FromResult(Take(buffer.Span));
            _reader = (done, buffer);
        }

        _progress();
        return new ValueTask<int>(done.Task);
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        lock (_lock)
        {
            if (!_ended)
                Append(ref _out, ref _outStart, ref _outEnd, buffer);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        _progress();
        return ValueTask.CompletedTask;
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    // Of a new record, nothing is handed out before its length is known.
    private bool MayTake => _end - _start >= (_rest > 0 ? 1 : HeaderBytes);

    /// <summary>Bytes of one record at most.</summary>
    private int Take(Span<byte> target)
    {
        int held = _end - _start;
        if (_rest == 0)
            _rest = RecordLength();
        int taken = Math.Min(Math.Min(target.Length, _rest), held);
        _in.AsSpan(_start, taken).CopyTo(target);
        _start += taken;
        _rest -= taken;
        if (_start == _end)
            Release(ref _in, ref _start, ref _end);
        return taken;
    }

    // Of the record at the start, when it is not being handed out already.
    private int RecordLength() => _rest > 0 ? _rest : HeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(_in.AsSpan(_start + 3));

    private static void Append(ref byte[] buffer, ref int start, ref int end, ReadOnlySpan<byte> bytes)
    {
        int held = end - start;
        if (buffer.Length - end < bytes.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(held + bytes.Length, 4096));
            buffer.AsSpan(start, held).CopyTo(larger);
            if (buffer.Length > 0)
                ArrayPool<byte>.Shared.Return(buffer);
            (buffer, start, end) = (larger, 0, held);
        }

        bytes.CopyTo(buffer.AsSpan(end));
        end += bytes.Length;
    }

    private static void Release(ref byte[] buffer, ref int start, ref int end)
    {
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
        (buffer, start, end) = ([], 0, 0);
    }
}

/// <summary>A read would have to wait.</summary>
internal sealed class NothingYetException : IOException;
