using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence.Sqlite;

/// <summary>
/// The events on the connection that writes. Rows are appended at one end of one tree, with an index beside it: for many
/// replicas in one transaction that writes fewer pages than a tree ordered by replica.
/// </summary>
internal sealed class EventTable : ITable
{
    /// <summary>The format of the event store; another one is refused.</summary>
    private const int Format = 1;

    private readonly Database _database;
    private readonly string? _lost;
    private readonly EventNames _names;
    private readonly Statement _insert;
    private readonly Statement _first;
    private readonly Statement _last;
    private readonly Statement _delete;

    public EventTable(Database database)
    {
        _database = database;
        StoreFormat.Ensure(database, Format,
            "CREATE TABLE name(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, deleted_to INTEGER NOT NULL, crc INTEGER NOT NULL)",
            "CREATE TABLE event(id INTEGER PRIMARY KEY, name INTEGER NOT NULL, seq INTEGER NOT NULL, crc INTEGER NOT NULL, "
                + "kind INTEGER NOT NULL, meta BLOB NOT NULL, payload BLOB NOT NULL)",
            "CREATE UNIQUE INDEX event_place ON event(name, seq)");
        TreesAgree(database);
        _lost = StoreFormat.Lost(database);
        _names = new EventNames(database);
        _insert = database.Prepare("INSERT INTO event(name, seq, crc, kind, meta, payload) VALUES(?, ?, ?, ?, ?, ?)");
        _first = database.Prepare("SELECT min(seq) FROM event WHERE name = ?");
        _last = database.Prepare("SELECT max(seq) FROM event WHERE name = ?");
        _delete = database.Prepare("DELETE FROM event WHERE name = ? AND seq BETWEEN ? AND ?");
    }

    /// <summary>Appends rows.</summary>
    /// <exception cref="SqliteException">A row with such a number is there already.</exception>
    public void Insert(string persistenceId, IReadOnlyList<RecordToStore> rows)
    {
        EventName name = _names.FindOrAdd(persistenceId);
        foreach (RecordToStore row in rows)
            Insert(name, row);
    }

    /// <summary>
    /// If this store has lost what it held before and meets a persistence id for the first time since, a mark is left in
    /// the place of what may have been there, at <paramref name="seq"/>.
    /// </summary>
    public bool MarkIfLost(string persistenceId, long seq)
    {
        if (_lost is null || _names.Find(persistenceId) is not null)
            return false;
        Insert(_names.FindOrAdd(persistenceId), new RecordToStore(seq, RecordKind.Lost, default, Encoding.UTF8.GetBytes(_lost)));
        return true;
    }

    /// <summary>Damages an event, counted from the newest, of a replica, in the place where it is; see <see cref="DiskFaults.FlipBitAsync"/>.</summary>
    public string FlipBit(string replica, int newest)
    {
        EventName name = _names.LastOf(replica) ?? throw new InvalidOperationException($"the journal holds nothing of {replica}");
        using Statement select = _database.Prepare("SELECT id, seq, payload FROM event WHERE name = ? AND length(payload) > 0 ORDER BY seq DESC LIMIT 1 OFFSET ?");
        if (!select.Bind(1, name.Number).Bind(2, newest - 1).Step())
            throw new InvalidOperationException($"{name.Name} has fewer than {newest} durable records");
        (long id, long seq, byte[] payload) = (select.Int64(0), select.Int64(1), select.Bytes(2));
        payload[payload.Length / 2] ^= 1;
        using Statement update = _database.Prepare("UPDATE event SET payload = ? WHERE id = ?");
        update.Bind(1, (ReadOnlySpan<byte>)payload).Bind(2, id).Run();
        return $"record {seq} of {name.Name} in {_database.Path}";
    }

    /// <summary>
    /// Deletes up to and with <paramref name="seq"/>, at most <paramref name="maxRows"/> rows at a time; all of them are
    /// out of sight at once.
    /// </summary>
    /// <returns>Rows are left to be deleted.</returns>
    public bool Delete(string persistenceId, long seq, int maxRows)
    {
        if (_names.Find(persistenceId) is not { } name)
            return false;
        seq = Math.Min(seq, Math.Max(name.DeletedTo, One(_last, name)));
        if (seq > name.DeletedTo)
            _names.DeletedTo(name, seq);
        long first = One(_first, name);
        if (first == 0 || first > seq)
            return false;
        long to = Math.Min(seq, first + maxRows - 1);
        _delete.Bind(1, name.Number).Bind(2, first).Bind(3, to).Run();
        Invariant.That(_database.Changes <= maxRows, "a delete is bounded");
        return to < seq;
    }

    public void RolledBack() => _names.Load();

    public void Dispose()
    {
        _names.Dispose();
        _insert.Dispose();
        _first.Dispose();
        _last.Dispose();
        _delete.Dispose();
    }

    /// <summary>
    /// The rows and their index say the same of which events there are. A damaged page of either could hide the newest
    /// ones, and nothing else would miss those.
    /// </summary>
    /// <exception cref="StorageDamagedException">They do not.</exception>
    private static void TreesAgree(Database database)
    {
        const string sum = "SELECT coalesce(sum(1 + ((name * 1000003 + seq) % 1000000007 * 31 + id) % 1000000007), 0) FROM event ";
        long rows = database.QueryInt64(sum + "NOT INDEXED"), index = database.QueryInt64(sum + "INDEXED BY event_place");
        if (rows != index)
            throw new StorageDamagedException($"the events in {database.Path} and their index do not agree");
    }

    private void Insert(EventName name, RecordToStore row)
    {
        Invariant.That(row.Seq > 0, "sequence numbers start at 1");
        _insert.Bind(1, name.Number).Bind(2, row.Seq).Bind(3, row.Checksum(name.NameChecksum))
            .Bind(4, (long)row.Kind).Bind(5, row.Meta.Span).Bind(6, row.Payload.Span).Run();
    }

    private static long One(Statement statement, EventName name)
    {
        statement.Bind(1, name.Number).Step();
        long value = statement.Int64(0);
        statement.Reset();
        return value;
    }
}
