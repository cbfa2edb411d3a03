using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// What one update of a client changed: a delta for each of its keys, applied by every replica all or nothing. A source numbers its units from 1; a unit comes after
/// those before it and after all that its source had applied when it made it.
/// <para>Layout: version (1), number, dependencies, what is stable, id (flag, 16), parts: count, then key, length and delta each.</para>
/// </summary>
/// <param name="Number">The source's number for it.</param>
/// <param name="After">What its source had applied of others, where that is more than at its unit before.</param>
/// <param name="Stable">What its source had let go of as stable, where that is more than at its unit before: whoever applies it lets go of that first, so that it is applied to what it was made for.</param>
/// <param name="Id">Of the client's update; empty: none.</param>
/// <param name="Parts">Each key once.</param>
internal sealed record UpdateUnit(long Number, VersionVector After, VersionVector Stable, Guid Id, IReadOnlyList<(CrdtKey Key, ReadOnlyMemory<byte> Delta)> Parts)
{
    private const byte Version = 1;

    public byte[] ToBytes()
    {
        var writer = new CrdtWriter();
        writer.Byte(Version);
        writer.Unsigned((ulong)Number);
        Vectors.Write(writer, After);
        Vectors.Write(writer, Stable);
        writer.Byte(Id == Guid.Empty ? (byte)0 : (byte)1);
        if (Id != Guid.Empty)
            Id.TryWriteBytes(writer.Raw(16));
        writer.Count(Parts.Count);
        foreach ((CrdtKey key, ReadOnlyMemory<byte> delta) in Parts)
        {
            key.Write(writer);
            writer.Count(delta.Length);
            writer.Raw(delta.Span);
        }

        return writer.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are no unit.</exception>
    public static UpdateUnit Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new CrdtReader(bytes);
        (long number, VersionVector after, VersionVector stable) = Head(ref reader);
        Guid id = reader.Within(0, 1, "a flag") == 1 ? new Guid(reader.Raw(16)) : Guid.Empty;
        var parts = new (CrdtKey, ReadOnlyMemory<byte>)[reader.Count("parts", minimumSize: 4)];
        for (int i = 0; i < parts.Length; i++)
            parts[i] = (CrdtKey.Read(ref reader), reader.Raw(reader.Count("bytes of a delta")).ToArray());
        reader.End();
        return new UpdateUnit(number, after, stable, id, parts);
    }

    private static (long Number, VersionVector After, VersionVector Stable) Head(ref CrdtReader reader)
    {
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"an update unit has version {version}; this build reads {Version}");
        return (reader.Within(1, long.MaxValue, "the number of a unit"), Vectors.Read(ref reader), Vectors.Read(ref reader));
    }
}

/// <summary>Version vectors, packed: count, then source and number each, ascending.</summary>
internal static class Vectors
{
    public static void Write(CrdtWriter writer, VersionVector vector)
    {
        writer.Count(vector.Last.Count);
        foreach (Dot last in vector.Last)
            writer.Dot(last);
    }

    public static VersionVector Read(ref CrdtReader reader)
    {
        int count = reader.Count("sources", minimumSize: 3);
        if (count > VersionVector.MaxSources)
            throw reader.Wrong($"a version vector has {count} sources; {VersionVector.MaxSources} is the most");
        VersionVector vector = VersionVector.Empty;
        Dot last = default;
        for (int i = 0; i < count; i++)
        {
            Dot dot = reader.Dot();
            if (i > 0 && dot.Source <= last.Source)
                throw reader.Wrong($"a version vector's sources ascend; {dot.Source} follows {last.Source}");
            vector = vector.With(last = dot);
        }

        return vector;
    }

    /// <summary>What both cover.</summary>
    public static VersionVector Meet(VersionVector one, VersionVector other) =>
        VersionVector.Of(one.Last.Where(last => other[last.Source] > 0).Select(last => last with { Counter = Math.Min(last.Counter, other[last.Source]) }));

    /// <summary>How many updates one has and the other has not. The logs of two replicas are two logs, and this is what can be said of both.</summary>
    public static long Missing(VersionVector one, VersionVector other) => one.Last.Sum(last => Math.Max(0, last.Counter - other[last.Source]));

    /// <summary>Those of one's entries that are higher than the other's.</summary>
    public static VersionVector Beyond(VersionVector one, VersionVector other) => VersionVector.Of(one.Last.Where(last => last.Counter > other[last.Source]));
}
