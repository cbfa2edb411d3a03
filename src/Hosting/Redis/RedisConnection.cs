using System.Buffers;
using System.Net.Sockets;
using System.Text;
using ActorRepl.Hosting.Redis.Sockets;
using ActorRepl.Hosting.Redis.Tls;
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

    // A client that takes less within the write timeout is as good as one that takes nothing.
    private const int LeastTaken = 16 * 1024;

    private readonly GatewayLoop _loop;
    private readonly Socket _socket;
    private readonly RespLimits _limits;
    private readonly RespParser _parser;
    private readonly RedisDispatcher _dispatcher;
    private readonly Pipeline _pipeline;
    private readonly TlsChannel? _tls;

    // Bytes that have been read and are not taken yet; empty: there are none.
    private byte[] _input = [];
    private int _inputStart;
    private int _inputEnd;

    // Replies the socket had no room for; empty: there are none.
    private byte[] _output = [];
    private int _outputStart;
    private int _outputEnd;
    private int _taken;

    private Readiness _watched = Readiness.Read;
    private bool _inputEnded;
    private bool _closing;
    private bool _closed;
    private bool _opened;

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
        _tls = loop.Tls is { } tls ? new TlsChannel(socket, tls, () => loop.Post(this)) : null;
        _opened = _tls is null;
        LastInput = Environment.TickCount64;
    }

    public int Token { get; }

    public RedisClientInfo Client { get; }

    public Socket Socket => _socket;

    /// <summary>Since when the client has taken none of the replies that wait, in ms of <see cref="Environment.TickCount64"/>; null: none wait.</summary>
    public long? BlockedSince { get; private set; }

    /// <summary>When the client last said something, in ms of <see cref="Environment.TickCount64"/>.</summary>
    public long LastInput { get; private set; }

    /// <summary>Hands are being shaken still.</summary>
    public bool IsOpening => !_opened;

    /// <summary>Bytes have come that are not taken yet. While it is idle: a command has begun and is not whole.</summary>
    public bool KeepsInput => _inputEnd > _inputStart;

    /// <summary>Nothing is under way, and no reply waits.</summary>
    public bool IsIdle => _pipeline.IsEmpty && BlockedSince is null;

    public void OnReady(Readiness what)
    {
        try
        {
            // Broken connections are told of whether one asks or not.
            if (what == (Readiness.Read | Readiness.Write) && _watched == Readiness.None)
                Close();
            if (!_opened)
            {
                ContinueHandshake(what);
                return;
            }

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

    /// <summary>The handshake has got further, or is over.</summary>
    public void OnHandshake()
    {
        if (_closed || _opened)
            return;
        try
        {
            if (!_tls!.TryFlush() || _tls.Failure is not null)
                Close();
            else if (_tls.IsShaking)
                WatchHandshake();
            else
                Open();
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
        _tls?.Dispose();
        _pipeline.Abandon();
        Client.Transaction.Close();
        ReleaseInput();
        ReleaseOutput();
        _loop.Remove(this);
        _socket.Dispose();
    }

    private void ContinueHandshake(Readiness what)
    {
        if (what.HasFlag(Readiness.Read) && !_tls!.IsFull && !_tls.FeedHandshake(_loop.Scratch))
            Close();
        else
            OnHandshake();
    }

    private void WatchHandshake() => Watch((_tls!.IsFull ? 0 : Readiness.Read) | (_tls.IsBlocked ? Readiness.Write : 0));

    private void Open()
    {
        _opened = true;
        LastInput = Environment.TickCount64;
        if (_tls!.IsBlocked)
            Block();
        if (_tls.HasInput && _tls.Decrypt(_loop.Scratch, out SocketError error) is var read && error != SocketError.WouldBlock)
            Take(_loop.Scratch, read, error);
        else
            Watch();
    }

    private void Read()
    {
        bool kept = _inputEnd > 0;
        if (kept && !MakeRoom())
        {
            GiveUp();
            return;
        }

        byte[] buffer = kept ? _input : _loop.Scratch;
        int start = kept ? _inputEnd : 0;
        int read = _tls is null ? _socket.Receive(buffer.AsSpan(start), SocketFlags.None, out SocketError error)
            : _tls.Receive(buffer.AsSpan(start), _loop.Encrypted, out error);
        if (error is not (SocketError.WouldBlock or SocketError.Interrupted))
            Take(buffer, read, error);
    }

    private void Take(byte[] buffer, int read, SocketError error)
    {
        if (error != SocketError.Success)
        {
            Close();
            return;
        }

        LastInput = Environment.TickCount64;
        _inputEnded |= read == 0;
        if (buffer == _input)
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
            if (_loop.Held.TryRent(Math.Max(SmallestBuffer, RoomFor(length - taken))) is not { } room)
            {
                GiveUp();
                return;
            }

            _input = room;
            buffer.AsSpan(taken, length - taken).CopyTo(_input);
            _inputEnd = length - taken;
            _loop.CommandBegun();
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
            _parser.IsStranger = !Client.MayAsk;
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
        if (_closed || (sent == bytes.Length && _tls is not { IsBlocked: true }))
            return;
        if (_loop.Held.TryRent(bytes.Length - sent) is not { } room)
        {
            // What it was told so far is not to be followed by something else.
            Close();
            return;
        }

        _output = room;
        bytes[sent..].CopyTo(_output);
        _outputEnd = bytes.Length - sent;
        Block();
    }

    private void Block()
    {
        (BlockedSince, _taken) = (Environment.TickCount64, 0);
        _pipeline.OnBlocked();
        _loop.Blocked(this);
    }

    /// <summary>The socket has room again.</summary>
    private void ContinueWriting()
    {
        int sent = TrySend(_output.AsSpan(_outputStart, _outputEnd - _outputStart));
        if (_closed)
            return;
        _outputStart += sent;
        if (_outputStart < _outputEnd || _tls is { IsBlocked: true })
        {
            _taken += sent;
            if (_taken >= LeastTaken || (_tls is not null && sent > 0))
                (BlockedSince, _taken) = (Environment.TickCount64, 0);
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
        if (_tls is not null)
        {
            sent = _tls.Send(bytes, out SocketError broken);
            if (broken != SocketError.Success)
                Close();
            return sent;
        }

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
        bool full = !_pipeline.IsEmpty && _inputEnd - _inputStart >= (Client.MayAsk ? _limits.MaxChunkBytes : RespLimits.StrangersBytes);
        Watch((_inputEnded || _closing || full ? 0 : Readiness.Read) | (BlockedSince is null ? 0 : Readiness.Write));
    }

    private void Watch(Readiness wanted)
    {
        if (wanted == _watched)
            return;
        _watched = wanted;
        _loop.Watch(this, wanted);
    }

    /// <summary>
    /// Room for so many bytes and those to come: twice as much, or the whole command once a part of it is here. What was only announced
    /// takes no room, or a few bytes a connection would take all there is.
    /// </summary>
    private int RoomFor(int length) => _pipeline.IsEmpty && _parser.Needed > length && length >= _parser.Needed / 4 ? _parser.Needed : 2 * length;

    /// <summary>Room for more input behind what is kept: by moving it to the front, or in a larger buffer.</summary>
    private bool MakeRoom()
    {
        int length = _inputEnd - _inputStart;
        int wanted = length + (_tls is null ? SmallestBuffer / 2 : TlsChannel.LeastRoom);
        if (_input.Length - _inputStart >= wanted && _inputEnd < _input.Length)
            return true;
        if (_input.Length >= wanted)
        {
            _input.AsSpan(_inputStart, length).CopyTo(_input);
        }
        else
        {
            if (_loop.Held.TryRent(Math.Max(wanted, RoomFor(length))) is not { } larger)
                return false;
            _input.AsSpan(_inputStart, length).CopyTo(larger);
            _loop.Held.Return(_input);
            _input = larger;
        }

        _inputStart = 0;
        _inputEnd = length;
        return true;
    }

    /// <summary>There is no room for what the client sends. It is told so, where no other reply is on its way, and has to come again.</summary>
    private void GiveUp()
    {
        if (IsIdle)
            TrySend(Encoding.ASCII.GetBytes($"-{RedisErrors.NoRoom}\r\n"));
        Close();
    }

    private void Fail(Exception failure)
    {
        _loop.Log.LogError(failure, "Connection {Connection} failed in a way that no client should see, and is closed", Client.Id);
        Close();
    }

    private void ReleaseInput()
    {
        if (_input.Length > 0)
            _loop.Held.Return(_input);
        _parser.Release();
        _input = [];
        _inputStart = 0;
        _inputEnd = 0;
    }

    private void ReleaseOutput()
    {
        if (_output.Length > 0)
            _loop.Held.Return(_output);
        _output = [];
        _outputStart = 0;
        _outputEnd = 0;
        BlockedSince = null;
    }
}
