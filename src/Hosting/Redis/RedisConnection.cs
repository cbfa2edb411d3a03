using System.Buffers;
using System.Net.Sockets;
using ActorRepl.Hosting.Redis.Sockets;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Redis;

/// <summary>
/// One client: takes the commands that are there as one <see cref="Pipeline"/>, writes the replies, and only then takes
/// more. So order holds, and a client that does not read its replies is soon not read from. On its loop's thread alone.
/// </summary>
internal sealed class RedisConnection
{
    // Replies are given to the socket in pieces of about this.
    private const int LargeReply = 64 * 1024;
    private const int SmallestBuffer = 4 * 1024;

    private readonly GatewayLoop _loop;
    private readonly Socket _socket;
    private readonly RespLimits _limits;
    private readonly RespParser _parser;
    private readonly RedisDispatcher _dispatcher;
    private readonly Pipeline _pipeline;

    // Bytes that have been read and are not taken yet; empty: there are none.
    private byte[] _input = [];
    private int _inputStart;
    private int _inputEnd;

    // Replies the socket had no room for; empty: there are none.
    private byte[] _output = [];
    private int _outputStart;
    private int _outputEnd;

    private Readiness _watched = Readiness.Read;
    private bool _inputEnded;
    private bool _closing;
    private bool _closed;

    public RedisConnection(GatewayLoop loop, Socket socket, int token, RedisClientInfo client)
    {
        _loop = loop;
        _socket = socket;
        _limits = loop.Limits;
        Token = token;
        Client = client;
        _parser = new RespParser(_limits);
        _dispatcher = new RedisDispatcher(loop.Server, client, _limits);
        _pipeline = new Pipeline(loop.Gatherer, _limits, loop.Server, client, OnAnswered);
    }

    public int Token { get; }

    public RedisClientInfo Client { get; }

    public Socket Socket => _socket;

    /// <summary>Since when the client has taken none of the replies that wait, in ms of <see cref="Environment.TickCount64"/>; null: none wait.</summary>
    public long? BlockedSince { get; private set; }

    /// <summary>Nothing is under way, and no reply waits.</summary>
    public bool IsIdle => _pipeline.IsEmpty && BlockedSince is null;

    public void OnReady(Readiness what)
    {
        try
        {
            // Broken connections are told of whether one asks or not.
            if (what == (Readiness.Read | Readiness.Write) && _watched == Readiness.None)
                Close();
            if (what.HasFlag(Readiness.Write) && BlockedSince is not null && !_closed)
                ContinueWriting();
            if (what.HasFlag(Readiness.Read) && !_closed && _watched.HasFlag(Readiness.Read))
                Read();
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            Fail(failure);
        }
    }

    /// <summary>No more commands are taken; the connection ends when those that were have their replies.</summary>
    public void CloseWhenIdle()
    {
        _closing = true;
        if (IsIdle)
            Close();
    }

    public void Close()
    {
        if (_closed)
            return;
        _closed = true;
        _pipeline.Abandon();
        ReleaseInput();
        ReleaseOutput();
        _loop.Remove(this);
        _socket.Dispose();
    }

    private void Read()
    {
        bool kept = _inputEnd > 0;
        if (kept)
            MakeRoom();
        byte[] buffer = kept ? _input : _loop.Scratch;
        int start = kept ? _inputEnd : 0;
        int read = _socket.Receive(buffer.AsSpan(start), SocketFlags.None, out SocketError error);
        if (error is SocketError.WouldBlock or SocketError.Interrupted)
            return;
        if (error != SocketError.Success)
        {
            Close();
            return;
        }

        _inputEnded |= read == 0;
        if (kept)
        {
            _inputEnd += read;
            if (_pipeline.IsEmpty)
                Advance();
        }
        else
        {
            TakeNew(buffer, read);
        }

        if (!_closed)
            Watch();
    }

    /// <summary>What came lies in the loop's buffer: only what is left of it is copied.</summary>
    private void TakeNew(byte[] buffer, int length)
    {
        bool idle = _pipeline.IsEmpty;
        int taken = idle ? TakeCommands(buffer.AsMemory(0, length)) : 0;
        if (taken < length)
        {
            _input = ArrayPool<byte>.Shared.Rent(Math.Max(SmallestBuffer, Math.Max(length - taken, _parser.Needed)));
            buffer.AsSpan(taken, length - taken).CopyTo(_input);
            _inputEnd = length - taken;
        }

        if (!idle)
            return;
        bool took = !_pipeline.IsEmpty;
        Begin();
        if (took)
            Advance();
    }

    /// <summary>Takes commands and answers them for as long as none has to wait for a shard.</summary>
    private void Advance()
    {
        while (!_closed && _pipeline.IsEmpty)
        {
            if (!_closing)
                _inputStart += TakeCommands(_input.AsMemory(_inputStart, _inputEnd - _inputStart));
            if (_inputStart == _inputEnd)
                ReleaseInput();
            bool took = !_pipeline.IsEmpty;
            Begin();
            if (!took)
                return;
        }
    }

    /// <summary>Takes the whole commands at the start, as many as the pipeline holds; returns their bytes.</summary>
    private int TakeCommands(ReadOnlyMemory<byte> bytes)
    {
        int taken = 0;
        while (!_closing && !_pipeline.IsFull)
        {
            ParseStatus status = _parser.Parse(bytes[taken..]);
            if (status == ParseStatus.Incomplete)
                break;
            if (status == ParseStatus.Broken)
            {
                _pipeline.AnswerError($"ERR Protocol error: {_parser.Error}");
                _closing = true;
                return bytes.Length;
            }

            if (status == ParseStatus.Command)
            {
                if (!_pipeline.TryCount(_parser.Consumed) || (_dispatcher.BeginsAnew(_parser) && !_pipeline.IsEmpty))
                    break;
                _closing = !_dispatcher.Dispatch(_parser, _pipeline);
            }

            taken += _parser.Consumed;
        }

        return taken;
    }

    /// <summary>Sends what has been taken on its way; where nothing was, and nothing can come, the connection ends.</summary>
    private void Begin()
    {
        if (_pipeline.IsEmpty)
        {
            if (_closing || _inputEnded)
                Close();
            return;
        }

        _pipeline.Send();
        if (!_pipeline.IsWaiting)
            WriteReplies();
    }

    private void OnAnswered()
    {
        // While the client does not read, what was answered waits with the rest.
        if (_closed || BlockedSince is not null)
            return;
        try
        {
            WriteReplies();
            Advance();
            if (!_closed)
                Watch();
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            Fail(failure);
        }
    }

    /// <summary>Writes replies until the pipeline is done, the socket is full, or a shard has to be asked again.</summary>
    private void WriteReplies()
    {
        ArrayBufferWriter<byte> replies = _loop.Replies;
        bool all;
        do
        {
            replies.ResetWrittenCount();
            all = _pipeline.Write(replies, LargeReply);
            Send(replies.WrittenSpan);
        }
        while (!all && !_closed && BlockedSince is null && !_pipeline.IsWaiting);

        _loop.KeepReplies();
        if (all && !_closed && BlockedSince is null)
            _pipeline.Clear();
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        int sent = TrySend(bytes);
        if (_closed || sent == bytes.Length)
            return;
        _output = ArrayPool<byte>.Shared.Rent(bytes.Length - sent);
        bytes[sent..].CopyTo(_output);
        _outputEnd = bytes.Length - sent;
        BlockedSince = Environment.TickCount64;
        _loop.Blocked(this);
    }

    /// <summary>The socket has room again.</summary>
    private void ContinueWriting()
    {
        int sent = TrySend(_output.AsSpan(_outputStart, _outputEnd - _outputStart));
        if (_closed)
            return;
        _outputStart += sent;
        if (_outputStart < _outputEnd)
        {
            if (sent > 0)
                BlockedSince = Environment.TickCount64;
            return;
        }

        ReleaseOutput();
        if (!_pipeline.IsWaiting)
            WriteReplies();
        Advance();
        if (!_closed)
            Watch();
    }

    private int TrySend(ReadOnlySpan<byte> bytes)
    {
        int sent = 0;
        while (sent < bytes.Length)
        {
            int more = _socket.Send(bytes[sent..], SocketFlags.None, out SocketError error);
            if (error is SocketError.WouldBlock or SocketError.Interrupted)
                break;
            if (error != SocketError.Success)
            {
                Close();
                break;
            }

            sent += more;
        }

        return sent;
    }

    /// <summary>Reads while there is room for input, and looks for room in the socket while output waits.</summary>
    private void Watch()
    {
        bool full = !_pipeline.IsEmpty && _inputEnd - _inputStart >= _limits.MaxChunkBytes;
        Readiness wanted = (_inputEnded || _closing || full ? 0 : Readiness.Read) | (BlockedSince is null ? 0 : Readiness.Write);
        if (wanted == _watched)
            return;
        _watched = wanted;
        _loop.Watch(this, wanted);
    }

    /// <summary>Room for more input behind what is kept: by moving it to the front, or in a larger buffer.</summary>
    private void MakeRoom()
    {
        int length = _inputEnd - _inputStart;
        int wanted = Math.Max(length + SmallestBuffer / 2, _pipeline.IsEmpty ? _parser.Needed : 0);
        if (_input.Length - _inputStart >= wanted && _inputEnd < _input.Length)
            return;
        if (_input.Length >= wanted)
        {
            _input.AsSpan(_inputStart, length).CopyTo(_input);
        }
        else
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(wanted, 2 * _input.Length));
            _input.AsSpan(_inputStart, length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_input);
            _input = larger;
        }

        _inputStart = 0;
        _inputEnd = length;
    }

    private void Fail(Exception failure)
    {
        _loop.Log.LogError(failure, "Connection {Connection} failed in a way that no client should see, and is closed", Client.Id);
        Close();
    }

    private void ReleaseInput()
    {
        if (_input.Length > 0)
            ArrayPool<byte>.Shared.Return(_input);
        _input = [];
        _inputStart = 0;
        _inputEnd = 0;
    }

    private void ReleaseOutput()
    {
        if (_output.Length > 0)
            ArrayPool<byte>.Shared.Return(_output);
        _output = [];
        _outputStart = 0;
        _outputEnd = 0;
        BlockedSince = null;
    }
}
