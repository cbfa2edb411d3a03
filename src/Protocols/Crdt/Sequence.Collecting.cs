using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// Deleted elements are let go of once every replica has seen them and their deletion, by each replica when it knows, and names stay as they are. Why the order stays that of one who keeps
/// everything: what comes later is of somebody who has seen all settled elements, and so lies between two that are neighbours among those. It is compared with what is not settled only, and
/// a gap between two settled elements loses its deleted ones only while nothing else is in it; from then on whatever is put there is put between the same two. One who has not let go of
/// them has them settled, and stops at the first.
/// </summary>
public abstract partial class Sequence<TItem>
{
    // Something is settled or gone; until then a sequence is written as one that keeps everything.
    private bool _isCollected;

    /// <summary>Elements that are kept, deleted ones included.</summary>
    public long Kept { get; private set; }

    /// <summary>
    /// Settles what every replica has, given that whatever comes later is of one who has seen it, and lets go of deleted elements where nothing can need them any more.
    /// Whoever merges a delta has settled at least what its maker had, and whoever merges a whole state at least what that has let go of.
    /// </summary>
    /// <param name="unstable">Elements of which it is not known that every replica has seen them.</param>
    /// <param name="kept">Elements of which it is not known that every replica has settled them, and settled it that they are deleted.</param>
    public void Stabilize(CausalContext unstable, CausalContext kept)
    {
        Invariant.That(_inserted.IsEmpty && _deleted.IsEmpty, "a delta was taken of what was changed here before it can be stable");
        List<Piece> pieces = Pieces(unstable, kept, out bool isNew);
        List<Run> runs = WithoutEmptyGaps(Parted(pieces));
        long left = runs.Sum(run => (long)run.Length);
        if (!isNew && left == Kept)
            return;
        (_isCollected, Kept) = (true, left);
        Rebuild(runs);
        FreeItems();
    }

    /// <summary>A run or a part of one, all alike.</summary>
    /// <param name="Run">Which.</param>
    /// <param name="IsOver">It is deleted, and every replica has settled both it and that.</param>
    private readonly record struct Piece(Run Run, bool IsOver);

    private List<Piece> Pieces(CausalContext unstable, CausalContext toBeKept, out bool isNew)
    {
        var pieces = new List<Piece>(_tree.RunCount);
        isNew = false;
        for (RunPlace place = _tree.Start; RunTree.Normalize(ref place); place.At++)
        {
            Run run = place.Run;
            for (int offset = 0; offset < run.Length;)
            {
                var dot = new Dot(_sources[run.Source], run.First + offset);
                long until = long.MaxValue, untilDeleted = long.MaxValue;
                bool isSettled = run.IsSettled || !unstable.Contains(dot, out until);
                bool isOver = isSettled && run.IsDeleted && !toBeKept.Contains(dot, out untilDeleted);
                Run piece = offset == 0 ? run : run.From(offset);
                piece.Length = (int)(Math.Min(run.End - 1, Math.Min(until, untilDeleted)) - dot.Counter + 1);
                isNew |= isSettled && !run.IsSettled;
                pieces.Add(new Piece(isSettled ? Run.Settled(piece.FirstId, piece.Length, piece.IsDeleted) : piece, isOver));
                offset += piece.Length;
            }
        }

        return pieces;
    }

    /// <summary>What an unsettled element was inserted beside stays; other elements of its run may go.</summary>
    private static List<Piece> Parted(List<Piece> pieces)
    {
        var named = new SortedSet<(ushort Source, int Number)>();
        foreach (Run run in pieces.Where(piece => !piece.Run.IsSettled).Select(piece => piece.Run))
        {
            named.Add((run.Left.Source, run.Left.Number));
            named.Add((run.Right.Source, run.Right.Number));
        }

        if (named.Count == 0)
            return pieces;
        var parted = new List<Piece>(pieces.Count);
        foreach (Piece piece in pieces)
        {
            Run rest = piece.Run;
            if (piece.IsOver)
            {
                foreach ((_, int number) in named.GetViewBetween((rest.Source, rest.First), (rest.Source, rest.End - 1)))
                {
                    Cut(number, isOver: true);
                    Cut(number + 1, isOver: false);
                }
            }

            Cut(rest.End, piece.IsOver);

            void Cut(int number, bool isOver)
            {
                if (number > rest.First)
                    parted.Add(new Piece(rest with { Length = number - rest.First }, isOver));
                if (number > rest.First && number < rest.End)
                    rest = rest.From(number - rest.First);
                else if (number >= rest.End)
                    rest.Length = 0;
            }
        }

        return parted;
    }

    private static List<Run> WithoutEmptyGaps(List<Piece> pieces)
    {
        var kept = new List<Run>(pieces.Count);
        int gap = 0;
        bool isEmpty = true;
        foreach ((Run run, bool isOver) in pieces)
        {
            if (run.IsSettled && !isOver)
                EndGap();
            kept.Add(run);
            if (run.IsSettled && !isOver)
                (gap, isEmpty) = (kept.Count, true);
            isEmpty &= run.IsSettled;
        }

        EndGap();
        return kept;

        void EndGap()
        {
            if (isEmpty)
                kept.RemoveRange(gap, kept.Count - gap);
        }
    }

    private void Rebuild(List<Run> runs)
    {
        _tree = new RunTree();
        foreach (VersionSource _ in _sources)
            _tree.AddSource();
        RunPlace end = _tree.Start;
        for (int i = 0; i < runs.Count;)
        {
            Run run = runs[i++];
            for (; i < runs.Count && run.MergesWith(runs[i]); i++)
                run.Length += runs[i].Length;
            _tree.Append(ref end, run);
        }
    }

    /// <summary>Once more than half of what takes room is deleted.</summary>
    private void FreeItems()
    {
        long stored = 0;
        foreach (ItemBuffer items in _items)
            stored += items.Stored;
        if (stored > 2L * Length + 1_024)
            RebuildItems();
    }

    private void RebuildItems()
    {
        var runs = new List<Run>(_tree.RunCount);
        for (RunPlace place = _tree.Start; RunTree.Normalize(ref place); place.At++)
            runs.Add(place.Run);
        ItemBuffer[] before = [.. _items];
        for (int i = 0; i < before.Length; i++)
            _items[i] = new ItemBuffer();
        foreach (Run run in runs.OrderBy(run => run.Source).ThenBy(run => run.First))
        {
            ItemBuffer items = _items[run.Source];
            items.SkipTo(run.First);
            if (run.IsDeleted)
                items.Skip(run.Length);
            else
                items.Append(before[run.Source].Items(run.First, run.Length));
        }

        for (int i = 0; i < before.Length; i++)
            _items[i].SkipTo(before[i].Count + 1);
    }

    // ---- whole states of which one has let go of what the other has not ----

    /// <summary>The other has every element of this one, and every deletion.</summary>
    private bool IsWithin(Sequence<TItem> other)
    {
        for (int i = 0; i < _sources.Count; i++)
        {
            if (_items[i].Count > 0 && (!other._places.TryGetValue(_sources[i], out ushort there) || other._items[there].Count < _items[i].Count))
                return false;
        }

        for (RunPlace place = other._tree.Start; RunTree.Normalize(ref place); place.At++)
        {
            Run run = place.Run;
            if (run.IsDeleted || !_places.TryGetValue(other._sources[run.Source], out ushort here))
                continue;
            int end = Math.Min(run.End, _items[here].Count + 1);
            for (int number = run.First; number < end;)
            {
                if (!_tree.TryFind(new ElementId(here, number), out RunPlace mine, out _) || mine.Run.IsDeleted)
                    return false;
                number = mine.Run.End;
            }
        }

        return true;
    }

    /// <summary>What the other has let go of is deleted.</summary>
    private void DeleteWhatIsGone(Sequence<TItem> other)
    {
        var gone = new List<DotRange>();
        for (RunPlace place = _tree.Start; RunTree.Normalize(ref place); place.At++)
        {
            Run run = place.Run;
            VersionSource source = _sources[run.Source];
            if (run.IsDeleted || !other._places.TryGetValue(source, out ushort there))
                continue;
            int end = Math.Min(run.End, other._items[there].Count + 1);
            for (int number = run.First; number < end;)
            {
                bool isThere = other._tree.TryFind(new ElementId(there, number), out RunPlace theirs, out _);
                int next = Math.Min(end, isThere ? theirs.Run.End : other._tree.NextAfter(there, number));
                if (!isThere)
                    gone.Add(new DotRange(source, number, next - 1));
                number = next;
            }
        }

        foreach (DotRange range in gone)
            DeleteKnown(range);
    }

    private void Become(Sequence<TItem> other)
    {
        var writer = new CrdtWriter();
        other.Write(writer);
        _sources.Clear();
        _items.Clear();
        _places.Clear();
        _tree = new RunTree();
        (_isCollected, Kept) = (false, 0);
        var reader = new CrdtReader(writer.Written);
        Fill(ref reader);
    }
}
