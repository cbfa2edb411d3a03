using System.Buffers.Binary;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence.Sqlite;

/// <summary>A persistence id's row: its number, and up to where its events are deleted.</summary>
internal sealed record EventName(long Number, string Name, long DeletedTo)
{
    public uint NameChecksum { get; } = RecordToStore.ChecksumOf(Name);

    /// <summary>A row that changes into another one's must not go unnoticed: it would make a replica look new.</summary>
    public uint Checksum()
    {
        Span<byte> numbers = stackalloc byte[2 * sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(numbers, Number);
        BinaryPrimitives.WriteInt64LittleEndian(numbers[sizeof(long)..], DeletedTo);
        return Crc32C.Compute(numbers, NameChecksum);
    }

    /// <summary>Reads columns number, name, deleted_to, crc.</summary>
    /// <exception cref="StorageDamagedException">The row is not what was written.</exception>
    public static EventName Read(Statement row)
    {
        var name = new EventName(row.Int64(0), row.Text(1), row.Int64(2));
        return name.Checksum() == (uint)row.Int64(3)
            ? name
            : throw new StorageDamagedException($"the checksum of persistence id {name.Number}, '{name.Name}', does not match");
    }
}

/// <summary>The persistence ids of the event store, remembered by the connection that writes.</summary>
internal sealed class EventNames : IDisposable
{
    private readonly Statement _all;
    private readonly Statement _insert;
    private readonly Statement _update;
    private readonly Dictionary<string, EventName> _known = new(StringComparer.Ordinal);

    public EventNames(Database database)
    {
        _all = database.Prepare("SELECT number, name, deleted_to, crc FROM name ORDER BY number");
        _insert = database.Prepare("INSERT INTO name(number, name, deleted_to, crc) VALUES(?, ?, ?, ?)");
        _update = database.Prepare("UPDATE name SET deleted_to = ?, crc = ? WHERE number = ?");
        Load();
    }

    public EventName? Find(string name) => _known.GetValueOrDefault(name);

    /// <summary>The newest persistence id of a replica's place; null: there is none.</summary>
    public EventName? LastOf(string replica) => _known.Values.Where(name => DiskFaults.IsReplica(name.Name, replica)).MaxBy(name => name.Number);

    public EventName FindOrAdd(string name) => Find(name) ?? Add(new EventName(_known.Count + 1, name, 0));

    public void DeletedTo(EventName name, long seq)
    {
        EventName changed = name with { DeletedTo = seq };
        _update.Bind(1, seq).Bind(2, changed.Checksum()).Bind(3, name.Number).Run();
        _known[name.Name] = changed;
    }

    /// <summary>Reads the names anew.</summary>
    /// <exception cref="StorageDamagedException">One is damaged, or missing: they are numbered without a gap.</exception>
    public void Load()
    {
        _known.Clear();
        try
        {
            while (_all.Step())
            {
                EventName name = EventName.Read(_all);
                if (name.Number != _known.Count + 1)
                    throw new StorageDamagedException($"persistence id {_known.Count + 1} is missing: {name.Number} follows");
                _known.Add(name.Name, name);
            }
        }
        finally
        {
            _all.Reset();
        }
    }

    public void Dispose()
    {
        _all.Dispose();
        _insert.Dispose();
        _update.Dispose();
    }

    private EventName Add(EventName name)
    {
        _insert.Bind(1, name.Number).Bind(2, name.Name).Bind(3, name.DeletedTo).Bind(4, name.Checksum()).Run();
        _known.Add(name.Name, name);
        return name;
    }
}
