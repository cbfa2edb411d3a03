using SQLitePCL;

namespace ActorRepl.Persistence.Sqlite;

/// <summary>A prepared statement. Parameters are numbered from 1, columns from 0, as SQLite does.</summary>
internal sealed class Statement(Database database, sqlite3_stmt handle, string sql) : IDisposable
{
    public Statement Bind(int parameter, long value)
    {
        database.Check(raw.sqlite3_bind_int64(handle, parameter, value), sql);
        return this;
    }

    public Statement Bind(int parameter, string value)
    {
        database.Check(raw.sqlite3_bind_text(handle, parameter, value), sql);
        return this;
    }

    public Statement Bind(int parameter, ReadOnlySpan<byte> value)
    {
        database.Check(value.IsEmpty
            ? raw.sqlite3_bind_zeroblob(handle, parameter, 0)
            : raw.sqlite3_bind_blob(handle, parameter, value), sql);
        return this;
    }

    /// <summary>Goes to the next row; false: there is none.</summary>
    public bool Step()
    {
        int code = raw.sqlite3_step(handle);
        database.Check(code, sql);
        return code == raw.SQLITE_ROW;
    }

    /// <summary>Runs a statement that returns no rows and makes it ready for the next time.</summary>
    public void Run()
    {
        try
        {
            Step();
        }
        finally
        {
            Reset();
        }
    }

    public long Int64(int column) => raw.sqlite3_column_int64(handle, column);

    public bool IsNull(int column) => raw.sqlite3_column_type(handle, column) == raw.SQLITE_NULL;

    public string Text(int column) => raw.sqlite3_column_text(handle, column).utf8_to_string();

    public byte[] Bytes(int column) => raw.sqlite3_column_blob(handle, column).ToArray();

    /// <summary>Ends the reading; the statement can be bound and run again. Errors were reported by the step before.</summary>
    public void Reset() => raw.sqlite3_reset(handle);

    public void Dispose() => raw.sqlite3_finalize(handle);
}
