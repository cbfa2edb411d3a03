using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// A sequence that any replica may edit at any index. Every element has an id and remembers the two elements it was inserted between, and the order is
/// that of FugueMax (Weidner and Kleppmann, "The Art of the Fugue", arXiv 2305.00583): runs that were typed at one place at once are never mixed, be they
/// typed forwards or backwards. A deleted element loses its item at once and keeps its place until every replica knows (<see cref="Stabilize"/>).
/// </summary>
public abstract partial class Sequence<TItem>
{
    // A source is known here by its place in these.
    private readonly List<VersionSource> _sources = [];
    private readonly List<ItemBuffer> _items = [];
    private readonly Dictionary<VersionSource, ushort> _places = [];
    private RunTree _tree = new();

    // What was changed here since the last delta was taken.
    private CausalContext _inserted = new();
    private CausalContext _deleted = new();

    private protected Sequence()
    {
    }

    /// <summary>Elements that are not deleted.</summary>
    public int Length => _tree.Visible;

    /// <summary>Every element that was ever inserted, by the dots of their ids, be it kept or not.</summary>
    public CausalContext Version
    {
        get
        {
            var version = new CausalContext();
            for (int i = 0; i < _sources.Count; i++)
            {
                if (_items[i].Count > 0)
                    version.Add(new DotRange(_sources[i], 1, _items[i].Count));
            }

            return version;
        }
    }

    /// <summary>How many pieces the sequence is kept in; its memory and its encoding grow with them, not with the elements.</summary>
    public int RunCount => _tree.RunCount;

    /// <summary>How many ranges of dots what is visible has: equal sequences have equally many. Looks at every run.</summary>
    internal int VisibleRanges
    {
        get
        {
            var ranges = new List<(ushort Source, int First, int End)>();
            for (RunPlace place = _tree.Start; RunTree.Normalize(ref place); place.At++)
            {
                if (!place.Run.IsDeleted)
                    ranges.Add((place.Run.Source, place.Run.First, place.Run.End));
            }

            ranges.Sort();
            return ranges.Where((range, i) => i == 0 || ranges[i - 1].Source != range.Source || ranges[i - 1].End != range.First).Count();
        }
    }

    /// <exception cref="ArgumentOutOfRangeException">The sequence is shorter.</exception>
    public TItem this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Length);
            RunPlace place = _tree.Find(index, out int offset);
            return _items[place.Run.Source].Items(place.Run.First + offset, 1)[0];
        }
    }

    /// <summary>Inserts items so that the first gets this index.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The sequence is shorter.</exception>
    /// <exception cref="InvalidOperationException">The source would insert more than <see cref="CrdtLimits.SequenceNumbers"/>, or there would be more than <see cref="CrdtLimits.SequenceElements"/>.</exception>
    private protected void InsertItems(VersionSource source, int index, ReadOnlySpan<TItem> items)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, Length);
        if (items.IsEmpty)
            return;
        ushort place = PlaceOf(source);
        int first = _items[place].Count + 1;
        if (items.Length > CrdtLimits.SequenceNumbers - first || items.Length > CrdtLimits.SequenceElements - Kept)
            throw new InvalidOperationException(
                $"{source} has inserted {first - 1} elements, and {Kept} are kept; {CrdtLimits.SequenceNumbers} and {CrdtLimits.SequenceElements} are the most");
        Kept += items.Length;
        InsertRun(new ElementId(place, first), index, items.Length);
        _items[place].Append(items);
        _inserted.Add(new DotRange(source, first, first + items.Length - 1));
    }

    /// <summary>Deletes so many elements from an index on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The sequence is shorter.</exception>
    public void Delete(int index, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Length - index);
        while (count > 0)
        {
            RunPlace place = _tree.Find(index, out int offset);
            int here = Math.Min(count, place.Run.Length - offset);
            ElementId first = new(place.Run.Source, place.Run.First + offset);
            _deleted.Add(new DotRange(_sources[first.Source], first.Number, first.Number + here - 1));
            _items[first.Source].Clear(first.Number, here);
            _tree.Delete(place, offset, here);
            count -= here;
        }

        FreeItems();
    }

    /// <summary>Items from an index on.</summary>
    public TItem[] ToArray(int index, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Length - index);
        var items = new TItem[count];
        CopyTo(items, index);
        return items;
    }

    public TItem[] ToArray() => ToArray(0, Length);

    private protected void CopyTo(Span<TItem> target, int index)
    {
        if (target.IsEmpty)
            return;
        RunPlace place = _tree.Find(index, out int offset);
        while (!target.IsEmpty)
        {
            Invariant.That(RunTree.Normalize(ref place), "a sequence has as many elements as it counts");
            if (!place.Run.IsDeleted)
            {
                int here = Math.Min(place.Run.Length - offset, target.Length);
                _items[place.Run.Source].Items(place.Run.First + offset, here).CopyTo(target);
                target = target[here..];
            }

            offset = 0;
            place.At++;
        }
    }

    private void InsertRun(ElementId first, int index, int length)
    {
        RunPlace after = _tree.Start;
        ElementId left = ElementId.None;
        int rest = 0;
        if (index > 0)
        {
            after = _tree.Find(index - 1, out int offset);
            left = new ElementId(after.Run.Source, after.Run.First + offset);
            rest = after.Run.Length - offset - 1;
        }

        if (rest > 0)
        {
            // Within a run: its next element is the right neighbour.
            after = _tree.Split(after, after.Run.Length - rest);
            _tree.Insert(after, new Run(first, length, left, left with { Number = left.Number + 1 }, isDeleted: false));
            return;
        }

        after.At += index > 0 ? 1 : 0;
        RunPlace next = after;
        ElementId right = RunTree.Normalize(ref next) ? next.Run.FirstId : ElementId.None;
        _tree.Insert(after, new Run(first, length, left, right, isDeleted: false));
    }

    private ushort PlaceOf(VersionSource source)
    {
        if (_places.TryGetValue(source, out ushort place))
            return place;
        if (_sources.Count == CrdtLimits.Sources - 1)
            throw new InvalidOperationException($"{_sources.Count} sources have edited a sequence; no more are allowed");
        place = (ushort)_sources.Count;
        _sources.Add(source);
        _items.Add(new ItemBuffer());
        _places.Add(source, place);
        _tree.AddSource();
        return place;
    }

    private ElementId IdOf(Dot? dot) => dot is { } known ? new ElementId(_places[known.Source], (int)known.Counter) : ElementId.None;

    private Dot? DotOf(ElementId id) => id.IsNone ? null : new Dot(_sources[id.Source], id.Number);
}
