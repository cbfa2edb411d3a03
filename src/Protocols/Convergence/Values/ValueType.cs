using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>An operation cannot be done; nothing was changed. The message says why, to the user.</summary>
internal sealed class OperationRefusedException(string why) : Exception(why);

/// <summary>Who changes, and when: settled once, by the replica that takes the update.</summary>
/// <param name="Source">Whose dots the change gets.</param>
/// <param name="Wall">Its wall clock, µs since 1970.</param>
/// <param name="SourceOf">Under which source another replica was last heard of.</param>
/// <param name="MaxBytes">Of one delta.</param>
internal readonly record struct Editor(VersionSource Source, long Wall, Func<Kernel.ReplicaId, VersionSource> SourceOf, int MaxBytes);

/// <summary>What a store does with the values of one <see cref="CrdtType"/>. A value belongs to whoever has it; bytes are the canonical encoding.</summary>
internal abstract class ValueType
{
    private static readonly ValueType[] ByType =
    [
        null!, new GrowCounterType(), new CounterType(), new BoundedCounterType(), new GrowSetType(), new TwoPhaseSetType(), new CausalType<EnableWinsFlag>(), new CausalType<DisableWinsFlag>(),
        new CausalType<OrSet>(), new CausalType<MvRegister>(), new CausalType<LwwRegister>(), new CausalType<AddWinsMap>(), new CausalType<RemoveWinsMap>(), new TextType(), new ListType(),
    ];

    public static ValueType Of(CrdtType type) => ByType[(int)type];

    /// <summary>A decoded form is kept, because an edit costs far less than decoding.</summary>
    public virtual bool IsSequence => false;

    /// <summary>Something in it can be let go of once it is stable.</summary>
    public virtual bool HasTags => false;

    public abstract object New();

    /// <exception cref="InvalidDataException">The bytes are no such value.</exception>
    public abstract object Decode(ReadOnlySpan<byte> bytes);

    public abstract byte[] Encode(object value);

    /// <summary>Makes a change and returns its delta, encoded; empty: there is nothing to change.</summary>
    /// <exception cref="OperationRefusedException">It cannot be done.</exception>
    public abstract byte[] Change(object value, CrdtOperation operation, in Editor editor, out long result);

    /// <summary>Merges a delta.</summary>
    /// <exception cref="InvalidDataException">The bytes are no such delta, or one that does not fit the value.</exception>
    public abstract void Merge(object value, ReadOnlySpan<byte> delta);

    /// <summary>Merges a whole value.</summary>
    /// <exception cref="InvalidDataException">The bytes are no such value.</exception>
    public abstract void MergeWhole(object value, ReadOnlySpan<byte> whole);

    /// <summary>An operation on a value of this type may be refused when it is made, and not before.</summary>
    public virtual bool MayRefuse(CrdtOperation operation) => true;

    /// <summary>Bytes of the delta of an operation, beside what the operation has itself, at most.</summary>
    /// <param name="value">What it is done to.</param>
    /// <param name="bytes">Of the value.</param>
    /// <param name="operation">Which.</param>
    /// <param name="enough">Above it, it is exact: the same whenever it is asked of equal values.</param>
    public virtual long MostAdded(object value, long bytes, CrdtOperation operation, int enough) => 256 + (IsWide(operation) ? bytes : 0);

    /// <summary>By how many bytes a value may have grown because something in it is settled.</summary>
    public virtual int GrownBySettling(object value) => 0;

    /// <summary>Why an operation on a sequence of this length cannot be done; null: it can. The length becomes that after it; what was inserted before it, by the same update, is counted too.</summary>
    public virtual string? Refusal(object value, CrdtOperation operation, ref long length, ref long inserted) => null;

    public abstract CrdtData View(object value);

    /// <summary>Bytes that an answer has at least, found without putting it together; more than enough is not counted.</summary>
    public long LeastBytes(object value, CrdtQuery query, long enough) => query switch
    {
        CrdtQuery.Whole => LeastBytes(value, enough),
        CrdtQuery.Field field => LeastBytesOf(value, field.Path, enough),
        _ => 0,
    };

    protected virtual long LeastBytes(object value, long enough) => 0;

    protected virtual long LeastBytesOf(object value, IReadOnlyList<MapField> path, long enough) => 0;

    /// <summary>Answers what a query asks of one value.</summary>
    /// <exception cref="OperationRefusedException">Such a value cannot be asked that.</exception>
    public virtual CrdtData Answer(object value, CrdtQuery query) => query switch
    {
        CrdtQuery.Whole => View(value),
        CrdtQuery.Count => new CrdtData.Number(View(value) is CrdtData.Elements elements ? elements.List.Count : View(value) is CrdtData.Fields fields ? fields.List.Count : throw NotAsked(query)),
        CrdtQuery.Page page when PageOf(value, page) is { } data => data,
        _ => throw NotAsked(query),
    };

    /// <summary>Elements or fields from one on, put together without all the others; null: such a value has none.</summary>
    protected virtual CrdtData? PageOf(object value, CrdtQuery.Page page) => View(value) switch
    {
        CrdtData.Elements all => new CrdtData.Elements([.. all.List.SkipWhile(each => page.After.Length > 0 && each.Span.SequenceCompareTo(page.After.Span) <= 0).Take(page.Most)]),
        CrdtData.Fields all => PageOf(all, page),
        _ => null,
    };

    private protected static CrdtData.Elements PageOf(IEnumerable<Datum> elements, CrdtQuery.Page page) =>
        new([.. Least(elements.Where(each => IsAfter(each, page)), page.Most).Select(element => element.Memory)]);

    private protected static bool IsAfter(Datum datum, CrdtQuery.Page page) => page.After.Length == 0 || datum.Span.SequenceCompareTo(page.After.Span) > 0;

    /// <summary>The least of them, ascending.</summary>
    private protected static IEnumerable<T> Least<T>(IEnumerable<T> all, long most) where T : IComparable<T>
    {
        var least = new PriorityQueue<T, T>(Comparer<T>.Create((one, other) => other.CompareTo(one)));
        foreach (T each in all)
        {
            if (least.Count < most)
                least.Enqueue(each, each);
            else if (most > 0 && each.CompareTo(least.Peek()) < 0)
                least.EnqueueDequeue(each, each);
        }

        return least.UnorderedItems.Select(item => item.Element).Order();
    }

    private protected static long BytesOf(IEnumerable<Datum> elements, long enough)
    {
        long bytes = 0;
        foreach (Datum element in elements)
        {
            bytes += element.Length + 1;
            if (bytes > enough)
                break;
        }

        return bytes;
    }

    // Fields of one key, of whatever kind, are not parted.
    private protected static CrdtData.Fields PageOf(CrdtData.Fields all, CrdtQuery.Page page)
    {
        var rest = all.List.Where(each => page.After.Length == 0 || each.Field.Key.Span.SequenceCompareTo(page.After.Span) > 0).OrderBy(each => each.Field.Key).ThenBy(each => each.Field.Kind).ToList();
        int count = Math.Min(page.Most, rest.Count);
        while (count > 0 && count < rest.Count && rest[count].Field.Key.Equals(rest[count - 1].Field.Key))
            count++;
        return new CrdtData.Fields(rest[..count]);
    }

    /// <summary>What an update's delta does.</summary>
    public virtual Tag TagOf(Dot by, ReadOnlySpan<byte> delta) => throw new Kernel.InvariantViolationException("such a value has no dots to let go of");

    /// <summary>Lets go of what was kept only for changes that may still come; what these did has not been seen everywhere yet. Of a sequence, those are among them that are stable and of which not everybody knows that.</summary>
    public virtual void Stabilize(object value, IReadOnlyList<Tag> unstable, VersionVector stable)
    {
    }

    // It names whatever it removes.
    private static bool IsWide(CrdtOperation operation) =>
        operation is CrdtOperation.Clear or CrdtOperation.Reset or CrdtOperation.RemoveField || (operation is CrdtOperation.Field field && IsWide(field.Inner));

    protected static OperationRefusedException NotAsked(CrdtQuery query) => new($"{query.GetType().Name} cannot be asked of such a value");

    protected static OperationRefusedException NotDone(CrdtOperation operation) => new($"{operation.GetType().Name} cannot be done to such a value");

    protected static CausalContext Joined(IEnumerable<Tag> tags, Func<Tag, CausalContext> part)
    {
        var ranges = new List<DotRange>();
        foreach (Tag tag in tags)
            ranges.AddRange(part(tag).Ranges);
        return CausalContext.Of(ranges);
    }

    private protected static CrdtData.Elements Sorted(IEnumerable<Datum> elements) => new([.. elements.Order().Select(element => element.Memory)]);
}

/// <summary>A type whose deltas are states of its own.</summary>
internal abstract class StateType<T> : ValueType where T : class, ICrdt<T>, new()
{
    public override object New() => new T();

    public override object Decode(ReadOnlySpan<byte> bytes) => CrdtCodec.Decode<T>(bytes);

    public override byte[] Encode(object value) => CrdtCodec.Encode((T)value);

    public override byte[] Change(object value, CrdtOperation operation, in Editor editor, out long result)
    {
        try
        {
            return Change((T)value, operation, editor, out result) is { } delta ? CrdtCodec.Encode(delta) : [];
        }
        catch (Exception wrong) when (wrong is OverflowException or ArgumentException)
        {
            throw new OperationRefusedException(wrong is OverflowException ? "the number does not fit into 64 bits" : wrong.Message);
        }
    }

    public override void Merge(object value, ReadOnlySpan<byte> delta) => ((T)value).Merge(CrdtCodec.Decode<T>(delta));

    public override void MergeWhole(object value, ReadOnlySpan<byte> whole) => Merge(value, whole);

    public override CrdtData View(object value)
    {
        try
        {
            return View((T)value);
        }
        catch (OverflowException)
        {
            throw new OperationRefusedException("the sum does not fit into 64 bits");
        }
    }

    /// <summary>Null: there is nothing to change.</summary>
    protected abstract T? Change(T value, CrdtOperation operation, in Editor editor, out long result);

    protected abstract CrdtData View(T value);
}
