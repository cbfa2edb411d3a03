using ActorRepl.Persistence.Sqlite;

namespace ActorRepl.Persistence;

/// <summary>
/// The snapshots of a node, checkpoints of replicas among them, in a SQLite file of their own with a writer of its own: a
/// large checkpoint does not stand before the events.
/// </summary>
public sealed class SqliteSnapshots : IAsyncDisposable
{
    /// <summary>The file's name in the node's directory.</summary>
    public const string FileName = "snapshots.db";

    private readonly Store<SnapshotTable, SnapshotReader> _store;

    /// <param name="options">Where, and within which limits.</param>
    /// <param name="report">Gets what an operator should know, a sentence each; null: nobody wants to.</param>
    public SqliteSnapshots(StoreOptions options, Action<string>? report = null)
    {
        options.Validated();
        System.IO.Directory.CreateDirectory(options.Directory);
        _store = new Store<SnapshotTable, SnapshotReader>(Path.Combine(options.Directory, FileName), options,
            database => new SnapshotTable(database), database => new SnapshotReader(database), report ?? (_ => { }));
    }

    internal Store<SnapshotTable, SnapshotReader> Store => _store;

    /// <summary>Opens the file now; without it, the first write or read does.</summary>
    /// <exception cref="StorageException">It cannot be opened.</exception>
    public Task StartAsync() => _store.StartAsync();

    /// <summary>Saves a snapshot, durable on return, in the place of one with the same sequence number.</summary>
    /// <param name="persistenceId">Whose.</param>
    /// <param name="time">.NET ticks, UTC.</param>
    /// <param name="row">Its sequence number may be 0.</param>
    public Task SaveAsync(string persistenceId, long time, RecordToStore row) => _store.WriteAsync(row.Bytes, table =>
    {
        table.Save(persistenceId, time, row);
        return true;
    });

    /// <summary>
    /// The newest snapshot in the range and its time; null: there is none. Every save that was asked for before has its
    /// outcome by then: whoever recovers must not find more later than it did now.
    /// </summary>
    public async Task<(StoredRecord Record, long Time)?> LoadAsync(string persistenceId, SnapshotRange range)
    {
        await _store.Writer.BarrierAsync().ConfigureAwait(false);
        return await _store.ReadAsync(reader => reader.Newest(persistenceId, range)).ConfigureAwait(false);
    }

    /// <summary>Deletes every snapshot in the range, one a transaction.</summary>
    public async Task DeleteAsync(string persistenceId, SnapshotRange range)
    {
        while (await _store.WriteAsync(0, table => table.DeleteOne(persistenceId, range)).ConfigureAwait(false))
        {
        }
    }

    /// <summary>Writes what waits, then closes the file.</summary>
    public ValueTask DisposeAsync() => _store.DisposeAsync();
}
