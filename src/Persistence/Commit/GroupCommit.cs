namespace ActorRepl.Persistence.Commit;

/// <summary>
/// The one thread that writes a store. It takes everything that waits into groups, up to a number of bytes each, and each
/// piece of work is told what became of it, in order. What comes meanwhile is in the next group.
/// </summary>
/// <typeparam name="TTable">What the work is done on.</typeparam>
internal abstract class GroupCommit<TTable> : IAsyncDisposable
{
    private readonly WorkQueue<TTable> _queue;
    private readonly int _maxGroupBytes;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _transactions;

    /// <param name="maxWaiting">Pieces of work that wait; who adds more waits for room.</param>
    /// <param name="maxGroupBytes">Of a group; a piece of work that is larger is one by itself.</param>
    /// <param name="name">The thread's.</param>
    protected GroupCommit(int maxWaiting, int maxGroupBytes, string name)
    {
        _queue = new WorkQueue<TTable>(maxWaiting);
        _maxGroupBytes = maxGroupBytes;
        _thread = new Thread(Run) { IsBackground = true, Name = name };
    }

    /// <summary>Groups committed so far.</summary>
    public long Transactions => Interlocked.Read(ref _transactions);

    /// <summary>What is committed together now; for <see cref="CommitGroup"/> to take out of what is not.</summary>
    protected List<StoreWork<TTable>> Group { get; } = [];

    /// <summary>Nothing waits for the next group.</summary>
    protected bool NothingWaits => _queue.IsEmpty;

    /// <summary>Does something in the next group.</summary>
    /// <exception cref="StorageFullException">No space; certainly not written.</exception>
    /// <exception cref="StorageFailedException">The outcome is unknown.</exception>
    public Task<TResult> RunAsync<TResult>(int bytes, bool needsSpace, Func<TTable, TResult> execute, bool inline = false)
    {
        var work = new StoreWork<TTable, TResult>(execute, inline) { Bytes = bytes, NeedsSpace = needsSpace };
        ValueTask added = _queue.AddAsync(work);
        return added.IsCompletedSuccessfully ? work.Task : Later(added, work);

        static async Task<TResult> Later(ValueTask added, StoreWork<TTable, TResult> work)
        {
            await added.ConfigureAwait(false);
            return await work.Task.ConfigureAwait(false);
        }
    }

    /// <summary>Completes once everything that waits now has its outcome; opens the store if it is not open.</summary>
    /// <exception cref="StorageException">It cannot be opened.</exception>
    public async Task BarrierAsync()
    {
        var barrier = new Barrier<TTable> { Bytes = 0 };
        await _queue.AddAsync(barrier).ConfigureAwait(false);
        await barrier.Task.ConfigureAwait(false);
    }

    /// <summary>Writes what waits, then closes the store.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Close();
        await _stopped.Task.ConfigureAwait(false);
    }

    /// <summary>Begins to take work; called when all that the work needs is there.</summary>
    protected void Start() => _thread.Start();

    /// <summary>Commits <see cref="Group"/>, and completes or fails every piece of work in it. Never throws.</summary>
    protected abstract void CommitGroup();

    /// <summary>After each group, when all in it know their outcome. Never throws.</summary>
    /// <param name="idle">Nothing waits.</param>
    protected abstract void AfterGroup(bool idle);

    /// <summary>Closes the store, in order if that is possible. Never throws.</summary>
    protected abstract void Close();

    protected void CountCommit() => Interlocked.Increment(ref _transactions);

    protected void FailAll(StorageException why) => Group.ForEach(work => work.Fail(why));

    private void Run()
    {
        var taken = new List<StoreWork<TTable>>();
        while (_queue.TakeAll(ref taken))
        {
            for (int next = 0; next < taken.Count;)
            {
                next = Fill(taken, next);
                CommitGroup();
                Group.Clear();
                AfterGroup(idle: next == taken.Count && NothingWaits);
            }

            taken.Clear();
        }

        Close();
        _stopped.SetResult();
    }

    /// <summary>Takes from there on what fits, and one in any case; returns where the next group begins.</summary>
    private int Fill(List<StoreWork<TTable>> taken, int next)
    {
        long bytes = 0;
        do
        {
            bytes += taken[next].Bytes;
            Group.Add(taken[next++]);
        }
        while (next < taken.Count && bytes + taken[next].Bytes <= _maxGroupBytes);
        return next;
    }
}
