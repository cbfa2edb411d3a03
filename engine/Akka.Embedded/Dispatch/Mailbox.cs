using System.Diagnostics;
using System.Runtime.CompilerServices;
using Akka.Actor;
using Akka.Dispatch.SysMsg;

namespace Akka.Dispatch;

/// <summary>
/// The queue of one actor, and the work item that drains it.
/// </summary>
/// <remarks>
/// <para>
/// All that producers and the consumer share is one word, <c>_inbox</c>: the newest message, each linked to the one before.
/// Three states: <see cref="Idle"/> (no run is scheduled, nothing waits), null (a run is scheduled or going on, nothing new),
/// or a list (a run is scheduled or going on, and this is new).
/// </para>
/// <para>
/// A producer pushes with one compare-and-swap; if what it replaced was Idle, it, and nobody else, schedules the run. The
/// consumer takes the whole list by exchanging it for null. It goes idle only by a compare-and-swap from null to Idle, which
/// fails if anything came in. So each message is pushed onto a list of a scheduled run, or schedules one: no wake-up is lost,
/// and there are never two runs at a time.
/// </para>
/// <para>All else is private to the run, and passed from one to the next by the dispatcher's queue or the swap.</para>
/// </remarks>
public class Mailbox : IRunnable
{
    private static readonly Node Idle = new(null, null);

    // The sender of system messages: a cheap way to tell them from a user's.
    private static readonly IActorRef SystemMark = new SystemSender();

    private readonly ActorCell _cell;
    private readonly MessageDispatcher _dispatcher;
    private Node _inbox;

    // Private to the run: what was taken from the inbox, oldest first.
    private Node _userHead;
    private Node _userTail;
    private Node _systemHead;
    private Node _systemTail;
    private int _suspended;

    internal Mailbox(ActorCell cell, MessageDispatcher dispatcher)
    {
        _cell = cell;
        _dispatcher = dispatcher;
        // As if a run were scheduled: an actor is found by its name before it is started, and its creation comes first.
        _inbox = new Node(new Create(), SystemMark);
    }

    /// <summary>Schedules the first run. Once, by whoever made the actor.</summary>
    internal void Start() => _dispatcher.Execute(this);

    private volatile bool _closed;

    internal bool IsClosed => _closed;

    /// <summary>How often the actor was suspended and not yet resumed. Only the actor's own run asks.</summary>
    internal int SuspendCount => _suspended;

    /// <summary>Whether messages wait that the run has already taken. Only the actor's own run asks.</summary>
    internal bool HasMessages => _userHead is not null || Volatile.Read(ref _inbox) is { } inbox && inbox != Idle;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Enqueue(object message, IActorRef sender) => Push(new Node(message, sender));

    internal void EnqueueSystem(SystemMessage message) => Push(new Node(message, SystemMark));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Push(Node node)
    {
        while (true)
        {
            Node seen = Volatile.Read(ref _inbox);
            node.Next = seen == Idle ? null : seen;
            if (Interlocked.CompareExchange(ref _inbox, node, seen) != seen) continue;
            if (seen == Idle) _dispatcher.Execute(this);
            return;
        }
    }

    /// <summary>Puts a message before all that wait. Only the actor's own run may.</summary>
    internal void EnqueueFirst(Envelope envelope)
    {
        var node = new Node(envelope.Message, envelope.Sender) { Next = _userHead };
        _userHead = node;
        _userTail ??= node;
    }

    internal void Suspend() => _suspended++;

    internal void Resume()
    {
        if (_suspended > 0) _suspended--;
    }

    /// <summary>From now on every message goes to the dead letters. Only the actor's own run may.</summary>
    internal void Close() => _closed = true;

    void IThreadPoolWorkItem.Execute() => Run();

    /// <summary>One run: up to the dispatcher's throughput of messages, and before each all the system messages.</summary>
    public void Run()
    {
        ActorCell before = ActorCell.Enter(_cell);
        try
        {
            Drain();
        }
        finally
        {
            ActorCell.Leave(before);
        }

        // What is left keeps the run scheduled; otherwise the swap hands over to the next producer.
        bool more = HasWork || Interlocked.CompareExchange(ref _inbox, Idle, null) is not null;
        if (more) _dispatcher.Execute(this);
    }

    private bool HasWork => _systemHead is not null || (_userHead is not null && _suspended == 0);

    private void Drain()
    {
        long deadline = _dispatcher.ThroughputDeadlineTicks is > 0 and var ticks ? Stopwatch.GetTimestamp() + ticks : long.MaxValue;
        int left = _dispatcher.Throughput;
        Take();
        ProcessSystemMessages();
        while (left-- > 0 && _suspended == 0 && Pop() is { } node)
        {
            _cell.Invoke(node.Message, node.Sender);
            if (Volatile.Read(ref _inbox) is not null) Take();
            if (_systemHead is not null) ProcessSystemMessages();
            if (deadline != long.MaxValue && Stopwatch.GetTimestamp() > deadline) return;
        }
    }

    private void ProcessSystemMessages()
    {
        while (_systemHead is { } node)
        {
            _systemHead = node.Next;
            if (_systemHead is null) _systemTail = null;
            if (_closed) _cell.SystemMessageAfterDeath((SystemMessage)node.Message);
            else _cell.SystemInvoke((SystemMessage)node.Message);
            if (Volatile.Read(ref _inbox) is not null) Take();
        }

        if (!_closed) return;
        while (Pop() is { } node) _cell.DeadLetter(node.Message, node.Sender);
    }

    private Node Pop()
    {
        Node node = _userHead;
        if (node is null) return null;
        _userHead = node.Next;
        if (_userHead is null) _userTail = null;
        node.Next = null;
        return node;
    }

    /// <summary>Takes what came in, turns it round, and sorts it into the two private queues.</summary>
    private void Take()
    {
        Node newest = Interlocked.Exchange(ref _inbox, null);
        Node oldest = null;
        while (newest is not null)
        {
            Node next = newest.Next;
            newest.Next = oldest;
            oldest = newest;
            newest = next;
        }

        while (oldest is not null)
        {
            Node next = oldest.Next;
            oldest.Next = null;
            if (ReferenceEquals(oldest.Sender, SystemMark)) Append(ref _systemHead, ref _systemTail, oldest);
            else Append(ref _userHead, ref _userTail, oldest);
            oldest = next;
        }
    }

    private static void Append(ref Node head, ref Node tail, Node node)
    {
        if (tail is null) head = node;
        else tail.Next = node;
        tail = node;
    }

    private sealed class Node(object message, IActorRef sender)
    {
        public readonly object Message = message;
        public readonly IActorRef Sender = sender;
        public Node Next;
    }

    private sealed class SystemSender : MinimalActorRef
    {
        public override ActorPath Path { get; } = new RootActorPath(Address.AllSystems, "system-message");
        public override IActorRefProvider Provider => throw new NotSupportedException();
    }
}
