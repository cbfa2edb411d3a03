using ActorRepl.Protocols.Crdt;

namespace ActorRepl.Protocols.Convergence;

/// <summary>What a value looks like to a user. Layout: kind (1), then the fields in order.</summary>
public abstract record CrdtData
{
    private CrdtData()
    {
    }

    /// <summary>A counter, or a count. <paramref name="Rights"/>, of a bounded counter: what the replica that answers may take.</summary>
    public sealed record Number(long Value, long Rights = 0) : CrdtData;

    public sealed record Switch(bool On) : CrdtData;

    /// <summary>Elements of a set, values of a register (one, none, or the concurrent ones), items of a list. Those of sets and registers ascend.</summary>
    public sealed record Elements(IReadOnlyList<ReadOnlyMemory<byte>> List) : CrdtData;

    /// <summary>Fields of a map, ascending.</summary>
    public sealed record Fields(IReadOnlyList<(MapField Field, CrdtData Value)> List) : CrdtData;

    public sealed record Text(string Value) : CrdtData;

    public sealed record Keys(IReadOnlyList<CrdtKey> List) : CrdtData;

    /// <summary>
    /// Keys that have changed, each once, in the order of their last change, up to and with a position: ask from there next. <paramref name="All"/>: changes
    /// from before are not known any more, and any key may have changed.
    /// </summary>
    public sealed record Changes(long UpTo, bool All, IReadOnlyList<CrdtKey> List) : CrdtData;

    internal void Encode(CrdtWriter writer)
    {
        switch (this)
        {
            case Number number:
                writer.Byte(1);
                writer.Signed(number.Value);
                writer.Signed(number.Rights);
                break;
            case Switch flag:
                writer.Byte(2);
                writer.Byte(flag.On ? (byte)1 : (byte)0);
                break;
            case Elements elements:
                writer.Byte(3);
                writer.Count(elements.List.Count);
                foreach (ReadOnlyMemory<byte> element in elements.List)
                {
                    writer.Count(element.Length);
                    writer.Raw(element.Span);
                }

                break;
            case Fields fields:
                writer.Byte(4);
                writer.Count(fields.List.Count);
                foreach ((MapField field, CrdtData value) in fields.List)
                {
                    writer.Datum(field.Key);
                    writer.Byte((byte)field.Kind);
                    value.Encode(writer);
                }

                break;
            case Text text:
                writer.Byte(5);
                writer.Count(text.Value.Length);
                SequenceItems<char>.Instance.Write(writer, text.Value);
                break;
            case Keys keys:
                writer.Byte(6);
                Write(writer, keys.List);
                break;
            case Changes changes:
                writer.Byte(7);
                writer.Unsigned((ulong)changes.UpTo);
                writer.Byte(changes.All ? (byte)1 : (byte)0);
                Write(writer, changes.List);
                break;
        }
    }

    /// <exception cref="InvalidDataException">What follows is no such data.</exception>
    internal static CrdtData Decode(ref CrdtReader reader, int depth = 0)
    {
        if (depth > CrdtLimits.MapDepth + 1)
            throw reader.Wrong($"maps lie deeper than the {CrdtLimits.MapDepth} that are allowed");
        byte kind = reader.Byte();
        switch (kind)
        {
            case 1:
                return new Number(reader.Signed(), reader.Signed());
            case 2:
                return new Switch(reader.Within(0, 1, "a flag") == 1);
            case 3:
                var elements = new ReadOnlyMemory<byte>[reader.Count("elements")];
                for (int i = 0; i < elements.Length; i++)
                    elements[i] = reader.Datum().Memory;
                return new Elements(elements);
            case 4:
                var fields = new (MapField, CrdtData)[reader.Count("fields", minimumSize: 3)];
                for (int i = 0; i < fields.Length; i++)
                    fields[i] = (new MapField(reader.Datum(), (StoreKind)reader.Within(1, 8, "the kind of a field")), Decode(ref reader, depth + 1));
                return new Fields(fields);
            case 5:
                return new Text(new string(SequenceItems<char>.Instance.Read(ref reader, reader.Count("units of text"))));
            case 6:
                return new Keys(ReadKeys(ref reader));
            case 7:
                return new Changes(reader.Within(0, long.MaxValue, "a position"), reader.Within(0, 1, "a flag") == 1, ReadKeys(ref reader));
            default:
                throw reader.Wrong($"an answer has kind {kind}; 1 to 7 are known");
        }
    }

    private static void Write(CrdtWriter writer, IReadOnlyList<CrdtKey> keys)
    {
        writer.Count(keys.Count);
        foreach (CrdtKey key in keys)
            key.Write(writer);
    }

    private static CrdtKey[] ReadKeys(ref CrdtReader reader)
    {
        var keys = new CrdtKey[reader.Count("keys", minimumSize: 3)];
        for (int i = 0; i < keys.Length; i++)
            keys[i] = CrdtKey.Read(ref reader);
        return keys;
    }
}

/// <summary>The answer to one query.</summary>
/// <param name="Version">Where the replica's feed of changes stood when the key last changed here; 0: it was never changed, and what is shown is a new value.</param>
public sealed record CrdtView(long Version, CrdtData Data)
{
    internal void Write(CrdtWriter writer)
    {
        writer.Unsigned((ulong)Version);
        Data.Encode(writer);
    }
}

/// <summary>Answers a <see cref="CrdtRead"/>: one view for each query. Layout: version (1), feed, position, count, then version and data each.</summary>
/// <param name="Feed">Whose positions and versions these are: each replica counts for itself, and under another feed once it has lost its disk. From 1.</param>
/// <param name="Position">Where the replica's feed of changes stands.</param>
public sealed record CrdtAnswer(long Feed, long Position, IReadOnlyList<CrdtView> Views)
{
    private const byte FormatVersion = 1;

    public byte[] ToBytes()
    {
        CrdtWriter writer = Begin(Feed, Position, Views.Count);
        foreach (CrdtView view in Views)
            view.Write(writer);
        return writer.ToArray();
    }

    /// <summary>So many views are to follow.</summary>
    internal static CrdtWriter Begin(long feed, long position, int count)
    {
        var writer = new CrdtWriter();
        writer.Byte(FormatVersion);
        writer.Unsigned((ulong)feed);
        writer.Unsigned((ulong)position);
        writer.Count(count);
        return writer;
    }

    /// <exception cref="InvalidDataException">The bytes are no answer.</exception>
    public static CrdtAnswer Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new CrdtReader(bytes);
        byte version = reader.Byte();
        if (version != FormatVersion)
            throw new InvalidDataException($"an answer of a CRDT group has version {version}; this build reads {FormatVersion}");
        long feed = reader.Within(0, long.MaxValue, "a feed"), position = reader.Within(0, long.MaxValue, "a position");
        var views = new CrdtView[reader.Count("views", minimumSize: 2)];
        for (int i = 0; i < views.Length; i++)
            views[i] = new CrdtView(reader.Within(0, long.MaxValue, "a version"), CrdtData.Decode(ref reader));
        reader.End();
        return new CrdtAnswer(feed, position, views);
    }
}
