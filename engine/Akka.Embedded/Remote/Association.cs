#nullable enable
using Akka.Actor;
using Akka.Dispatch;
using Akka.Event;

namespace Akka.Remote;

/// <summary>
/// All that is known about one remote address. Messages to it leave over a connection opened here, its messages arrive over
/// one it opened; either being lost ends both. What cannot be sent goes to dead letters: delivery is at most once.
/// </summary>
internal sealed class Association(Remoting remoting, Address remote) : IRunnable
{
    // Enough for one write to be worth a system call, little enough for heartbeats to slip in between.
    private const int FlushBytes = 256 * 1024;
    private const int RememberedQuarantines = 64;
    private static readonly TimeSpan DropLogInterval = TimeSpan.FromSeconds(5);

    private enum State
    {
        Idle,
        Connecting,
        Active,
        Gated,
        Closed,
    }

    private readonly Lock _sync = new();
    private readonly Queue<int> _quarantined = new();
    private MessageBatch _urgent = new();
    private MessageBatch _waiting = new();
    private MessageBatch _urgentTwin = new();
    private MessageBatch _writing = new();
    private State _state;
    private long _gatedUntil;
    private bool _draining;
    private OutboundConnection? _outbound;
    private InboundConnection? _inbound;
    private bool _announced;
    private bool _wasReached;
    private bool _metWhileConnecting;
    private long _dropped;
    private long _dropLoggedAt;
    private TaskCompletionSource? _drained;
    public Address Remote { get; } = remote;

    /// <summary>The incarnation last spoken to.</summary>
    public int? Uid { get; private set; }

    /// <summary>It has never led anywhere, nobody speaks from there, nothing waits, and nobody is kept out.</summary>
    public bool IsUnused
    {
        get
        {
            lock (_sync)
                return !_wasReached && _inbound is null && (_state is State.Idle or State.Gated) && _waiting.Count + _urgent.Count == 0 && _quarantined.Count == 0;
        }
    }

    /// <summary>Takes a message to be written soon, or gives it to dead letters.</summary>
    /// <param name="message">The serialized message.</param>
    /// <param name="urgent">True to overtake what waits (heartbeats and gossip).</param>
    public void Send(in OutboundMessage message, bool urgent)
    {
        bool full = false;
        lock (_sync)
        {
            if (_state == State.Gated && Environment.TickCount64 >= _gatedUntil)
                _state = State.Idle;
            if (_state is not (State.Gated or State.Closed))
            {
                full = message.Kind != FrameKind.System && IsFull(urgent ? _urgent : _waiting, message.Payload.Length);
                if (!full)
                {
                    (urgent ? _urgent : _waiting).Add(message);
                    if (_state == State.Idle)
                        StartConnecting();
                    else if (_state == State.Active)
                        StartDraining();
                    return;
                }
            }
        }
        if (full)
            LogDrop();
        remoting.DeadLetter(message);
    }

    /// <summary>Writes what waits, one at a time: on the thread that sends, once it is done with what it has to do, or on the pool.</summary>
    public void Run() => _ = DrainAsync();

    void IThreadPoolWorkItem.Execute() => Run();

    /// <summary>An incarnation said hello. True if it may speak; then it holds the inbound side until it is lost.</summary>
    public async Task<bool> AdmitAsync(InboundConnection connection)
    {
        InboundConnection? earlier;
        lock (_sync)
        {
            if (_state == State.Closed || _quarantined.Contains(connection.RemoteUid))
                return false;
            earlier = _inbound;
            _inbound = connection;
            Meet(connection.RemoteUid);
            if (_state == State.Gated)
                _state = State.Idle;
            _metWhileConnecting |= _state == State.Connecting;
            Announce(inbound: true);
        }
        remoting.PublishPending();
        // What arrived before must be delivered before: order holds across reconnects.
        if (earlier is not null)
            await earlier.StopAsync().ConfigureAwait(false);
        remoting.PeerIsBack(Remote, connection.RemoteUid);
        return true;
    }

    /// <summary>A connection of this association ended; with it ends the other one with the same incarnation.</summary>
    public void Lost(object connection, int uid, Exception? cause)
    {
        OutboundConnection? outbound = null;
        InboundConnection? inbound = null;
        MessageBatch? undelivered = null;
        lock (_sync)
        {
            bool wasOutbound = ReferenceEquals(connection, _outbound);
            if (!wasOutbound && !ReferenceEquals(connection, _inbound))
                return;
            if (_outbound?.RemoteUid == uid)
                (outbound, _outbound) = (_outbound, null);
            if (_inbound?.RemoteUid == uid)
                (inbound, _inbound) = (_inbound, null);
            if (_outbound is null)
                undelivered = Gate();
            if (_announced && uid == Uid)
            {
                _announced = false;
                if (cause is not null)
                    remoting.Enqueue(new AssociationErrorEvent(cause, remoting.DefaultAddress, Remote, !wasOutbound, LogLevel.WarningLevel));
                remoting.Enqueue(new DisassociatedEvent(remoting.DefaultAddress, Remote, !wasOutbound));
            }
        }
        outbound?.Abort();
        inbound?.Abort();
        remoting.PublishPending();
        Drop(undelivered);
    }

    /// <summary>Cuts off one incarnation for good. Without a UID the address is only gated.</summary>
    public void Quarantine(int? uid)
    {
        OutboundConnection? outbound = null;
        InboundConnection? inbound = null;
        MessageBatch? undelivered = null;
        lock (_sync)
        {
            if (_state == State.Closed)
                return;
            if (uid is { } known && !_quarantined.Contains(known))
            {
                _quarantined.Enqueue(known);
                if (_quarantined.Count > RememberedQuarantines)
                    _quarantined.Dequeue();
                remoting.Enqueue(new QuarantinedEvent(Remote, known));
            }
            if (_outbound is not null && (uid is null || _outbound.RemoteUid == uid))
                (outbound, _outbound) = (_outbound, null);
            if (_inbound is not null && (uid is null || _inbound.RemoteUid == uid))
                (inbound, _inbound) = (_inbound, null);
            if (uid is null || Uid == uid)
                undelivered = Gate();
            if (_announced && (outbound is not null || inbound is not null))
            {
                _announced = false;
                remoting.Enqueue(new DisassociatedEvent(remoting.DefaultAddress, Remote, inbound is not null));
            }
        }
        CloseReason reason = uid is null ? CloseReason.Renewed : CloseReason.Quarantined;
        _ = outbound?.CloseAsync(reason);
        _ = inbound?.CloseAsync(reason);
        remoting.PublishPending();
        Drop(undelivered);
    }

    /// <summary>Writes what waits, says goodbye and closes; the task ends when that is done.</summary>
    public async Task ShutdownAsync(TimeSpan flushWait)
    {
        Task drained = Task.CompletedTask;
        lock (_sync)
        {
            if (_draining || _waiting.Count + _urgent.Count > 0)
                drained = (_drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
        await Task.WhenAny(drained, Task.Delay(flushWait)).ConfigureAwait(false);
        OutboundConnection? outbound;
        InboundConnection? inbound;
        MessageBatch? undelivered;
        lock (_sync)
        {
            _state = State.Closed;
            undelivered = TakeWaiting();
            (outbound, inbound) = (_outbound, _inbound);
            (_outbound, _inbound) = (null, null);
        }
        Drop(undelivered);
        await Task.WhenAll(
            outbound?.CloseAsync(CloseReason.Shutdown) ?? Task.CompletedTask,
            inbound?.CloseAsync(CloseReason.Shutdown) ?? Task.CompletedTask).WaitAsync(flushWait)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private bool IsFull(MessageBatch lane, int more) =>
        lane.Count + _writing.Count >= remoting.Settings.Tcp.QueueMessages
        || lane.Bytes + _writing.Bytes + more > remoting.Settings.Tcp.QueueBytes;

    /// <summary>Closes the gate, unless a new connection is under way; returns what waited for the lost one.</summary>
    private MessageBatch? Gate()
    {
        if (_state is State.Closed or State.Connecting)
            return null;
        _state = State.Gated;
        _gatedUntil = Environment.TickCount64 + (long)remoting.Settings.RetryGateClosedFor.TotalMilliseconds;
        return TakeWaiting();
    }

    private MessageBatch? TakeWaiting()
    {
        _urgent.Clear();
        _drained?.TrySetResult();
        if (_waiting.Count == 0)
            return null;
        var waiting = _waiting;
        _waiting = new MessageBatch();
        return waiting;
    }

    /// <summary>Notes which incarnation answers at the address; connections to an earlier one are of no use any more.</summary>
    private void Meet(int uid)
    {
        if (Uid == uid)
            return;
        Uid = uid;
        if (_announced)
            remoting.Enqueue(new DisassociatedEvent(remoting.DefaultAddress, Remote, false));
        _announced = false;
        if (_outbound is { } outbound && outbound.RemoteUid != uid)
        {
            _outbound = null;
            _state = State.Idle;
            outbound.Abort();
        }
    }

    private void Announce(bool inbound)
    {
        if (_announced)
            return;
        _announced = true;
        remoting.Enqueue(new AssociatedEvent(remoting.DefaultAddress, Remote, inbound));
    }

    private void StartConnecting()
    {
        _state = State.Connecting;
        _metWhileConnecting = false;
        _ = ConnectAsync();
    }

    private async Task ConnectAsync()
    {
        await Task.Yield();
        OutboundConnection connection;
        try
        {
            connection = await OutboundConnection.OpenAsync(remoting, this).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            ConnectFailed(e);
            return;
        }
        bool quarantined;
        lock (_sync)
        {
            quarantined = _quarantined.Contains(connection.RemoteUid);
            if (_state == State.Connecting && !quarantined)
            {
                _outbound = connection;
                _wasReached = true;
                _state = State.Active;
                Meet(connection.RemoteUid);
                Announce(inbound: false);
                StartDraining();
            }
        }
        if (quarantined)
            ConnectFailed(new RemoteTransportException($"{Remote} with UID {connection.RemoteUid} is quarantined; it must be restarted"));
        if (!ReferenceEquals(connection, Volatile.Read(ref _outbound)))
        {
            connection.Abort();
            return;
        }
        remoting.PublishPending();
        remoting.PeerIsBack(Remote, connection.RemoteUid);
        await connection.ReadUntilLostAsync().ConfigureAwait(false);
    }

    private void ConnectFailed(Exception cause)
    {
        MessageBatch? undelivered;
        lock (_sync)
        {
            if (_state != State.Connecting)
                return;
            _state = State.Idle;
            // A peer that came here meanwhile is there: it may have begun to listen only after it was tried.
            if (_metWhileConnecting && _inbound is not null)
            {
                if (_waiting.Count + _urgent.Count > 0)
                    StartConnecting();
                return;
            }
            undelivered = Gate();
            remoting.Enqueue(new AssociationErrorEvent(cause, remoting.DefaultAddress, Remote, false, LogLevel.WarningLevel));
        }
        remoting.PublishPending();
        Drop(undelivered);
    }

    private void StartDraining()
    {
        if (_draining || _waiting.Count + _urgent.Count == 0)
            return;
        _draining = true;
        if (!DedicatedThreads.TryDefer(this))
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private async Task DrainAsync()
    {
        while (true)
        {
            OutboundConnection? connection;
            lock (_sync)
            {
                connection = _outbound;
                if (connection is null || _waiting.Count + _urgent.Count == 0)
                {
                    _draining = false;
                    _drained?.TrySetResult();
                    return;
                }
                (_writing, _waiting) = (_waiting, _writing);
            }
            int written = 0;
            try
            {
                do
                {
                    WriteUrgent(connection);
                    written = connection.Write(_writing, written, FlushBytes);
                    await connection.FlushAsync().ConfigureAwait(false);
                }
                while (written < _writing.Count);
            }
            catch (Exception e)
            {
                for (int i = written; i < _writing.Count; i++)
                    remoting.DeadLetter(_writing[i]);
                Lost(connection, connection.RemoteUid, e);
            }
            lock (_sync)
                _writing.Clear();
        }
    }

    private void WriteUrgent(OutboundConnection connection)
    {
        lock (_sync)
        {
            if (_urgent.Count == 0)
                return;
            (_urgent, _urgentTwin) = (_urgentTwin, _urgent);
        }
        connection.Write(_urgentTwin, 0, int.MaxValue);
        _urgentTwin.Clear();
    }

    private void Drop(MessageBatch? undelivered)
    {
        if (undelivered is null)
            return;
        foreach (ref readonly var message in undelivered.Messages)
            remoting.DeadLetter(message);
    }

    private void LogDrop()
    {
        long dropped = Interlocked.Increment(ref _dropped);
        long now = Environment.TickCount64;
        long last = Interlocked.Read(ref _dropLoggedAt);
        if (last != 0 && now - last < DropLogInterval.TotalMilliseconds)
            return;
        if (Interlocked.CompareExchange(ref _dropLoggedAt, now, last) == last)
            remoting.Log.Warning(
                "Outbound queue to [{0}] is full ({1} messages or {2} bytes); newest messages go to dead letters, {3} so far",
                Remote, remoting.Settings.Tcp.QueueMessages, remoting.Settings.Tcp.QueueBytes, dropped);
    }
}
