namespace ActorRepl.Persistence.Sqlite;

/// <summary>
/// What waits for the writer: many add, one takes all at once. Bounded: whoever adds to a full queue waits.
/// </summary>
internal sealed class WorkQueue<TTable>(int capacity) : IDisposable
{
    private readonly object _gate = new();
    private readonly SemaphoreSlim _free = new(capacity);
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
        Task slot = _free.WaitAsync();
        if (!slot.IsCompletedSuccessfully)
            return AddLaterAsync(slot, work);
        Add(work);
        return ValueTask.CompletedTask;
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
        }

        if (into.Count == 0)
            return false;
        _free.Release(into.Count);
        return true;
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

    public void Dispose() => _free.Dispose();

    private async ValueTask AddLaterAsync(Task slot, StoreWork<TTable> work)
    {
        await slot.ConfigureAwait(false);
        Add(work);
    }

    private void Add(StoreWork<TTable> work)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(SqliteWal));
            _waiting.Add(work);
            if (_waiting.Count == 1)
                Monitor.Pulse(_gate);
        }
    }
}
