using ActorRepl.Persistence.Commit;

namespace ActorRepl.Persistence.Sqlite;

/// <summary>
/// The one thread that writes a database file. It takes everything that waits into one transaction (group commit), and
/// says of each piece of work what became of it, in order: written, certainly not written, or unknown.
/// </summary>
internal sealed class GroupWriter<TTable> : IAsyncDisposable
    where TTable : class, ITable
{
    private readonly StoreFile<TTable> _file;
    private readonly WorkQueue<TTable> _queue;
    private readonly CheckpointPolicy _checkpoints;
    private readonly int _maxTransactionBytes;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<StoreWork<TTable>> _transaction = [];
    private long _transactions;

    public GroupWriter(StoreFile<TTable> file, CheckpointPolicy checkpoints, int maxWaiting, int maxTransactionBytes, string name)
    {
        _file = file;
        _queue = new WorkQueue<TTable>(maxWaiting);
        _checkpoints = checkpoints;
        _maxTransactionBytes = maxTransactionBytes;
        _thread = new Thread(Run) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>Transactions committed so far.</summary>
    public long Transactions => Interlocked.Read(ref _transactions);

    /// <summary>Where the disk is made to fail on purpose: called before each COMMIT; what it throws is what COMMIT would have thrown.</summary>
    internal Action? BeforeCommit { get; set; }

    /// <summary>For tests, inside <see cref="BeforeCommit"/>: the commit succeeds, and then something fails.</summary>
    internal void CommitNow() => _file.Database!.Commit();

    /// <summary>Runs inside the next transaction.</summary>
    /// <exception cref="StorageFullException">No space; certainly not written.</exception>
    /// <exception cref="StorageFailedException">The outcome is unknown.</exception>
    public async Task<TResult> RunAsync<TResult>(int bytes, Func<TTable, TResult> execute)
    {
        var work = new StoreWork<TTable, TResult>(execute) { Bytes = bytes };
        await _queue.AddAsync(work).ConfigureAwait(false);
        return await work.Task.ConfigureAwait(false);
    }

    /// <summary>Completes once everything that waits now has its outcome; opens the file if it is not open.</summary>
    /// <exception cref="StorageFailedException">It cannot be opened.</exception>
    public async Task BarrierAsync()
    {
        var barrier = new Barrier<TTable> { Bytes = 0 };
        await _queue.AddAsync(barrier).ConfigureAwait(false);
        await barrier.Task.ConfigureAwait(false);
    }

    /// <summary>Writes what waits, then closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Close();
        await _stopped.Task.ConfigureAwait(false);
    }

    private void Run()
    {
        var taken = new List<StoreWork<TTable>>();
        while (_queue.TakeAll(ref taken))
        {
            for (int next = 0; next < taken.Count;)
            {
                next = FillTransaction(taken, next);
                CommitTransaction();
                _transaction.Clear();
                Checkpoint(idle: next == taken.Count && _queue.IsEmpty);
            }

            taken.Clear();
        }

        _file.Dispose();
        _stopped.SetResult();
    }

    private void Checkpoint(bool idle)
    {
        try
        {
            _checkpoints.AfterCommit(_file.Database, idle);
        }
        catch (SqliteException e)
        {
            _file.CloseAfterFailure(e.IsDamage ? e.Message : null);
        }
    }

    private bool TryMakeRoom()
    {
        try
        {
            return _checkpoints.TryNow(_file.Database!);
        }
        catch (SqliteException e)
        {
            _file.CloseAfterFailure(e.IsDamage ? e.Message : null);
            return false;
        }
    }

    private int FillTransaction(List<StoreWork<TTable>> taken, int next)
    {
        long bytes = 0;
        do
        {
            bytes += taken[next].Bytes;
            _transaction.Add(taken[next++]);
        }
        while (next < taken.Count && bytes + taken[next].Bytes <= _maxTransactionBytes);
        return next;
    }

    private void CommitTransaction()
    {
        bool madeRoom = false;
        while (_transaction.Count > 0)
        {
            StoreWork<TTable>? current = null;
            try
            {
                TTable table = _file.Open();
                if (_transaction.Exists(work => work is not Barrier<TTable>))
                {
                    _file.Database!.Begin();
                    foreach (StoreWork<TTable> work in _transaction)
                    {
                        current = work;
                        work.Execute(table);
                    }

                    current = null;
                    BeforeCommit?.Invoke();
                    _file.Database.Commit();
                    Interlocked.Increment(ref _transactions);
                }

                _transaction.ForEach(work => work.Complete());
                return;
            }
            catch (StorageException e)
            {
                // It could not be opened, or what it holds of itself is damaged.
                _file.CloseAfterFailure(e is StorageDamagedException ? e.Message : null);
                FailAll(e);
                return;
            }
            catch (SqliteException e) when (e.IsFull && TryRollBack())
            {
                // What is in the log may fit into the file, and the log then begins anew: one more try.
                if (!madeRoom && (madeRoom = TryMakeRoom()))
                    continue;
                FailAll(new StorageFullException($"no space: {e.Message}", e));
                return;
            }
            catch (Exception e) when (current is not null && (e is not SqliteException s || s.IsCallersFault) && TryRollBack())
            {
                // One is at fault itself: the others are done again without it.
                _transaction.Remove(current);
                current.Fail(e);
            }
            catch (SqliteException e)
            {
                // The same pages are never synced a second time: a sync that failed may report success when asked again.
                _file.CloseAfterFailure(e.IsDamage ? e.Message : null);
                FailAll(new StorageFailedException($"the store failed, what became of this write is unknown: {e.Message}", e));
                return;
            }
        }
    }

    /// <summary>False: not even that succeeds, the store is not to be trusted.</summary>
    private bool TryRollBack()
    {
        try
        {
            // Some errors have ended the transaction already.
            if (_file.Database!.InTransaction)
                _file.Database.Execute("ROLLBACK");
            _file.Table!.RolledBack();
            return true;
        }
        catch (SqliteException)
        {
            return false;
        }
    }

    private void FailAll(StorageException e) => _transaction.ForEach(work => work.Fail(e));
}
