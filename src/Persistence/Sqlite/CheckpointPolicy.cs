namespace ActorRepl.Persistence.Sqlite;

/// <summary>
/// Moves pages from SQLite's log into the file, so that the log stays small: by the writer itself, between transactions,
/// after their outcome was told. A second thread that syncs the file meanwhile was measured to be slower: the file system
/// makes the writer's sync wait for the other one.
/// </summary>
internal sealed class CheckpointPolicy(string path, int logBytes, Action<string> report)
{
    private readonly int _pages = Math.Max(2, logBytes / Database.PageSize);
    private long _pagesInLog;
    private bool _reported;

    /// <summary>Called by the writer between transactions.</summary>
    /// <param name="database">Null: it is closed.</param>
    /// <param name="idle">Nothing waits: a good moment, from half the size on.</param>
    /// <exception cref="SqliteException">The store failed: it is to be closed.</exception>
    public void AfterCommit(Database? database, bool idle)
    {
        if (database is null)
        {
            _pagesInLog = 0;
            return;
        }

        _pagesInLog += database.TakePagesWritten();
        if (_pagesInLog >= (idle ? _pages / 2 : _pages))
            TryNow(database);
    }

    /// <summary>Moves what it can; false: there is no space in the file for what is in the log, which stays there.</summary>
    /// <exception cref="SqliteException">The store failed: it is to be closed.</exception>
    public bool TryNow(Database database)
    {
        // A reader may still need the log, which then begins anew a round later.
        _pagesInLog = 0;
        try
        {
            database.CheckpointPassive();
            _reported = false;
            return true;
        }
        catch (SqliteException e) when (e.IsFull)
        {
            if (!_reported)
                report($"{path}: there is no space to move pages out of the log, they stay there: {e.Message}");
            _reported = true;
            return false;
        }
    }
}
