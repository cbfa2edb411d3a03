using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// Changes of a list or text, to be merged into another replica of it: runs of inserted elements, each with the neighbours of its first one, and the
/// elements that were deleted. A dot stands for an element: the source that inserted it and the source's number for it.
/// <para>Unlike a delta of the other types it can only be merged where what it refers to is known: one that comes too early is refused.</para>
/// </summary>
/// <typeparam name="TItem">What a sequence is of: <see cref="char"/> or <see cref="Datum"/>.</typeparam>
public sealed class SequenceDelta<TItem>
{
    private const byte Layout = 0;

    internal SequenceDelta(IReadOnlyList<InsertedRun> inserted, CausalContext deleted)
    {
        Inserted = inserted;
        Deleted = deleted;
    }

    public bool IsEmpty => Inserted.Count == 0 && Deleted.IsEmpty;

    /// <summary>Ascending by source and number.</summary>
    internal IReadOnlyList<InsertedRun> Inserted { get; }

    /// <summary>Elements that are deleted, besides those of runs that have no items.</summary>
    public CausalContext Deleted { get; }

    /// <summary>Kind (1), version (1), layout (1), sources, runs, items, deleted elements.</summary>
    public byte[] Encode() => CrdtCodec.Encode(Kind, Write);

    internal static CrdtKind Kind => typeof(TItem) == typeof(char) ? CrdtKind.TextDelta : CrdtKind.ListDelta;

    private void Write(CrdtWriter writer)
    {
        SortedSet<VersionSource> named = [];
        foreach (InsertedRun run in Inserted)
        {
            named.Add(run.First.Source);
            if (run.Left is { } left)
                named.Add(left.Source);
            if (run.Right is { } right)
                named.Add(right.Source);
        }

        List<VersionSource> sources = [.. named];
        writer.Byte(Layout);
        writer.Count(sources.Count);
        foreach (VersionSource source in sources)
            writer.Source(source);
        writer.Count(Inserted.Count);
        foreach (InsertedRun run in Inserted)
        {
            WriteDot(run.First);
            writer.Unsigned(((ulong)run.Length << 1) | (run.IsDeleted ? 1ul : 0));
            WriteDot(run.Left);
            WriteDot(run.Right);
            SequenceItems<TItem>.Instance.Write(writer, run.Items.Span);
        }

        Deleted.Write(writer);

        void WriteDot(Dot? dot)
        {
            writer.Count(dot is { } of ? 1 + sources.BinarySearch(of.Source) : 0);
            if (dot is { } known)
                writer.Unsigned((ulong)known.Counter);
        }
    }

    internal static SequenceDelta<TItem> Read(ref CrdtReader reader)
    {
        reader.Within(Layout, Layout, "the layout of a delta");
        var sources = new VersionSource[reader.Count("sources", minimumSize: 2)];
        for (int i = 0; i < sources.Length; i++)
        {
            sources[i] = reader.Source();
            if (i > 0 && sources[i] <= sources[i - 1])
                throw reader.Wrong("sources ascend");
        }

        var runs = new InsertedRun[reader.Count("runs", minimumSize: 5)];
        for (int i = 0; i < runs.Length; i++)
        {
            Dot first = ReadDot(ref reader, sources) ?? throw reader.Wrong("a run has no first element");
            if (i > 0 && (first.Source < runs[i - 1].First.Source || (first.Source == runs[i - 1].First.Source && first.Counter < runs[i - 1].End)))
                throw reader.Wrong("runs ascend by source and number");
            long length = reader.Within(2, 2L * CrdtLimits.SequenceElements + 1, "twice the length of a run");
            Dot? left = ReadDot(ref reader, sources), right = ReadDot(ref reader, sources);
            TItem[] items = (length & 1) == 1 ? [] : SequenceItems<TItem>.Instance.Read(ref reader, (int)(length >> 1));
            runs[i] = new InsertedRun(first, (int)(length >> 1), left, right, items);
        }

        return new SequenceDelta<TItem>(runs, CausalContext.Read(ref reader));
    }

    private static Dot? ReadDot(ref CrdtReader reader, VersionSource[] sources)
    {
        int source = (int)reader.Within(0, sources.Length, "the source of an element");
        return source == 0 ? null : new Dot(sources[source - 1], reader.Within(1, CrdtLimits.SequenceNumbers, "the number of an element"));
    }

    /// <param name="First">Its first element.</param>
    /// <param name="Length">Elements.</param>
    /// <param name="Left">After which element the first was inserted; null: at the start.</param>
    /// <param name="Right">Before which element all were inserted; null: at the end.</param>
    /// <param name="Items">As many as elements; none: they are deleted already.</param>
    internal readonly record struct InsertedRun(Dot First, int Length, Dot? Left, Dot? Right, ReadOnlyMemory<TItem> Items)
    {
        public long End => First.Counter + Length;

        public bool IsDeleted => Items.IsEmpty;

        /// <summary>The elements from a number on.</summary>
        public InsertedRun From(long number)
        {
            int offset = (int)(number - First.Counter);
            return offset == 0 ? this : this with
            {
                First = First with { Counter = number },
                Length = Length - offset,
                Left = First with { Counter = number - 1 },
                Items = IsDeleted ? Items : Items[offset..],
            };
        }
    }
}

/// <summary>Deltas of lists and texts from bytes.</summary>
public static class SequenceDelta
{
    /// <exception cref="InvalidDataException">The bytes are no delta of such a sequence.</exception>
    public static SequenceDelta<TItem> Decode<TItem>(ReadOnlySpan<byte> bytes) => CrdtCodec.Decode(SequenceDelta<TItem>.Kind, bytes, SequenceDelta<TItem>.Read);
}
