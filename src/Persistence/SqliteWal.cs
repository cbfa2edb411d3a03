using ActorRepl.Persistence.Sqlite;

namespace ActorRepl.Persistence;

/// <summary>
/// The events of all persistent actors of a node, in one SQLite file: one writer, one transaction for all that waits, one
/// sync a transaction. A write's task completes when it is durable, or says what is known of it.
/// </summary>
public sealed class SqliteWal : EventStore
{
    /// <summary>The file's name in the node's directory.</summary>
    public const string FileName = "wal.db";

    private readonly Store<EventTable, EventReader> _store;
    private readonly StoreOptions _options;

    /// <param name="options">Where, and within which limits.</param>
    /// <param name="report">Gets what an operator should know, a sentence each; null: nobody wants to.</param>
    public SqliteWal(StoreOptions options, Action<string>? report = null)
    {
        _options = options.Validated();
        System.IO.Directory.CreateDirectory(options.Directory);
        _store = new Store<EventTable, EventReader>(Path.Combine(options.Directory, FileName), options,
            database => new EventTable(database), database => new EventReader(database), report ?? (_ => { }), RefuseBesideSegments);
    }

    public override long Transactions => _store.Writer.Transactions;

    internal Store<EventTable, EventReader> Store => _store;

    public override Task StartAsync() => _store.StartAsync();

    public override Task WriteAsync(string persistenceId, IReadOnlyList<RecordToStore> rows, bool inline = false) =>
        _store.WriteAsync(TotalBytes(rows), table =>
        {
            table.Insert(persistenceId, rows);
            return true;
        });

    /// <summary>Out of the file in bounded transactions, that writes get in between of.</summary>
    public override async Task DeleteAsync(string persistenceId, long seq)
    {
        while (await _store.WriteAsync(0, table => table.Delete(persistenceId, seq, _options.DeleteRows)).ConfigureAwait(false))
        {
        }
    }

    private void RefuseBesideSegments()
    {
        string other = Path.Combine(_options.Directory, Segments.SegmentFolder.Name);
        if (Directory.Exists(other))
            throw new StorageFailedException($"{other} holds events of the journal {PersistenceConfig.SegmentJournalId}; a second journal beside it would not know them");
    }

    /// <summary>Writes what waits, then closes the file.</summary>
    public override ValueTask DisposeAsync() => _store.DisposeAsync();

    internal override Task BarrierAsync() => _store.Writer.BarrierAsync();

    internal override Task<string> FlipBitAsync(string replica, int newest) => _store.WriteAsync(0, table => table.FlipBit(replica, newest));

    internal override Task<EventExtent> ExtentAsync(string persistenceId) => _store.ReadAsync(reader => reader.Extent(persistenceId));

    internal override Task<bool> MarkIfLostAsync(string persistenceId, long seq) =>
        _store.WriteAsync(0, table => table.MarkIfLost(persistenceId, seq));

    internal override Task<List<StoredRecord>> ReadAsync(string persistenceId, long from, long to, long maxRows, long maxBytes) =>
        _store.ReadAsync(reader => reader.Read(persistenceId, from, to, maxRows, maxBytes));
}
