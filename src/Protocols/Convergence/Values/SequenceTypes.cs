using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>Texts and lists. Their deltas come in causal order, or they could not be merged.</summary>
internal abstract class SequenceType<TItem> : ValueType
{
    public override bool IsSequence => true;

    public override bool HasTags => true;

    public override Tag TagOf(Dot by, ReadOnlySpan<byte> delta)
    {
        SequenceDelta<TItem> read = SequenceDelta.Decode<TItem>(delta);
        CausalContext inserted = new(), deleted = read.Deleted.Copy();
        foreach (SequenceDelta<TItem>.InsertedRun run in read.Inserted)
        {
            var dots = new DotRange(run.First.Source, run.First.Counter, run.End - 1);
            inserted.Add(dots);
            if (run.IsDeleted)
                deleted.Add(dots);
        }

        return new Tag(by, inserted, deleted);
    }

    public override void Stabilize(object value, IReadOnlyList<Tag> unstable, VersionVector stable)
    {
        CausalContext unsettled = Joined(unstable.Where(tag => !stable.Covers(tag.By)), tag => tag.Dots), kept = Joined(unstable, tag => tag.Deleted);
        kept.Join(Joined(unstable, tag => tag.Dots));
        ((Sequence<TItem>)value).Stabilize(unsettled, kept);
    }

    public override byte[] Change(object value, CrdtOperation operation, in Editor editor, out long result)
    {
        var sequence = (Sequence<TItem>)value;
        switch (operation)
        {
            case CrdtOperation.DeleteRange range:
                sequence.Delete(range.Index, range.Count);
                break;
            case CrdtOperation.Clear:
                sequence.Delete(0, sequence.Length);
                break;
            default:
                Insert(sequence, operation, editor);
                break;
        }

        result = sequence.Length;
        SequenceDelta<TItem> delta = sequence.TakeDelta();
        return delta.IsEmpty ? [] : delta.Encode();
    }

    public override void Merge(object value, ReadOnlySpan<byte> delta)
    {
        bool isKnown = ((Sequence<TItem>)value).TryMerge(SequenceDelta.Decode<TItem>(delta));
        if (!isKnown)
            throw new InvalidDataException("a delta of a sequence refers to elements that its updates do not depend on");
    }

    public override long MostAdded(object value, long bytes, CrdtOperation operation, int enough)
    {
        var sequence = (Sequence<TItem>)value;
        int deleted = operation is CrdtOperation.Clear ? int.MaxValue : operation is CrdtOperation.DeleteRange range ? range.Count : 0;
        long most = 24L * Math.Min(deleted, sequence.RunCount);
        // In how many pieces it is kept is chance.
        return 256 + (most <= enough ? most : 24L * Math.Min(deleted, sequence.VisibleRanges));
    }

    public override int GrownBySettling(object value) => (int)Math.Min(int.MaxValue, 16L * ((Sequence<TItem>)value).RunCount);

    public override string? Refusal(object value, CrdtOperation operation, ref long length, ref long inserted)
    {
        long added = operation switch
        {
            CrdtOperation.DeleteRange => 0,
            CrdtOperation.Clear => -length,
            _ => LengthOf(operation),
        };
        (long index, long taken) = operation switch
        {
            CrdtOperation.DeleteRange range => (range.Index, range.Count),
            CrdtOperation.InsertText insert => (insert.Index, 0),
            CrdtOperation.InsertItems insert => (insert.Index, 0),
            _ => (0L, 0),
        };
        if (added < 0 && operation is not CrdtOperation.Clear)
            return $"{operation.GetType().Name} cannot be done to such a value";
        if (index + taken > length)
            return $"index {index + taken} is beyond the end; the length is {length}";
        var sequence = (Sequence<TItem>)value;
        if (added > 0 && sequence.Kept + inserted + added >= CrdtLimits.SequenceElements)
            return $"{sequence.Kept} elements are kept, deleted ones that not every member knows of included; {CrdtLimits.SequenceElements} is the most";
        if (added > 0 && added + inserted > CrdtLimits.SequenceNumbers - CrdtLimits.SequenceElements - sequence.Version.DotCount)
            return $"{sequence.Version.DotCount} elements were inserted since it was made; {CrdtLimits.SequenceNumbers - CrdtLimits.SequenceElements} is the most";
        length += added - taken;
        inserted += Math.Max(0, added);
        return null;
    }

    public override CrdtData Answer(object value, CrdtQuery query) => query switch
    {
        CrdtQuery.Whole => View(value),
        CrdtQuery.Count => new CrdtData.Number(((Sequence<TItem>)value).Length),
        CrdtQuery.Range range => View((Sequence<TItem>)value, range.Index, range.Most),
        _ => throw NotAsked(query),
    };

    public override CrdtData View(object value) => View((Sequence<TItem>)value, 0, int.MaxValue);

    // Each has one byte.
    protected override long LeastBytes(object value, long enough) => ((Sequence<TItem>)value).Length;

    protected abstract void Insert(Sequence<TItem> sequence, CrdtOperation operation, in Editor editor);

    /// <summary>How much an operation inserts; below 0: it is none of this type.</summary>
    protected abstract long LengthOf(CrdtOperation operation);

    protected abstract CrdtData ViewOf(TItem[] items);

    private CrdtData View(Sequence<TItem> sequence, int index, int most)
    {
        int from = Math.Min(index, sequence.Length);
        return ViewOf(sequence.ToArray(from, Math.Min(most, sequence.Length - from)));
    }
}

internal sealed class TextType : SequenceType<char>
{
    public override object New() => new Text();

    public override object Decode(ReadOnlySpan<byte> bytes) => CrdtCodec.Decode<Text>(bytes);

    public override byte[] Encode(object value) => CrdtCodec.Encode((Text)value);

    public override void MergeWhole(object value, ReadOnlySpan<byte> whole) => ((Text)value).Merge(CrdtCodec.Decode<Text>(whole));

    protected override void Insert(Sequence<char> sequence, CrdtOperation operation, in Editor editor)
    {
        var insert = (CrdtOperation.InsertText)operation;
        ((Text)sequence).Insert(editor.Source, insert.Index, insert.Text);
    }

    protected override long LengthOf(CrdtOperation operation) => operation is CrdtOperation.InsertText insert ? insert.Text.Length : -1;

    protected override CrdtData ViewOf(char[] items) => new CrdtData.Text(new string(items));
}

internal sealed class ListType : SequenceType<Datum>
{
    public override object New() => new CausalList();

    public override object Decode(ReadOnlySpan<byte> bytes) => CrdtCodec.Decode<CausalList>(bytes);

    public override byte[] Encode(object value) => CrdtCodec.Encode((CausalList)value);

    public override void MergeWhole(object value, ReadOnlySpan<byte> whole) => ((CausalList)value).Merge(CrdtCodec.Decode<CausalList>(whole));

    protected override void Insert(Sequence<Datum> sequence, CrdtOperation operation, in Editor editor)
    {
        var insert = (CrdtOperation.InsertItems)operation;
        ((CausalList)sequence).Insert(editor.Source, insert.Index, [.. insert.Items.Select(item => new Datum(item.ToArray()))]);
    }

    protected override long LengthOf(CrdtOperation operation) => operation is CrdtOperation.InsertItems insert ? insert.Items.Count : -1;

    protected override long LeastBytes(object value, long enough)
    {
        var list = (CausalList)value;
        long bytes = 0;
        for (int from = 0; from < list.Length && bytes <= enough; from += 1_000)
            bytes += BytesOf(list.ToArray(from, Math.Min(1_000, list.Length - from)), enough);
        return bytes;
    }

    protected override CrdtData ViewOf(Datum[] items) => new CrdtData.Elements([.. items.Select(item => item.Memory)]);
}
