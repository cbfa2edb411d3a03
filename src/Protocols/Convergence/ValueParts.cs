using ActorRepl.Protocols.Crdt;

namespace ActorRepl.Protocols.Convergence;

/// <summary>A whole value, and which of its dots are not stable yet, by the updates they came with.</summary>
internal readonly record struct WholeValue(CrdtKey Key, ReadOnlyMemory<byte> State, IReadOnlyList<Tag> Tags)
{
    /// <summary>length, state, tags.</summary>
    public static byte[] Pack(ReadOnlySpan<byte> state, ReadOnlySpan<byte> tags)
    {
        var writer = new CrdtWriter(state.Length + tags.Length + 10);
        writer.Count(state.Length);
        writer.Raw(state);
        writer.Raw(tags);
        return writer.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are no such value.</exception>
    public static WholeValue Unpack(in CrdtKey key, ReadOnlyMemory<byte> bytes)
    {
        var reader = new CrdtReader(bytes.Span);
        int length = reader.Count("bytes of a value");
        ReadOnlyMemory<byte> state = bytes.Slice(reader.Position, length);
        reader.Raw(length);
        var tags = new List<Tag>();
        while (reader.Remaining > 0)
            tags.Add(Tag.Read(ref reader));
        return new WholeValue(key, state, tags);
    }
}

/// <summary>A value, or a piece of a large one, on its way to another replica or into a checkpoint.</summary>
/// <param name="Key">Whose.</param>
/// <param name="Total">Bytes of the whole, as packed.</param>
/// <param name="Offset">Where the piece begins. Pieces follow each other without a gap.</param>
/// <param name="Bytes">The piece.</param>
internal readonly record struct ValuePart(CrdtKey Key, int Total, int Offset, ReadOnlyMemory<byte> Bytes)
{
    public bool IsLast => Offset + Bytes.Length == Total;
}

/// <summary>Parts of values: count, then key, total, offset, and the piece with its length before it, each.</summary>
internal static class PartList
{
    public static byte[] Encode(IReadOnlyList<ValuePart> parts)
    {
        var writer = new CrdtWriter();
        writer.Count(parts.Count);
        foreach (ValuePart part in parts)
        {
            part.Key.Write(writer);
            writer.Count(part.Total);
            writer.Count(part.Offset);
            writer.Count(part.Bytes.Length);
            writer.Raw(part.Bytes.Span);
        }

        return writer.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are no such list.</exception>
    public static ValuePart[] Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new CrdtReader(bytes);
        var parts = new ValuePart[reader.Count("values", minimumSize: 5)];
        for (int i = 0; i < parts.Length; i++)
        {
            CrdtKey key = CrdtKey.Read(ref reader);
            int total = (int)reader.Within(1, int.MaxValue, "the bytes of a value"), offset = (int)reader.Within(0, total - 1, "where a part begins");
            int length = (int)reader.Within(1, total - offset, "the bytes of a part");
            parts[i] = new ValuePart(key, total, offset, reader.Raw(length).ToArray());
        }

        reader.End();
        return parts;
    }
}

/// <summary>Puts values together from their parts, one value after the other. It takes room as the parts come, not as they say.</summary>
internal sealed class ValueAssembler
{
    private readonly CrdtWriter _piece = new();
    private CrdtKey? _key;
    private int _total;

    /// <summary>The whole value that this is the last part of; null: more is to come.</summary>
    /// <exception cref="InvalidDataException">It does not follow the part before it.</exception>
    public WholeValue? Add(in ValuePart part)
    {
        if (part.Offset == 0 && part.IsLast && _key is null)
            return WholeValue.Unpack(part.Key, part.Bytes);
        if (part.Offset != _piece.Length || (_key is { } key && (!key.Equals(part.Key) || _total != part.Total)))
        {
            int before = _piece.Length;
            _piece.Truncate(0);
            _key = null;
            throw new InvalidDataException($"a part of {part.Key} begins at byte {part.Offset}, after {before} of what came before it");
        }

        (_key, _total) = (part.Key, part.Total);
        _piece.Raw(part.Bytes.Span);
        if (!part.IsLast)
            return null;
        byte[] whole = _piece.ToArray();
        _piece.Truncate(0);
        _key = null;
        return WholeValue.Unpack(part.Key, whole);
    }
}
