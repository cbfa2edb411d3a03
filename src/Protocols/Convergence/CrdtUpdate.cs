using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// A client's command: operations on keys of one shard that take effect together, here and everywhere, or not at all.
/// <para>Layout: version (1), level (2), id (16), count, then key, feed and version of each condition; count, then key and operation each.</para>
/// </summary>
/// <param name="Operations">At least one, at most <see cref="MaxOperations"/>.</param>
/// <param name="Id">The update's name: one that is sent again under it is the same update, wherever that is known. Empty: it has none.</param>
/// <param name="Level">How many replicas must have it on their disks before it is answered.</param>
public sealed record CrdtUpdate(IReadOnlyList<(CrdtKey Key, CrdtOperation Operation)> Operations, Guid Id = default, ConsistencyLevel Level = default)
{
    public const int MaxOperations = 65_536;

    /// <summary>What must not have changed since it was read, or the update is not done: see <see cref="CrdtResult.Applied"/>. At most <see cref="MaxOperations"/>.</summary>
    public IReadOnlyList<CrdtCondition> Unchanged { get; init; } = [];

    private const byte Version = 1;

    public CrdtUpdate(CrdtKey key, CrdtOperation operation, Guid id = default, ConsistencyLevel level = default)
        : this([(key, operation)], id, level)
    {
    }

    public byte[] ToBytes()
    {
        var writer = new CrdtWriter();
        writer.Byte(Version);
        Levels.Write(writer, Level);
        Id.TryWriteBytes(writer.Raw(16));
        writer.Count(Unchanged.Count);
        foreach (CrdtCondition condition in Unchanged)
        {
            condition.Key.Write(writer);
            writer.Unsigned((ulong)condition.Feed);
            writer.Unsigned((ulong)condition.Version);
        }

        writer.Count(Operations.Count);
        foreach ((CrdtKey key, CrdtOperation operation) in Operations)
        {
            key.Write(writer);
            operation.Encode(writer);
        }

        return writer.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are no update.</exception>
    public static CrdtUpdate Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new CrdtReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"an update of a CRDT group has version {version}; this build reads {Version}");
        ConsistencyLevel level = Levels.Read(ref reader);
        var id = new Guid(reader.Raw(16));
        var unchanged = new CrdtCondition[reader.Count("conditions", minimumSize: 4)];
        if (unchanged.Length > MaxOperations)
            throw reader.Wrong($"an update has {unchanged.Length} conditions; {MaxOperations} is the most");
        for (int i = 0; i < unchanged.Length; i++)
            unchanged[i] = new CrdtCondition(CrdtKey.Read(ref reader), reader.Within(0, long.MaxValue, "a feed"), reader.Within(0, long.MaxValue, "a version"));
        int count = reader.Count("operations", minimumSize: 4);
        if (count is 0 or > MaxOperations)
            throw reader.Wrong($"an update has {count} operations; 1 to {MaxOperations} are allowed");
        var operations = new (CrdtKey, CrdtOperation)[count];
        for (int i = 0; i < count; i++)
            operations[i] = (CrdtKey.Read(ref reader), CrdtOperation.Decode(ref reader));
        reader.End();
        return new CrdtUpdate(operations, id, level) { Unchanged = unchanged };
    }
}

/// <summary>A value is as it was when it was read: for changes that mean something only then, such as those by index of who shows a text.</summary>
/// <param name="Key">Which value.</param>
/// <param name="Feed">See <see cref="CrdtAnswer.Feed"/>. Of another feed: it has changed, for all that is known.</param>
/// <param name="Version">See <see cref="CrdtView.Version"/>.</param>
public readonly record struct CrdtCondition(CrdtKey Key, long Feed, long Version);

/// <summary>
/// What became of an update. Layout: version (1), feed, position, done (1), count, then a signed number each.
/// </summary>
/// <param name="Feed">See <see cref="CrdtAnswer.Feed"/>.</param>
/// <param name="Position">Where the replica's feed of changes stands after it.</param>
/// <param name="Values">
/// One for each operation: counters, what they are after it; elements and fields that are added or removed, 1 if that changed something, else 0;
/// texts and lists, their length after it; registers, 1 if there was no value; all else, 0.
/// </param>
public sealed record CrdtResult(long Feed, long Position, IReadOnlyList<long> Values)
{
    /// <summary>False: one of <see cref="CrdtUpdate.Unchanged"/> has changed, nothing was done, and there are no values.</summary>
    public bool Applied { get; init; } = true;

    private const byte Version = 1;

    public byte[] ToBytes()
    {
        var writer = new CrdtWriter();
        writer.Byte(Version);
        writer.Unsigned((ulong)Feed);
        writer.Unsigned((ulong)Position);
        writer.Byte(Applied ? (byte)1 : (byte)0);
        writer.Count(Values.Count);
        foreach (long value in Values)
            writer.Signed(value);
        return writer.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are no result.</exception>
    public static CrdtResult Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new CrdtReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a result of a CRDT group has version {version}; this build reads {Version}");
        long feed = reader.Within(0, long.MaxValue, "a feed"), position = reader.Within(0, long.MaxValue, "a position");
        bool applied = reader.Within(0, 1, "a flag") == 1;
        var values = new long[reader.Count("values")];
        for (int i = 0; i < values.Length; i++)
            values[i] = reader.Signed();
        reader.End();
        return new CrdtResult(feed, position, values) { Applied = applied };
    }
}

/// <summary>Levels on the wire: kind (1), replicas (1).</summary>
internal static class Levels
{
    public static void Write(CrdtWriter writer, ConsistencyLevel level)
    {
        writer.Byte((byte)level.Kind);
        writer.Byte(level.Owners);
    }

    /// <summary>That of an update or a read, which both have it after their version.</summary>
    public static bool TryPeek(ReadOnlySpan<byte> payload, out ConsistencyLevel level)
    {
        level = payload.Length >= 3 && payload[1] <= (byte)ConsistencyKind.Any ? new ConsistencyLevel((ConsistencyKind)payload[1], payload[2]) : default;
        return payload.Length >= 3 && payload[1] <= (byte)ConsistencyKind.Any;
    }

    public static ConsistencyLevel Read(ref CrdtReader reader)
    {
        var kind = (ConsistencyKind)reader.Byte();
        byte owners = reader.Byte();
        return kind <= ConsistencyKind.Any ? new ConsistencyLevel(kind, owners) : throw reader.Wrong($"{(byte)kind} is no consistency level");
    }
}
