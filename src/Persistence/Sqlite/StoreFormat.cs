namespace ActorRepl.Persistence.Sqlite;

/// <summary>The tables of a store, made once, and the format they are in.</summary>
internal static class StoreFormat
{
    /// <summary>Makes the tables of an empty store, in one transaction; refuses another format than this.</summary>
    /// <exception cref="StorageFailedException">The store is in another format.</exception>
    public static void Ensure(Database database, int format, params ReadOnlySpan<string> tables)
    {
        long found = database.QueryInt64("PRAGMA user_version");
        if (found == format)
            return;
        if (found != 0)
            throw new StorageFailedException($"{database.Path} has format {found}; this build reads format {format}");
        database.Begin();
        foreach (string table in tables)
            database.Execute(table);
        database.Execute($"PRAGMA user_version = {format}");
        database.Commit();
    }

    /// <summary>Why what a store held before is gone; null: it never lost anything.</summary>
    public static string? Lost(Database database)
    {
        using Statement select = database.Prepare("SELECT value FROM about WHERE key = 'lost'");
        return select.Step() ? select.Text(0) : null;
    }
}
