using ActorRepl.Persistence.Sqlite;

namespace ActorRepl.Persistence;

/// <summary>
/// The events of all persistent actors of a node, in one SQLite file: one writer, one transaction for all that waits, one
/// sync a transaction. A write's task completes when it is durable, or says what is known of it.
/// </summary>
public sealed class SqliteWal : IAsyncDisposable
{
    /// <summary>The file's name in the node's directory.</summary>
    public const string FileName = "wal.db";

    private const int ReadRows = 512;
    private const int ReadBytes = 4 << 20;

    private readonly Store<EventTable, EventReader> _store;
    private readonly StoreOptions _options;

    /// <param name="options">Where, and within which limits.</param>
    /// <param name="report">Gets what an operator should know, a sentence each; null: nobody wants to.</param>
    public SqliteWal(StoreOptions options, Action<string>? report = null)
    {
        _options = options.Validated();
        System.IO.Directory.CreateDirectory(options.Directory);
        _store = new Store<EventTable, EventReader>(Path.Combine(options.Directory, FileName), options,
            database => new EventTable(database), database => new EventReader(database), report ?? (_ => { }));
    }

    /// <summary>Transactions committed since the start.</summary>
    public long Transactions => _store.Writer.Transactions;

    internal Store<EventTable, EventReader> Store => _store;

    /// <summary>Opens the file now; without it, the first write or read does.</summary>
    /// <exception cref="StorageException">It cannot be opened.</exception>
    public Task StartAsync() => _store.StartAsync();

    /// <summary>Appends the rows, all or none.</summary>
    /// <exception cref="StorageFullException">There is no space: none is written, and none will be found later.</exception>
    /// <exception cref="StorageFailedException">Whether they are written is unknown.</exception>
    public Task WriteAsync(string persistenceId, IReadOnlyList<RecordToStore> rows)
    {
        int bytes = 0;
        for (int i = 0; i < rows.Count; i++)
            bytes += rows[i].Bytes;
        return _store.WriteAsync(bytes, table =>
        {
            table.Insert(persistenceId, rows);
            return true;
        });
    }

    /// <summary>
    /// Deletes up to and with <paramref name="seq"/>: out of sight with the first transaction, out of the file in bounded
    /// ones that writes get in between of.
    /// </summary>
    public async Task DeleteAsync(string persistenceId, long seq)
    {
        while (await _store.WriteAsync(0, table => table.Delete(persistenceId, seq, _options.DeleteRows)).ConfigureAwait(false))
        {
        }
    }

    /// <summary>
    /// The highest sequence number that was ever written, after every write that is under way has its outcome; 0: none.
    /// If this store has lost what it held and <paramref name="exact"/> is set, the answer to a persistence id it meets for
    /// the first time since is <paramref name="from"/>, and a record of the loss is found there.
    /// </summary>
    public async Task<long> HighestAsync(string persistenceId, long from, bool exact)
    {
        await _store.Writer.BarrierAsync().ConfigureAwait(false);
        EventExtent extent = await _store.ReadAsync(reader => reader.Extent(persistenceId)).ConfigureAwait(false);
        if (exact && extent.Highest == 0
            && await _store.WriteAsync(0, table => table.MarkIfLost(persistenceId, Math.Max(1, from))).ConfigureAwait(false))
            return Math.Max(1, from);
        return extent.Highest;
    }

    /// <summary>
    /// Gives the rows from <paramref name="from"/> to <paramref name="to"/>, both included, in order and at most
    /// <paramref name="max"/>, damage among them. If <paramref name="exact"/> is set, asking for what is deleted is damage
    /// too: a replica deletes only below a checkpoint, and so must not come back without one.
    /// </summary>
    public async Task ReplayAsync(string persistenceId, long from, long to, long max, bool exact, Action<StoredRecord> take)
    {
        EventExtent extent = await _store.ReadAsync(reader => reader.Extent(persistenceId)).ConfigureAwait(false);
        if (exact && from <= extent.DeletedTo && to >= from && max > 0)
        {
            take(StoredRecord.Damaged(Math.Min(to, extent.DeletedTo),
                $"records {from} to {extent.DeletedTo} of {persistenceId} are deleted, and no checkpoint contains them"));
            max--;
        }

        // In pieces, so that a long replay keeps neither the log from beginning anew nor much in memory.
        while (from <= to && max > 0)
        {
            (long first, long rows) = (from, Math.Min(max, ReadRows));
            List<StoredRecord> piece = await _store.ReadAsync(reader => reader.Read(persistenceId, first, to, rows, ReadBytes)).ConfigureAwait(false);
            if (piece.Count == 0)
                return;
            piece.ForEach(take);
            max -= piece.Count;
            from = piece[^1].Seq + 1;
        }
    }

    /// <summary>Writes what waits, then closes the file.</summary>
    public ValueTask DisposeAsync() => _store.DisposeAsync();
}
