using System.Buffers;
using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.Sockets;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis.Sockets;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Redis;

/// <summary>
/// One thread that serves many connections: reads from all that are ready, sends what they ask to each shard as one
/// request, and writes the replies of a request to all who wait for them. So a wake-up serves many, and no command costs a
/// change of threads.
/// </summary>
internal sealed class GatewayLoop : IDisposable
{
    private const int ScratchBytes = 64 * 1024;
    private const int MostLooks = 4;
    private const int HoldMillis = 1;
    private const int SweepMillis = 500;
    private const int KeptReplyBytes = 256 * 1024;
    private static readonly long NoTime = long.MaxValue;

    private readonly IPoller _poller;
    private readonly Thread _thread;
    private readonly ReadySocket[] _ready = new ReadySocket[512];
    private readonly ConcurrentQueue<object> _inbox = new();
    private readonly List<RedisConnection?> _connections = [];
    private readonly Stack<int> _freeTokens = new();
    private readonly HashSet<RedisConnection> _blocked = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _waking = new();
    private int _count;
    private bool _disposed;
    private int _sleeping;
    private bool _stopping;
    private long _stopBy = NoTime;
    private long _nextSweep = NoTime;

    public GatewayLoop(string name, IPoller poller, IReplicationClient client, GroupInfo group, RedisServer server, RespLimits limits, ILogger log, HeldBytes held, SslServerAuthenticationOptions? tls = null)
    {
        _poller = poller;
        Server = server;
        Limits = limits;
        Log = log;
        Held = held;
        Tls = tls;
        Encrypted = tls is null ? [] : GC.AllocateUninitializedArray<byte>(ScratchBytes, pinned: true);
        Gatherer = new RequestGatherer(this, client, group, limits);
        _thread = new Thread(Run) { IsBackground = true, Name = name };
    }

    public RedisServer Server { get; }

    public RespLimits Limits { get; }

    public ILogger Log { get; }

    /// <summary>Buffers of this loop's connections, and of the others'.</summary>
    public HeldBytes Held { get; }

    /// <summary>Null: connections are not encrypted.</summary>
    public SslServerAuthenticationOptions? Tls { get; }

    public RequestGatherer Gatherer { get; }

    /// <summary>What is read lies here until it is taken.</summary>
    public byte[] Scratch { get; } = GC.AllocateUninitializedArray<byte>(ScratchBytes, pinned: true);

    /// <summary>What is read lies here until it is decrypted.</summary>
    public byte[] Encrypted { get; }

    /// <summary>Replies are written here before they are sent.</summary>
    public ArrayBufferWriter<byte> Replies { get; private set; } = new(ScratchBytes);

    /// <summary>Connections that are open.</summary>
    public int Count => Volatile.Read(ref _count);

    public void Start() => _thread.Start();

    /// <summary>Takes a connection over. From any thread.</summary>
    public void Adopt(Socket socket)
    {
        Interlocked.Increment(ref _count);
        Post(socket);
    }

    /// <summary>A request has its answer. From any thread.</summary>
    public void Post(SharedRequest answered) => Post((object)answered);

    /// <summary>A connection's handshake has got further. From any thread.</summary>
    public void Post(RedisConnection connection) => Post((object)connection);

    /// <inheritdoc cref="Post(SharedRequest)"/>
    public void Post(LateAnswers answered) => Post((object)answered);

    /// <summary>Serves what has been taken, for at most that long, and ends.</summary>
    public Task StopAsync(TimeSpan patience)
    {
        Post(new Stop(Environment.TickCount64 + (long)patience.TotalMilliseconds));
        return _ended.Task;
    }

    public void Dispose()
    {
        lock (_waking)
        {
            if (_disposed)
                return;
            _disposed = true;
            _poller.Dispose();
        }
    }

    internal void Watch(RedisConnection connection, Readiness wanted) => _poller.Change(connection.Socket, connection.Token, wanted);

    internal void Blocked(RedisConnection connection) => _blocked.Add(connection);

    /// <summary>A command did not come whole: it is looked after until it has, or has taken too long.</summary>
    internal void CommandBegun() => _nextSweep = Math.Min(_nextSweep, Environment.TickCount64 + SweepMillis);

    internal void KeepReplies()
    {
        if (Replies.Capacity > KeptReplyBytes)
            Replies = new ArrayBufferWriter<byte>(ScratchBytes);
    }

    internal void Remove(RedisConnection connection)
    {
        _poller.Remove(connection.Socket, connection.Token);
        _connections[connection.Token] = null;
        _freeTokens.Push(connection.Token);
        _blocked.Remove(connection);
        Server.Disconnected(connection.Client);
        Interlocked.Decrement(ref _count);
    }

    private void Post(object what)
    {
        _inbox.Enqueue(what);

        // Of this exchange and the loop's own before it looks at the inbox a last time, one comes first: either the loop
        // sees what was posted, or this sees that it sleeps.
        if (Interlocked.Exchange(ref _sleeping, 0) == 0)
            return;
        lock (_waking)
        {
            if (!_disposed)
                _poller.Wake();
        }
    }

    private void Run()
    {
        try
        {
            while (!_stopping || (_count > 0 && Environment.TickCount64 < _stopBy))
            {
                ServeReady(HoldForAnswers() ? 0 : Sleep());

                // While replies were written, those who got them first have sent more.
                for (int again = 0; again < MostLooks && Gatherer.MaySend && ServeReady(0); again++)
                {
                }

                Gatherer.SendReady();
                if (_blocked.Count > 0)
                    CloseStuck();
                if (Environment.TickCount64 >= _nextSweep)
                    Sweep();
            }

            foreach (RedisConnection? connection in _connections.ToArray())
                connection?.Close();
            while (_inbox.TryDequeue(out object? left))
                (left as Socket)?.Dispose();
        }
        finally
        {
            Dispose();
            _ended.TrySetResult();
        }
    }

    /// <summary>Waits for sockets, and serves those that are ready; true: there were some.</summary>
    private bool ServeReady(int timeoutMillis)
    {
        int ready = _poller.Wait(_ready, timeoutMillis);
        Volatile.Write(ref _sleeping, 0);
        for (int i = 0; i < ready; i++)
            _connections[_ready[i].Token]?.OnReady(_ready[i].For);
        TakeInbox();
        return ready > 0;
    }

    /// <summary>
    /// While requests are under way, all that clients send can only gather. So it is left in their sockets until the answers
    /// are there, for a moment at most, and then read at once: this thread is not woken for each. False: there is nothing to wait for.
    /// </summary>
    private bool HoldForAnswers()
    {
        if (!Gatherer.ExpectsAnswers)
            return false;
        long until = Environment.TickCount64 + HoldMillis;
        do
        {
            Interlocked.Exchange(ref _sleeping, 1);
            if (_inbox.IsEmpty)
                _poller.WaitForWake(HoldMillis);
            Volatile.Write(ref _sleeping, 0);
            TakeInbox();
        }
        while (Gatherer.ExpectsAnswers && Environment.TickCount64 < until);
        return true;
    }

    /// <summary>Says that this thread is about to sleep, and for how long it may, in ms; −1: until it is woken.</summary>
    private int Sleep()
    {
        Interlocked.Exchange(ref _sleeping, 1);
        if (!_inbox.IsEmpty)
            return 0;
        long until = Math.Min(Math.Min(_stopBy, _nextSweep), Gatherer.NextDue ?? NoTime);
        foreach (RedisConnection connection in _blocked)
            until = Math.Min(until, connection.BlockedSince!.Value + (long)Limits.WriteTimeout.TotalMilliseconds);
        return until == NoTime ? -1 : (int)Math.Clamp(until - Environment.TickCount64 + 1, 0, int.MaxValue);
    }

    private void TakeInbox()
    {
        while (_inbox.TryDequeue(out object? what))
        {
            switch (what)
            {
                case SharedRequest { IsDue: true } due:
                    Gatherer.SendDue(due);
                    break;
                case SharedRequest answered:
                    if (answered.Answer() is { } defect)
                        Log.LogError(defect, "A request to a shard failed in a way that no client should see");
                    Gatherer.Return(answered);
                    break;
                case RedisConnection shaking:
                    shaking.OnHandshake();
                    break;
                case LateAnswers late:
                    if (late.Defect is not null)
                        Log.LogError(late.Defect, "A command failed in a way that no client should see");
                    late.Pipeline.OnCarriedOut();
                    break;
                case Socket socket:
                    Serve(socket);
                    break;
                case Stop stop:
                    _stopping = true;
                    _stopBy = stop.By;
                    foreach (RedisConnection? connection in _connections.ToArray())
                        connection?.CloseWhenIdle();
                    break;
            }
        }
    }

    private void Serve(Socket socket)
    {
        try
        {
            string address = socket.RemoteEndPoint?.ToString() ?? "";
            socket.Blocking = false;
            socket.NoDelay = true;
            if (!_freeTokens.TryPop(out int token))
            {
                token = _connections.Count;
                _connections.Add(null);
            }

            _poller.Add(socket, token, Readiness.Read);
            _connections[token] = new RedisConnection(this, socket, token, Server.Connected(address, Held));
            if (Tls is not null || Limits.IdleTimeout > TimeSpan.Zero)
                _nextSweep = Math.Min(_nextSweep, Environment.TickCount64 + SweepMillis);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException or System.ComponentModel.Win32Exception)
        {
            Log.LogDebug(gone, "A connection ended before it was served");
            Interlocked.Decrement(ref _count);
            socket.Dispose();
        }
    }

    /// <summary>Closes connections that do not finish their handshake or a command, or say nothing for too long.</summary>
    private void Sweep()
    {
        long now = Environment.TickCount64;
        _nextSweep = NoTime;
        foreach (RedisConnection? connection in _connections.ToArray())
        {
            if (connection is null)
                continue;
            if (PatienceFor(connection) is { } patience && now - connection.LastInput > (long)patience.TotalMilliseconds)
                connection.Close();
            else if (connection.IsOpening || connection.KeepsInput || Limits.IdleTimeout > TimeSpan.Zero)
                _nextSweep = now + SweepMillis;
        }
    }

    /// <summary>For how long a connection may say nothing; null: it is waited for by others, or for ever.</summary>
    private TimeSpan? PatienceFor(RedisConnection connection)
    {
        if (connection.IsOpening)
            return Limits.HandshakeTimeout;
        if (!connection.IsIdle)
            return null;
        if (connection.KeepsInput && Limits.CommandTimeout > TimeSpan.Zero)
            return Limits.CommandTimeout;
        return Limits.IdleTimeout > TimeSpan.Zero ? Limits.IdleTimeout : null;
    }

    private void CloseStuck()
    {
        long since = Environment.TickCount64 - (long)Limits.WriteTimeout.TotalMilliseconds;
        foreach (RedisConnection connection in _blocked.ToArray())
        {
            if (connection.BlockedSince is null)
            {
                _blocked.Remove(connection);
            }
            else if (connection.BlockedSince <= since)
            {
                Log.LogWarning("Connection {Connection} left its replies unread for {Timeout} and is closed", connection.Client.Id, Limits.WriteTimeout);
                connection.Close();
            }
        }
    }

    private sealed record Stop(long By);
}

/// <summary>The commands of a pipeline that were carried out by themselves have their replies.</summary>
internal sealed record LateAnswers(Pipeline Pipeline, Exception? Defect);
