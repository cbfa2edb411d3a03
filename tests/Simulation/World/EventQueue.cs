namespace ActorRepl.Simulation.World;

/// <summary>What happens next somewhere in the simulated world.</summary>
internal enum EventKind : byte
{
    /// <summary>A replica's process starts and recovers.</summary>
    Start,

    /// <summary>A message arrives. A: sender and channel. B: <see cref="Event.Bundled"/> if it came in a bundle. Payload: its bytes.</summary>
    Deliver,

    /// <summary>A timer runs out. A: timer and generation.</summary>
    Timer,

    /// <summary>What was being written is on disk, or the write fails.</summary>
    Synced,

    /// <summary>A replica is told of its disk's state. A: <see cref="Protocols.Kernel.StorageState"/>.</summary>
    StorageState,

    /// <summary>A checkpoint is saved, or cannot be.</summary>
    CheckpointDone,

    /// <summary>A segment of a checkpoint has been read. Payload: the request.</summary>
    SegmentRead,

    /// <summary>Log entries have been read back. Payload: the range.</summary>
    RangeRead,

    /// <summary>Requests that wait are handed over.</summary>
    Flush,

    /// <summary>A client's request arrives. Payload: the request.</summary>
    Request,

    /// <summary>An input that nobody asked for, such as a hint. Payload: the input.</summary>
    Input,

    /// <summary>A failed write lands after all. Payload: the records.</summary>
    LateWrite,

    /// <summary>A client does its next thing. Target: the client.</summary>
    ClientWakes,

    /// <summary>An answer arrives at a client. Target: the client. Payload: the answer.</summary>
    Answer,

    /// <summary>A bundle arrives at a node's multiplexer. A: sender. Payload: its bytes.</summary>
    Bundle,

    /// <summary>A multiplexer's beat.</summary>
    MultiplexerTick,

    /// <summary>A multiplexer sends what has gathered.</summary>
    MultiplexerFlush,

    /// <summary>The next fault.</summary>
    Fault,

    /// <summary>A fault that lasts is over. Payload: what to do.</summary>
    FaultEnds,
}

/// <summary>One event. <see cref="Incarnation"/> is that of the target it is meant for, or <see cref="Any"/>.</summary>
internal struct Event
{
    public const int Any = -1;
    public const long Bundled = 1;

    public long Time;
    public EventKind Kind;
    public int Target;
    public int Incarnation;
    public long A;
    public long B;
    public object? Payload;
}

/// <summary>Events in order of time, and of scheduling where times are equal: a binary heap without an object an event.</summary>
internal sealed class EventQueue
{
    private (long Time, long Order, int Slot)[] _heap = new (long, long, int)[256];
    private Event[] _slots = new Event[256];
    private int[] _free = new int[256];
    private int _freeCount;
    private int _usedSlots;
    private long _order;

    public int Count { get; private set; }

    public void Add(in Event scheduled)
    {
        int slot = _freeCount > 0 ? _free[--_freeCount] : _usedSlots++;
        if (slot == _slots.Length)
        {
            Array.Resize(ref _slots, slot * 2);
            Array.Resize(ref _free, slot * 2);
        }

        if (Count == _heap.Length)
            Array.Resize(ref _heap, Count * 2);
        _slots[slot] = scheduled;
        Rise(Count++, (scheduled.Time, ++_order, slot));
    }

    public Event Take()
    {
        int slot = _heap[0].Slot;
        Event next = _slots[slot];
        _slots[slot].Payload = null;
        _free[_freeCount++] = slot;
        Count--;
        if (Count > 0)
            Sink(_heap[Count]);
        return next;
    }

    private void Rise(int place, (long Time, long Order, int Slot) item)
    {
        while (place > 0)
        {
            int parent = (place - 1) / 2;
            if (!IsBefore(item, _heap[parent]))
                break;
            _heap[place] = _heap[parent];
            place = parent;
        }

        _heap[place] = item;
    }

    private void Sink((long Time, long Order, int Slot) item)
    {
        int place = 0;
        for (int child = 1; child < Count; child = 2 * place + 1)
        {
            if (child + 1 < Count && IsBefore(_heap[child + 1], _heap[child]))
                child++;
            if (!IsBefore(_heap[child], item))
                break;
            _heap[place] = _heap[child];
            place = child;
        }

        _heap[place] = item;
    }

    private static bool IsBefore(in (long Time, long Order, int Slot) left, in (long Time, long Order, int Slot) right) =>
        left.Time < right.Time || (left.Time == right.Time && left.Order < right.Order);
}
