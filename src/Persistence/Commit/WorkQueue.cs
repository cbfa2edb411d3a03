namespace ActorRepl.Persistence.Commit;

/// <summary>
/// What waits for the writer: many add, one takes all at once, in the order in which it was added. Bounded: whoever adds to
/// a full queue waits for room, and keeps its turn.
/// </summary>
internal sealed class WorkQueue<TTable>(int capacity)
{
    private readonly object _gate = new();
    private readonly Queue<(StoreWork<TTable> Work, TaskCompletionSource Added)> _outside = new();
    private List<StoreWork<TTable>> _waiting = [];
    private bool _closed;

    public bool IsEmpty
    {
        get
        {
            lock (_gate)
                return _waiting.Count == 0;
        }
    }

    /// <exception cref="ObjectDisposedException">The store is closed.</exception>
    public ValueTask AddAsync(StoreWork<TTable> work)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            if (_waiting.Count < capacity)
            {
                _waiting.Add(work);
                if (_waiting.Count == 1)
                    Monitor.Pulse(_gate);
                return ValueTask.CompletedTask;
            }

            var added = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _outside.Enqueue((work, added));
            return new ValueTask(added.Task);
        }
    }

    /// <summary>
    /// Blocks until something waits, then takes all of it into <paramref name="into"/>, which is empty; false: the queue
    /// is closed and empty.
    /// </summary>
    public bool TakeAll(ref List<StoreWork<TTable>> into)
    {
        lock (_gate)
        {
            while (_waiting.Count == 0 && !_closed)
                Monitor.Wait(_gate);
            (into, _waiting) = (_waiting, into);
            while (_waiting.Count < capacity && _outside.TryDequeue(out (StoreWork<TTable> Work, TaskCompletionSource Added) next))
            {
                _waiting.Add(next.Work);
                next.Added.SetResult();
            }
        }

        return into.Count > 0;
    }

    /// <summary>Nothing more is taken in; what waits is still carried out.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
        }
    }
}
