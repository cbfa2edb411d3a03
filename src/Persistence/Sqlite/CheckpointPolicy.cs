namespace ActorRepl.Persistence.Sqlite;

/// <summary>
/// Moves pages from SQLite's log into the file, so that the log stays small. The bulk is moved by a thread of its own
/// beside the writer; the writer itself moves the few pages that came in meanwhile, so that the log begins anew.
/// </summary>
internal sealed class CheckpointPolicy(string path, int logBytes, Action<string> report) : IDisposable
{
    private readonly int _pages = Math.Max(1, logBytes / Database.PageSize);
    private Task _moving = Task.CompletedTask;
    private long _pagesInLog;
    private bool _finish;

    /// <summary>Called by the writer between transactions, after the outcome was told.</summary>
    public void AfterCommit(Database? database)
    {
        if (database is null)
        {
            _pagesInLog = 0;
            return;
        }

        _pagesInLog += database.TakePagesWritten();
        if (_pagesInLog < _pages || !_moving.IsCompleted)
            return;
        if (!_finish)
        {
            _finish = true;
            _moving = Task.Factory.StartNew(MoveBeside, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            return;
        }

        _finish = false;
        try
        {
            (int frames, int moved) = database.CheckpointPassive();
            // A reader may still need the log; then the next round tries again.
            _pagesInLog = frames - moved;
        }
        catch (SqliteException e)
        {
            report($"{path}: pages stay in the log for now: {e.Message}");
            _pagesInLog = 0;
        }
    }

    public void Dispose() => _moving.Wait();

    private void MoveBeside()
    {
        try
        {
            using Database database = Database.OpenCheckpointer(path);
            database.CheckpointPassive();
        }
        catch (SqliteException e)
        {
            report($"{path}: pages stay in the log for now: {e.Message}");
        }
    }
}
