using ActorRepl.Persistence.Segments;

namespace ActorRepl.Persistence.Sqlite;

/// <summary>How one database file is kept.</summary>
/// <param name="Path">The database.</param>
/// <param name="MaxBytes">The file grows no further than this; 0: as far as there is space.</param>
/// <param name="CacheBytes">Memory of the writer's page cache.</param>
/// <param name="BeforeOpen">Throws if the file must not be opened, nor made; null: it may always.</param>
internal sealed record StoreFileOptions(string Path, long MaxBytes, int CacheBytes, Action? BeforeOpen = null);

/// <summary>
/// Opens and closes the writer's connection to one database file, and decides on the way whether the file is the one that
/// belongs here, whole. One that is not is put aside and begun anew, and says so for good: <c>lost</c>.
/// </summary>
internal sealed class StoreFile<TTable>(StoreFileOptions options, Func<Database, TTable> openTable, Action<string> report) : IDisposable
    where TTable : class, ITable
{
    private readonly StoreIdentity _identity = new(options.Path);
    private int _generation;
    private bool _markedInUse;
    private bool _openedBefore;
    private string? _putAside;

    /// <summary>Grows each time the file is opened, from 0: other connections are then opened anew.</summary>
    public int Generation => Volatile.Read(ref _generation);

    public Database? Database { get; private set; }

    public TTable? Table { get; private set; }

    public StoreFileOptions Options => options;

    /// <summary>Opens the file unless it is open.</summary>
    /// <exception cref="StorageException">It cannot be opened now.</exception>
    public TTable Open()
    {
        if (Table is not null)
            return Table;
        try
        {
            options.BeforeOpen?.Invoke();
            string? lost = PutAsideIfDamaged();
            try
            {
                OpenChecked(lost);
            }
            catch (SqliteException e) when ((e.IsDamage || e.IsWrongSchema) && lost is null)
            {
                CloseConnections();
                OpenChecked(PutAside($"{options.Path} is damaged: {e.Message}"));
            }
            catch (StorageDamagedException e) when (lost is null)
            {
                CloseConnections();
                OpenChecked(PutAside(e.Message));
            }

            _openedBefore = true;
            return Table!;
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            CloseConnections();
            throw e as StorageException ?? new StorageFailedException($"{options.Path} cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>
    /// Notes that the file, which is open, is in use: before anything is written to it and not when it is opened, for a full disk
    /// must not keep a node from reading what it has.
    /// </summary>
    /// <exception cref="StorageFullException">There is no space for that.</exception>
    /// <exception cref="StorageFailedException">The disk failed.</exception>
    public void MarkInUse()
    {
        if (_markedInUse)
            return;
        try
        {
            _identity.Write(new StoreIdentity.Content(Id(Database!), Open: true));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string what = $"it cannot be noted that {options.Path} is in use: {e.Message}";
            throw e is IOException io && NativeFile.IsNoSpace(io) ? new StorageFullException($"no space: {what}", e) : new StorageFailedException(what, e);
        }

        _markedInUse = true;
    }

    /// <summary>Closes after a failure: what the file holds is found out when it is opened again.</summary>
    /// <param name="damage">What was found damaged in it; null: nothing.</param>
    public void CloseAfterFailure(string? damage)
    {
        if (damage is not null)
            _putAside = $"{options.Path} is damaged: {damage}";
        CloseConnections();
    }

    /// <summary>Closes in order, with an empty log.</summary>
    public void Dispose()
    {
        if (Database is null)
            return;
        try
        {
            Database.CheckpointTruncate();
            if (_markedInUse)
                _identity.Write(new StoreIdentity.Content(Id(Database), Open: false));
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            report($"{options.Path} could not be closed in order; the next start reads its log back: {e.Message}");
        }

        CloseConnections();
    }

    private void OpenChecked(string? lost)
    {
        StoreIdentity.Content? expected = _identity.Read();
        bool isNew = !File.Exists(options.Path);
        // A process that died may not have synced what it wrote to the log, and a sync that failed is not asked again.
        if (File.Exists(options.Path + "-wal"))
            DurableFile.WriteAnew(options.Path + "-wal");
        Database = Database.OpenWriter(options.Path, options.CacheBytes);
        if (options.MaxBytes > 0)
            LimitTo(options.MaxBytes);
        string id = isNew || !IsMade(Database) ? Make(Database, lost) : Id(Database);
        if (!isNew && lost is null && expected is not null && expected.Id != id)
            throw new StorageDamagedException($"{options.Path} is another store's: its id is {id}, {expected.Id} belongs here");

        MoveOutOfLog(Database);
        DurableFile.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(options.Path))!);
        // Closed in order, it is marked as in use before its first transaction.
        _markedInUse = expected is { Open: true } && expected.Id == id;
        if (!_markedInUse && expected?.Id != id)
            MarkInUse();
        Database.TakePagesWritten();
        Table = openTable(Database);
        Interlocked.Increment(ref _generation);
    }

    /// <summary>What is found in the log is moved into the file, so that the log begins anew.</summary>
    private void MoveOutOfLog(Database database)
    {
        try
        {
            database.CheckpointTruncate();
        }
        catch (SqliteException e) when (e.IsFull)
        {
            // Durable it is. A full disk must not keep a node from reading what it has.
            report($"{options.Path}: there is no space to move pages out of the log, they stay there: {e.Message}");
        }
    }

    /// <summary>The file grows no further than this.</summary>
    public void LimitTo(long bytes) => Database!.Execute($"PRAGMA max_page_count = {Math.Max(1, bytes / Database.PageSize)}");

    private string? PutAsideIfDamaged()
    {
        if (_putAside is not null)
            return PutAside(_putAside);
        if (_openedBefore)
            return null;

        StoreIdentity.Content? expected;
        try
        {
            expected = _identity.Read();
        }
        catch (StorageDamagedException e)
        {
            return PutAside(e.Message);
        }

        string log = options.Path + "-wal";
        if (expected is not null && !File.Exists(options.Path))
            return PutAside($"{options.Path} is missing");
        if (expected is { Open: true } && !File.Exists(log))
            return PutAside($"{log} is missing, and the store was not closed");
        return LogFileCheck.FindDamage(log) is { } damage ? PutAside(damage) : null;
    }

    /// <summary>Renames what is there, for a person to look at, and returns why.</summary>
    private string PutAside(string why)
    {
        CloseConnections();
        string suffix = $".damaged-{DateTime.UtcNow:yyyyMMdd'T'HHmmssfff}";
        foreach (string end in (string[])["-wal", "-shm", ""])
        {
            if (File.Exists(options.Path + end))
                File.Move(options.Path + end, options.Path + suffix + end);
        }

        report($"{why}; what there was is kept as {options.Path}{suffix}, and an empty store takes its place");
        _putAside = null;
        return why;
    }

    private static bool IsMade(Database database) =>
        database.QueryInt64("SELECT count(*) FROM sqlite_master WHERE name = 'about'") == 1;

    private static string Make(Database database, string? lost)
    {
        string id = Guid.NewGuid().ToString("N");
        database.Begin();
        database.Execute("CREATE TABLE about(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
        using (Statement insert = database.Prepare("INSERT INTO about(key, value) VALUES(?, ?)"))
        {
            insert.Bind(1, "id").Bind(2, id).Run();
            if (lost is not null)
                insert.Bind(1, "lost").Bind(2, $"{DateTime.UtcNow:u}: {lost}").Run();
        }

        database.Commit();
        return id;
    }

    private static string Id(Database database)
    {
        using Statement select = database.Prepare("SELECT value FROM about WHERE key = 'id'");
        return select.Step() ? select.Text(0) : throw new StorageDamagedException($"{database.Path} has no id");
    }

    private void CloseConnections()
    {
        Table?.Dispose();
        Database?.Dispose();
        Table = null;
        Database = null;
    }
}
