using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Convergence;

/// <summary>A question about a value, or about which there are. Layout: kind (1), then the fields in order.</summary>
public abstract record CrdtQuery
{
    private CrdtQuery()
    {
    }

    /// <summary>All of a value.</summary>
    public sealed record Whole(CrdtKey Key) : CrdtQuery;

    /// <summary>Sets: is this element in it? Answered by a <see cref="CrdtData.Switch"/>.</summary>
    public sealed record Contains(CrdtKey Key, ReadOnlyMemory<byte> Element) : CrdtQuery;

    /// <summary>How many elements, fields, values, items or units there are. Answered by a <see cref="CrdtData.Number"/>.</summary>
    public sealed record Count(CrdtKey Key) : CrdtQuery;

    /// <summary>Sets and maps: so many elements, or fields, after this one (empty: from the first), ascending. Fields of one key and several kinds come together.</summary>
    public sealed record Page(CrdtKey Key, ReadOnlyMemory<byte> After, int Most) : CrdtQuery;

    /// <summary>Texts and lists: from an index on, so many at most; what lies beyond the end is left out.</summary>
    public sealed record Range(CrdtKey Key, int Index, int Most) : CrdtQuery;

    /// <summary>Maps: the value of a field, down a path of fields.</summary>
    public sealed record Field(CrdtKey Key, IReadOnlyList<MapField> Path) : CrdtQuery;

    /// <summary>Which keys have this name. Answered by <see cref="CrdtData.Keys"/>.</summary>
    public sealed record Types(ReadOnlyMemory<byte> Name) : CrdtQuery;

    /// <summary>So many keys after this one, by type and then by name; null: from the first. Answered by <see cref="CrdtData.Keys"/>.</summary>
    public sealed record Keys(CrdtKey? After, int Most) : CrdtQuery;

    /// <summary>Which keys have changed here since a position of a feed, so many at most; since one of another feed: perhaps all. Answered by <see cref="CrdtData.Changes"/>.</summary>
    public sealed record Changes(long Feed, long Since, int Most) : CrdtQuery;

    internal void Encode(CrdtWriter writer)
    {
        switch (this)
        {
            case Whole whole:
                writer.Byte(1);
                whole.Key.Write(writer);
                break;
            case Contains contains:
                writer.Byte(2);
                contains.Key.Write(writer);
                writer.Datum(new Datum(contains.Element.ToArray()));
                break;
            case Count count:
                writer.Byte(3);
                count.Key.Write(writer);
                break;
            case Page page:
                writer.Byte(4);
                page.Key.Write(writer);
                writer.Datum(new Datum(page.After.ToArray()));
                writer.Unsigned((ulong)page.Most);
                break;
            case Range range:
                writer.Byte(5);
                range.Key.Write(writer);
                writer.Unsigned((ulong)range.Index);
                writer.Unsigned((ulong)range.Most);
                break;
            case Field field:
                writer.Byte(6);
                field.Key.Write(writer);
                writer.Count(field.Path.Count);
                foreach (MapField each in field.Path)
                {
                    writer.Datum(each.Key);
                    writer.Byte((byte)each.Kind);
                }

                break;
            case Types types:
                writer.Byte(7);
                writer.Datum(new Datum(types.Name.ToArray()));
                break;
            case Keys keys:
                writer.Byte(8);
                writer.Byte(keys.After is null ? (byte)0 : (byte)1);
                keys.After?.Write(writer);
                writer.Unsigned((ulong)keys.Most);
                break;
            case Changes changes:
                writer.Byte(9);
                writer.Unsigned((ulong)changes.Feed);
                writer.Unsigned((ulong)changes.Since);
                writer.Unsigned((ulong)changes.Most);
                break;
        }
    }

    /// <exception cref="InvalidDataException">What follows is no query.</exception>
    internal static CrdtQuery Decode(ref CrdtReader reader)
    {
        byte kind = reader.Byte();
        switch (kind)
        {
            case 1:
                return new Whole(CrdtKey.Read(ref reader));
            case 2:
                return new Contains(CrdtKey.Read(ref reader), reader.Datum().Memory);
            case 3:
                return new Count(CrdtKey.Read(ref reader));
            case 4:
                return new Page(CrdtKey.Read(ref reader), reader.Datum().Memory, ReadMost(ref reader));
            case 5:
                return new Range(CrdtKey.Read(ref reader), ReadMost(ref reader), ReadMost(ref reader));
            case 6:
                CrdtKey key = CrdtKey.Read(ref reader);
                var path = new MapField[(int)reader.Within(1, CrdtLimits.MapDepth, "the length of a path")];
                for (int i = 0; i < path.Length; i++)
                    path[i] = new MapField(reader.Datum(), (StoreKind)reader.Within(1, 8, "the kind of a field"));
                return new Field(key, path);
            case 7:
                return new Types(reader.Datum().Memory);
            case 8:
                CrdtKey? after = reader.Within(0, 1, "a flag") == 1 ? CrdtKey.Read(ref reader) : null;
                return new Keys(after, ReadMost(ref reader));
            case 9:
                return new Changes(reader.Within(0, long.MaxValue, "a feed"), reader.Within(0, long.MaxValue, "a position"), ReadMost(ref reader));
            default:
                throw reader.Wrong($"a query has kind {kind}; 1 to 9 are known");
        }
    }

    private static int ReadMost(ref CrdtReader reader) => (int)reader.Within(0, int.MaxValue, "a count");
}

/// <summary>A client's read: queries about keys of one shard, answered from one moment. Layout: version (1), level (2), count, queries.</summary>
/// <param name="Queries">At least one, at most <see cref="MaxQueries"/>.</param>
/// <param name="Level">What as many replicas have durable is in the answer.</param>
public sealed record CrdtRead(IReadOnlyList<CrdtQuery> Queries, ConsistencyLevel Level = default)
{
    public const int MaxQueries = 65_536;

    /// <summary>Told from a store's own queries by it.</summary>
    internal const byte Version = 1;

    public CrdtRead(CrdtQuery query, ConsistencyLevel level = default)
        : this([query], level)
    {
    }

    public byte[] ToBytes()
    {
        var writer = new CrdtWriter();
        writer.Byte(Version);
        Levels.Write(writer, Level);
        writer.Count(Queries.Count);
        foreach (CrdtQuery query in Queries)
            query.Encode(writer);
        return writer.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are no read.</exception>
    public static CrdtRead Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new CrdtReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a read of a CRDT group has version {version}; this build reads {Version}");
        ConsistencyLevel level = Levels.Read(ref reader);
        int count = reader.Count("queries", minimumSize: 3);
        if (count is 0 or > MaxQueries)
            throw reader.Wrong($"a read has {count} queries; 1 to {MaxQueries} are allowed");
        var queries = new CrdtQuery[count];
        for (int i = 0; i < count; i++)
            queries[i] = CrdtQuery.Decode(ref reader);
        reader.End();
        return new CrdtRead(queries, level);
    }
}
