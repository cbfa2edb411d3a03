using SQLitePCL;

namespace ActorRepl.Persistence.Sqlite;

/// <summary>
/// One connection to a SQLite file in WAL mode, used by one thread at a time. SQLite's C interface is called directly:
/// the hot path is a handful of calls a row.
/// </summary>
internal sealed class Database : IDisposable
{
    /// <summary>Bytes of a page; fixed when a file is made. See docs/wal.md for the measurement.</summary>
    public const int PageSize = 8192;

    private const int BusyTimeoutMillis = 5_000;
    private readonly sqlite3 _handle;
    private Statement? _begin;
    private Statement? _commit;

    static Database() => Batteries_V2.Init();

    private Database(string path, int flags)
    {
        Path = path;
        int code = raw.sqlite3_open_v2(path, out _handle, flags | raw.SQLITE_OPEN_NOMUTEX, null);
        if (code == raw.SQLITE_OK)
            return;
        string why = raw.sqlite3_errmsg(_handle).utf8_to_string();
        raw.sqlite3_close_v2(_handle);
        throw new SqliteException(code, $"cannot open {path}: {why}");
    }

    public string Path { get; }

    /// <summary>The version of the SQLite library.</summary>
    public static string LibraryVersion => raw.sqlite3_libversion().utf8_to_string();

    /// <summary>The connection that writes; makes the file if it is not there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cacheBytes">Memory for its page cache.</param>
    public static Database OpenWriter(string path, int cacheBytes) => Configured(
        new Database(path, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE),
        $"PRAGMA page_size = {PageSize}",
        "PRAGMA journal_mode = WAL",
        // Every COMMIT syncs the log. Checkpoints are started by hand, so that they do not run inside a COMMIT.
        "PRAGMA synchronous = FULL",
        "PRAGMA wal_autocheckpoint = 0",
        $"PRAGMA cache_size = {-cacheBytes / 1024}",
        // Pages of an open transaction stay in memory: a rollback leaves nothing behind in the log.
        "PRAGMA cache_spill = OFF",
        "PRAGMA temp_store = MEMORY");

    /// <summary>A connection that only reads, beside the one that writes.</summary>
    public static Database OpenReader(string path) => Configured(
        new Database(path, raw.SQLITE_OPEN_READWRITE),
        "PRAGMA query_only = ON",
        "PRAGMA cache_size = -1024");

    /// <summary>A transaction is open. SQLite itself ends one at some errors.</summary>
    public bool InTransaction => raw.sqlite3_get_autocommit(_handle) == 0;

    /// <summary>Rows changed by the last statement.</summary>
    public int Changes => raw.sqlite3_changes(_handle);

    /// <summary>Pages written to the log since this was last asked.</summary>
    public int TakePagesWritten()
    {
        Check(raw.sqlite3_db_status(_handle, raw.SQLITE_DBSTATUS_CACHE_WRITE, out int pages, out _, resetFlg: 1), "page count");
        return pages;
    }

    /// <summary>Begins a transaction that writes.</summary>
    public void Begin() => (_begin ??= Prepare("BEGIN IMMEDIATE")).Run();

    /// <summary>Ends the transaction; durable on return, on the connection that writes.</summary>
    public void Commit() => (_commit ??= Prepare("COMMIT")).Run();

    public void Execute(string sql) => Check(raw.sqlite3_exec(_handle, sql), sql);

    public long QueryInt64(string sql)
    {
        using Statement statement = Prepare(sql);
        return statement.Step() ? statement.Int64(0) : 0;
    }

    public Statement Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_handle, sql, out sqlite3_stmt statement), sql);
        return new Statement(this, statement, sql);
    }

    /// <summary>
    /// Moves what it can from the log into the file without waiting for anyone; synced on return.
    /// </summary>
    public void CheckpointPassive() => Checkpoint(raw.SQLITE_CHECKPOINT_PASSIVE);

    /// <summary>Moves everything from the log into the file and empties the log.</summary>
    public void CheckpointTruncate()
    {
        (int frames, int moved) = Checkpoint(raw.SQLITE_CHECKPOINT_TRUNCATE);
        Protocols.Kernel.Invariant.That(frames == moved, "a truncating checkpoint moves every frame or fails");
    }

    public void Check(int code, string what)
    {
        if (code is raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE)
            return;
        int extended = raw.sqlite3_extended_errcode(_handle);
        throw new SqliteException(extended == raw.SQLITE_OK ? code : extended,
            $"{Path}: {raw.sqlite3_errmsg(_handle).utf8_to_string()}, at: {what}");
    }

    /// <summary>Closes the connection; whoever prepared statements has disposed them before.</summary>
    public void Dispose()
    {
        _begin?.Dispose();
        _commit?.Dispose();
        raw.sqlite3_close_v2(_handle);
    }

    private (int Frames, int Moved) Checkpoint(int mode)
    {
        Check(raw.sqlite3_wal_checkpoint_v2(_handle, "main", mode, out int frames, out int moved), "checkpoint");
        return (frames, moved);
    }

    private static Database Configured(Database database, params ReadOnlySpan<string> pragmas)
    {
        try
        {
            database.Check(raw.sqlite3_busy_timeout(database._handle, BusyTimeoutMillis), "busy timeout");
            // The log stays when the last connection closes: one that is missing is then always a loss, and after a failed
            // sync nothing is moved out of it unread.
            database.Check(raw.sqlite3_db_config(database._handle, raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, out _), "no checkpoint on close");
            // Rows whose sizes contradict their page are an error, not a read beyond it.
            database.Execute("PRAGMA cell_size_check = ON");
            foreach (string pragma in pragmas)
                database.Execute(pragma);
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }
}
