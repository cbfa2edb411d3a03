namespace ActorRepl.Persistence.Sqlite;

/// <summary>Which snapshots of a persistence id: sequence numbers and timestamps (.NET ticks, UTC), bounds included.</summary>
public readonly record struct SnapshotRange(long MinSeq, long MaxSeq, long MinTime, long MaxTime)
{
    /// <summary>The one snapshot with this sequence number.</summary>
    public static SnapshotRange Exactly(long seq) => new(seq, seq, 0, long.MaxValue);
}

/// <summary>The snapshots on the connection that writes.</summary>
internal sealed class SnapshotTable : ITable
{
    private const int Format = 1;
    internal const string Where = "name = ? AND seq BETWEEN ? AND ? AND time BETWEEN ? AND ?";

    private readonly Database _database;
    private readonly Statement _save;
    private readonly Statement _delete;

    public SnapshotTable(Database database)
    {
        _database = database;
        StoreFormat.Ensure(database, Format,
            "CREATE TABLE snapshot(id INTEGER PRIMARY KEY, name TEXT NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL, "
                + "crc INTEGER NOT NULL, kind INTEGER NOT NULL, meta BLOB NOT NULL, payload BLOB NOT NULL)",
            "CREATE UNIQUE INDEX snapshot_place ON snapshot(name, seq)");
        _save = database.Prepare("INSERT OR REPLACE INTO snapshot(name, seq, time, crc, kind, meta, payload) VALUES(?, ?, ?, ?, ?, ?, ?)");
        // One a transaction at most: a snapshot may be large.
        _delete = database.Prepare($"DELETE FROM snapshot WHERE id = (SELECT id FROM snapshot WHERE {Where} ORDER BY seq LIMIT 1)");
    }

    public void Save(string name, long time, RecordToStore row) => _save
        .Bind(1, name).Bind(2, row.Seq).Bind(3, time).Bind(4, row.Checksum(RecordToStore.ChecksumOf(name)))
        .Bind(5, (long)row.Kind).Bind(6, row.Meta.Span).Bind(7, row.Payload.Span).Run();

    /// <summary>Deletes the oldest in the range; false: there was none.</summary>
    public bool DeleteOne(string name, SnapshotRange range)
    {
        Bind(_delete, name, range).Run();
        return _database.Changes > 0;
    }

    public void RolledBack()
    {
    }

    public void Dispose()
    {
        _save.Dispose();
        _delete.Dispose();
    }

    internal static Statement Bind(Statement statement, string name, SnapshotRange range) => statement
        .Bind(1, name).Bind(2, range.MinSeq).Bind(3, range.MaxSeq).Bind(4, range.MinTime).Bind(5, range.MaxTime);
}

/// <summary>The snapshots on a connection that only reads.</summary>
internal sealed class SnapshotReader : IDisposable
{
    private readonly Database _database;
    private readonly Statement _newest;

    public SnapshotReader(Database database)
    {
        _database = database;
        _newest = database.Prepare(
            $"SELECT seq, time, crc, kind, meta, payload FROM snapshot WHERE {SnapshotTable.Where} ORDER BY seq DESC LIMIT 1");
    }

    /// <summary>The newest in the range, and its time; null: there is none. A damaged one is not passed over.</summary>
    public (StoredRecord Record, long Time)? Newest(string name, SnapshotRange range)
    {
        try
        {
            if (!SnapshotTable.Bind(_newest, name, range).Step())
                return null;
            byte[] meta = _newest.Bytes(4), payload = _newest.Bytes(5);
            var row = new RecordToStore(_newest.Int64(0), (RecordKind)_newest.Int64(3), meta, payload);
            return (StoredRecord.Checked(name, RecordToStore.ChecksumOf(name), (uint)_newest.Int64(2), row, meta, payload), _newest.Int64(1));
        }
        catch (SqliteException e) when (e.IsDamage)
        {
            return (StoredRecord.Damaged(Math.Max(0, range.MinSeq), $"snapshots of {name} cannot be read: {e.Message}"), 0);
        }
        finally
        {
            _newest.Reset();
        }
    }

    public void Dispose()
    {
        _newest.Dispose();
        _database.Dispose();
    }
}
