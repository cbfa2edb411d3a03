namespace ActorRepl.Persistence.Sqlite;

/// <summary>The events on a connection that only reads.</summary>
internal sealed class EventReader : ITable
{
    private readonly Database _database;
    private readonly Statement _name;
    private readonly Statement _last;
    private readonly Statement _rows;

    public EventReader(Database database)
    {
        _database = database;
        _name = database.Prepare("SELECT number, name, deleted_to, crc FROM name WHERE name = ?");
        _last = database.Prepare("SELECT max(seq) FROM event WHERE name = ?");
        _rows = database.Prepare("SELECT seq, crc, kind, meta, payload FROM event WHERE name = ? AND seq BETWEEN ? AND ? ORDER BY seq");
    }

    public EventExtent Extent(string persistenceId)
    {
        if (Find(persistenceId) is not { } name)
            return default;
        try
        {
            _last.Bind(1, name.Number).Step();
            return new EventExtent(Math.Max(_last.Int64(0), name.DeletedTo), name.DeletedTo);
        }
        finally
        {
            _last.Reset();
        }
    }

    /// <summary>
    /// Reads from <paramref name="from"/> to <paramref name="to"/>, both included, until <paramref name="maxBytes"/> are
    /// passed or there are <paramref name="maxRows"/>. Damage is a record among the others; it is the last one where
    /// nothing can be read beyond it.
    /// </summary>
    public List<StoredRecord> Read(string persistenceId, long from, long to, long maxRows, long maxBytes)
    {
        var records = new List<StoredRecord>();
        long last = from - 1;
        try
        {
            if (Find(persistenceId) is not { } name)
                return records;
            last = Math.Max(last, name.DeletedTo);
            _rows.Bind(1, name.Number).Bind(2, last + 1).Bind(3, to);
            for (long bytes = 0; bytes < maxBytes && records.Count < maxRows && _rows.Step();)
            {
                StoredRecord record = Row(name);
                if (record.Seq <= last)
                {
                    records.Add(StoredRecord.Damaged(last + 1, $"record {record.Seq} of {persistenceId} follows record {last}"));
                    break;
                }

                records.Add(record);
                bytes += record.Payload.Length + record.Meta.Length;
                last = record.Seq;
            }
        }
        catch (SqliteException e) when (e.IsDamage)
        {
            records.Add(StoredRecord.Damaged(last + 1, $"records of {persistenceId} from {last + 1} on cannot be read: {e.Message}"));
        }
        finally
        {
            _rows.Reset();
        }

        return records;
    }

    public void RolledBack()
    {
    }

    public void Dispose()
    {
        _name.Dispose();
        _last.Dispose();
        _rows.Dispose();
        _database.Dispose();
    }

    private EventName? Find(string persistenceId)
    {
        try
        {
            return _name.Bind(1, persistenceId).Step() ? EventName.Read(_name) : null;
        }
        finally
        {
            _name.Reset();
        }
    }

    private StoredRecord Row(EventName name)
    {
        byte[] meta = _rows.Bytes(3), payload = _rows.Bytes(4);
        var row = new RecordToStore(_rows.Int64(0), (RecordKind)_rows.Int64(2), meta, payload);
        return StoredRecord.Checked(name.Name, name.NameChecksum, (uint)_rows.Int64(1), row, meta, payload);
    }
}
