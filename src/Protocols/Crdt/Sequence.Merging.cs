using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

public abstract partial class Sequence<TItem>
{
    /// <summary>What was changed here since the last call, by <c>Insert</c> and <see cref="Delete"/>: for the other replicas.</summary>
    public SequenceDelta<TItem> TakeDelta()
    {
        SequenceDelta<TItem> delta = DeltaOf(_inserted, _deleted);
        (_inserted, _deleted) = (new CausalContext(), new CausalContext());
        return delta;
    }

    /// <summary>What a replica lacks that has these elements: the others, and every deletion.</summary>
    /// <exception cref="InvalidDataException">An element it lacks is settled: where it lay is known by the whole only.</exception>
    public SequenceDelta<TItem> DeltaSince(CausalContext version)
    {
        var inserted = new CausalContext();
        for (int i = 0; i < _sources.Count; i++)
        {
            long known = Math.Min(version.Last(_sources[i]), _items[i].Count);
            if (known < _items[i].Count)
                inserted.Add(new DotRange(_sources[i], known + 1, _items[i].Count));
        }

        var deleted = new CausalContext();
        for (RunPlace place = _tree.Start; RunTree.Normalize(ref place); place.At++)
        {
            ref Run run = ref place.Run;
            long last = Math.Min(run.End - 1, version.Last(_sources[run.Source]));
            if (run.IsDeleted && last >= run.First)
                deleted.Add(new DotRange(_sources[run.Source], run.First, last));
        }

        return DeltaOf(inserted, deleted);
    }

    /// <summary>
    /// Merges what another replica changed; what of it is known already changes nothing. False: it refers to elements that are not known here, so
    /// earlier deltas are missing, and nothing is changed.
    /// </summary>
    /// <exception cref="InvalidDataException">Its runs refer to each other in a circle.</exception>
    public bool TryMerge(SequenceDelta<TItem> delta)
    {
        if (MergeOrder(delta) is not { } order)
            return false;
        foreach (SequenceDelta<TItem>.InsertedRun run in order)
            Integrate(run);
        foreach (SequenceDelta<TItem>.InsertedRun run in delta.Inserted.Where(run => run.IsDeleted))
            DeleteKnown(new DotRange(run.First.Source, run.First.Counter, run.End - 1));
        foreach (DotRange range in delta.Deleted.Ranges)
            DeleteKnown(range);
        FreeItems();
        return true;
    }

    /// <exception cref="InvalidDataException">The other has settled what this one has not, though this one has what the other has not: then not everybody had it.</exception>
    private protected void MergeState(Sequence<TItem> other)
    {
        if (_isCollected || other._isCollected)
        {
            if (other.IsWithin(this))
                return;
            if (IsWithin(other))
            {
                Become(other);
                return;
            }

            DeleteWhatIsGone(other);
        }

        bool merged = TryMerge(other.DeltaSince(Version));
        Invariant.That(merged, "a whole state refers to nothing that it has not");
    }

    private SequenceDelta<TItem> DeltaOf(CausalContext inserted, CausalContext deleted)
    {
        var runs = new List<SequenceDelta<TItem>.InsertedRun>();
        foreach (DotRange range in inserted.Ranges)
        {
            ushort source = _places[range.Source];
            for (int number = (int)range.From; number <= range.To;)
            {
                Run run = _tree.Find(new ElementId(source, number), out int offset).Run;
                if (run.IsSettled)
                    throw new InvalidDataException($"{new Dot(range.Source, number)} is settled here and not known everywhere");
                if (offset > 0)
                    run = run.From(offset);
                run.Length = Math.Min(run.Length, (int)(range.To - number + 1));
                TItem[] items = run.IsDeleted ? [] : _items[source].Items(run.First, run.Length).ToArray();
                runs.Add(new(new Dot(range.Source, number), run.Length, DotOf(run.Left), DotOf(run.Right), items));
                number += run.Length;
            }
        }

        return new SequenceDelta<TItem>(runs, deleted);
    }

    /// <summary>What is new of a delta's runs, each after all that it refers to; null: it refers to something that is neither known nor in the delta.</summary>
    private List<SequenceDelta<TItem>.InsertedRun>? MergeOrder(SequenceDelta<TItem> delta)
    {
        CausalContext known = Version;
        CausalContext all = Version;
        var waiting = new List<SequenceDelta<TItem>.InsertedRun>();
        foreach (SequenceDelta<TItem>.InsertedRun run in delta.Inserted)
        {
            long next = all.Last(run.First.Source) + 1;
            if (run.First.Counter > next)
                return null;
            if (run.End <= next)
                continue;
            waiting.Add(run.From(next));
            all.Add(new DotRange(run.First.Source, next, run.End - 1));
        }

        if (!all.Includes(delta.Deleted) || waiting.Exists(run => !Has(all, run.Left) || !Has(all, run.Right) || (_isCollected && IsGone(run.Left))))
            return null;
        var order = new List<SequenceDelta<TItem>.InsertedRun>(waiting.Count);
        while (waiting.Count > 0)
        {
            var still = new List<SequenceDelta<TItem>.InsertedRun>();
            foreach (SequenceDelta<TItem>.InsertedRun run in waiting)
            {
                if (run.First.Counter == known.Last(run.First.Source) + 1 && Has(known, run.Left) && Has(known, run.Right))
                {
                    order.Add(run);
                    known.Add(new DotRange(run.First.Source, run.First.Counter, run.End - 1));
                }
                else
                    still.Add(run);
            }

            if (still.Count == waiting.Count)
                throw new InvalidDataException($"the runs of a delta refer to each other in a circle, {still[0].First} among them");
            waiting = still;
        }

        return order;

        static bool Has(CausalContext known, Dot? dot) => dot is not { } id || known.Contains(id);

        // Nobody inserts behind an element whose deletion everybody has seen.
        bool IsGone(Dot? dot) => dot is { } id && id.Counter <= known.Last(id.Source) && !_tree.TryFind(IdOf(id), out _, out _);
    }

    /// <summary>
    /// Puts a run where every replica does, whichever it has merged before: between its neighbours, and there by what the elements between them were
    /// inserted between. (This order is FugueMax's; found so, without its tree, it is that of the list algorithm "YjsMod".)
    /// </summary>
    private void Integrate(in SequenceDelta<TItem>.InsertedRun inserted)
    {
        ushort source = PlaceOf(inserted.First.Source);
        Invariant.That(inserted.First.Counter == _items[source].Count + 1, "a source's elements come in the order of their numbers");
        if (inserted.Length > CrdtLimits.SequenceNumbers - inserted.First.Counter)
            throw new InvalidDataException($"{inserted.First.Source} inserts more than {CrdtLimits.SequenceNumbers} elements");
        (ElementId left, ElementId right) = (IdOf(inserted.Left), IdOf(inserted.Right));
        if (!right.IsNone && _tree.TryFind(right, out _, out _))
            _tree.FindStart(right);
        RunPlace place = left.IsNone ? _tree.Start : _tree.FindAfter(left);
        if (_isCollected)
            right = NextSettled(place, right);
        var run = new Run(new ElementId(source, (int)inserted.First.Counter), inserted.Length, left, right, inserted.IsDeleted);
        _tree.Insert(PlaceAmongConcurrent(place, run), run);
        if (inserted.IsDeleted)
            _items[source].Skip(inserted.Length);
        else
            _items[source].Append(inserted.Items.Span);
        Kept += inserted.Length;
    }

    /// <summary>
    /// The nearest settled element from a place on, or this one if it comes first. Whoever names one further away had let go of what lies between, or the one that was named
    /// was let go of here.
    /// </summary>
    private static ElementId NextSettled(RunPlace place, ElementId right)
    {
        for (; RunTree.Normalize(ref place); place.At++)
        {
            if (place.Run.IsSettled || place.Run.FirstId == right)
                return place.Run.FirstId;
        }

        return ElementId.None;
    }

    private RunPlace PlaceAmongConcurrent(RunPlace place, in Run run)
    {
        RunPlace destination = place;
        bool undecided = false;
        for (; RunTree.Normalize(ref place) && place.Run.FirstId != run.Right; place.At++)
        {
            ref Run other = ref place.Run;
            int left = CompareLeft(other.Left, run.Left);
            if (left < 0)
                break;
            if (left == 0)
            {
                int right = CompareRight(other.Right, run.Right);
                if (right == 0 && _sources[run.Source] < _sources[other.Source])
                    break;
                undecided = right < 0;
            }

            if (!undecided)
                destination = new RunPlace(place.Leaf, place.At + 1);
        }

        return destination;
    }

    private int CompareLeft(ElementId one, ElementId other) =>
        one == other ? 0 : one.IsNone ? -1 : other.IsNone ? 1 : _tree.Compare(one, other);

    private int CompareRight(ElementId one, ElementId other) =>
        one == other ? 0 : one.IsNone ? 1 : other.IsNone ? -1 : _tree.Compare(one, other);

    private void DeleteKnown(DotRange range)
    {
        ushort source = _places[range.Source];
        for (int number = (int)range.From; number <= range.To;)
        {
            if (!_tree.TryFind(new ElementId(source, number), out RunPlace place, out int offset))
            {
                number = _tree.NextAfter(source, number);
                continue;
            }

            int count = Math.Min(place.Run.Length - offset, (int)(range.To - number + 1));
            if (!place.Run.IsDeleted)
            {
                _items[source].Clear(number, count);
                _tree.Delete(place, offset, count);
            }

            number += count;
        }
    }
}
