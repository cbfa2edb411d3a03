using ActorRepl.Persistence.Commit;

namespace ActorRepl.Persistence.Sqlite;

/// <summary>Writes a database file: a group is one transaction, that is written, certainly not written, or unknown.</summary>
internal sealed class GroupWriter<TTable> : GroupCommit<TTable>
    where TTable : class, ITable
{
    private readonly StoreFile<TTable> _file;
    private readonly CheckpointPolicy _checkpoints;

    public GroupWriter(StoreFile<TTable> file, CheckpointPolicy checkpoints, int maxWaiting, int maxTransactionBytes, string name)
        : base(maxWaiting, maxTransactionBytes, name)
    {
        _file = file;
        _checkpoints = checkpoints;
        Start();
    }

    /// <summary>Where the disk is made to fail on purpose: called before each COMMIT; what it throws is what COMMIT would have thrown.</summary>
    internal Action? BeforeCommit { get; set; }

    /// <summary>For tests, inside <see cref="BeforeCommit"/>: the commit succeeds, and then something fails.</summary>
    internal void CommitNow() => _file.Database!.Commit();

    protected override void CommitGroup()
    {
        bool madeRoom = false;
        while (Group.Count > 0)
        {
            StoreWork<TTable>? current = null;
            try
            {
                TTable table = _file.Open();
                if (Group.Exists(work => work is not Barrier<TTable>))
                {
                    _file.MarkInUse();
                    _file.Database!.Begin();
                    foreach (StoreWork<TTable> work in Group)
                    {
                        current = work;
                        work.Execute(table);
                    }

                    current = null;
                    BeforeCommit?.Invoke();
                    _file.Database.Commit();
                    CountCommit();
                }

                Group.ForEach(work => work.Complete());
                return;
            }
            catch (StorageFullException e)
            {
                FailAll(e);
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
                Group.Remove(current);
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

    protected override void AfterGroup(bool idle)
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

    protected override void Close() => _file.Dispose();

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
}
