using SQLitePCL;

namespace ActorRepl.Persistence.Sqlite;

/// <summary>SQLite returned an error (https://sqlite.org/rescode.html).</summary>
internal sealed class SqliteException(int code, string message) : Exception($"{message} (SQLite error {code})")
{
    /// <summary>The extended result code.</summary>
    public int Code { get; } = code;

    private int Primary => Code & 0xff;

    /// <summary>No space. After the rollback, nothing of the transaction is there.</summary>
    public bool IsFull => Primary == raw.SQLITE_FULL;

    /// <summary>The file's content contradicts itself.</summary>
    public bool IsDamage => Primary is raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB;

    /// <summary>A statement of ours does not fit the tables: while a store is opened, its schema is damaged.</summary>
    public bool IsWrongSchema => Primary == raw.SQLITE_ERROR;

    /// <summary>The statement itself is at fault, the store is well: a row that is there already, a value that is too big.</summary>
    public bool IsCallersFault => Primary is raw.SQLITE_CONSTRAINT or raw.SQLITE_TOOBIG or raw.SQLITE_MISMATCH or raw.SQLITE_RANGE;
}
