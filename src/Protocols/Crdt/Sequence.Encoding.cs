using System.Runtime.InteropServices;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

public abstract partial class Sequence<TItem>
{
    private const byte Whole = 0;
    private const byte Collected = 1;

    /// <summary>How a run says which are its elements and between which it was inserted.</summary>
    private enum RunForm
    {
        /// <summary>More of the nearest run of its source that is lower.</summary>
        Continued = 0,

        /// <summary>More of one further off: how many lie between, less one.</summary>
        ContinuedFarther = 1,

        /// <summary>Its first number, less the one after the last run of its source; inserted between the nearest (<see cref="RunNeighbours"/>).</summary>
        New = 2,

        /// <summary>As the last; between which it was inserted is told after all runs.</summary>
        NewBetween = 3,
    }

    /// <summary>
    /// Layout; sources, ascending; runs in the order of the sequence: (length, form, deleted) in one number, source where there are several, what the form asks for;
    /// left and right of those that name them; items of what is not deleted.
    /// </summary>
    public void Write(CrdtWriter writer)
    {
        List<Run> runs = CanonicalRuns(out List<VersionSource> sources);
        writer.Byte(_isCollected ? Collected : Whole);
        writer.Count(sources.Count);
        foreach (VersionSource source in sources)
            writer.Source(source);
        if (_isCollected)
        {
            WriteCollected(writer, runs, sources);
            return;
        }

        writer.Count(runs.Count);
        Span<Run> span = CollectionsMarshal.AsSpan(runs);
        List<(ElementId Wanted, ElementId Likely)> named = WriteRuns(writer, span, sources.Count);
        foreach ((ElementId wanted, ElementId likely) in named)
        {
            // 0: the likely one, 1: none, otherwise its source.
            writer.Count(wanted == likely ? 0 : wanted.IsNone ? 1 : 2 + wanted.Source);
            if (wanted != likely && !wanted.IsNone)
                writer.Count(wanted.Number);
        }

        SequenceItems<TItem>.Instance.Write(writer, ToArray());
    }

    /// <summary>Fills an empty sequence.</summary>
    private protected void Fill(ref CrdtReader reader)
    {
        int start = reader.Position;
        _isCollected = reader.Within(Whole, Collected, "the layout of a sequence") == Collected;
        int sources = reader.Count("sources", minimumSize: 2);
        for (int i = 0; i < sources; i++)
        {
            VersionSource source = reader.Source();
            if (i > 0 && source <= _sources[i - 1])
                throw reader.Wrong("sources ascend");
            PlaceOf(source);
        }

        Run[] runs, byNumber;
        int[] counts;
        if (_isCollected)
            runs = ReadCollected(ref reader, sources, out counts, out byNumber);
        else
        {
            runs = ReadRuns(ref reader, sources, out bool[] isNamed);
            counts = CountElements(ref reader, runs, sources, out byNumber);
            ReadNeighbours(ref reader, runs, isNamed, counts);
        }

        TItem[] items = SequenceItems<TItem>.Instance.Read(ref reader, runs.Sum(run => run.Visible));
        Adopt(runs, byNumber, counts, items);
        if (_isCollected)
            CheckNeighbours(reader, runs);
        var again = new CrdtWriter(reader.Position - start);
        Write(again);
        if (!again.Written.SequenceEqual(reader.Since(start)))
            throw reader.Wrong("a sequence is not written as it is always written");
    }

    /// <summary>The runs of the sequence, joined wherever they can be, with sources by their places in ascending order.</summary>
    private List<Run> CanonicalRuns(out List<VersionSource> sources)
    {
        sources = [.. _sources.Where((_, place) => _items[place].Count > 0).Order()];
        var canonical = new ushort[_sources.Count];
        for (int i = 0; i < canonical.Length; i++)
            canonical[i] = (ushort)Math.Max(0, sources.BinarySearch(_sources[i]));
        var runs = new List<Run>(_tree.RunCount);
        for (RunPlace place = _tree.Start; RunTree.Normalize(ref place); place.At++)
        {
            Run run = place.Run;
            run = new Run(new ElementId(canonical[run.Source], run.First), run.Length, Canonical(run.Left), Canonical(run.Right), run.IsDeleted) { IsSettled = run.IsSettled };
            if (runs.Count > 0 && runs[^1].MergesWith(run))
                runs[^1] = runs[^1] with { Length = runs[^1].Length + run.Length };
            else
                runs.Add(run);
        }

        return runs;

        ElementId Canonical(ElementId id) => id.IsNone ? id : id with { Source = canonical[id.Source] };
    }

    private static List<(ElementId Wanted, ElementId Likely)> WriteRuns(CrdtWriter writer, ReadOnlySpan<Run> runs, int sources)
    {
        ElementId[] left = RunNeighbours.Left(runs, sources), right = RunNeighbours.Right(runs, sources);
        var named = new List<(ElementId, ElementId)>();
        var nearest = new RunNeighbours.Nearest(sources);
        var ends = new int[sources];
        for (int i = 0; i < runs.Length; i++)
        {
            ref readonly Run run = ref runs[i];
            int between = nearest.Pop(runs, run.Source, run.First);
            bool isContinued = nearest.Top(run.Source) is >= 0 and var lower && runs[lower].IsContinuedBy(run);
            bool isLikely = run.Left == left[i] && run.Right == right[i];
            RunForm form = isContinued ? between == 0 ? RunForm.Continued : RunForm.ContinuedFarther : isLikely ? RunForm.New : RunForm.NewBetween;
            writer.Unsigned(((ulong)run.Length << 3) | ((ulong)form << 1) | (run.IsDeleted ? 1ul : 0));
            if (sources > 1)
                writer.Count(run.Source);
            if (form == RunForm.ContinuedFarther)
                writer.Count(between - 1);
            else if (form != RunForm.Continued)
                writer.Signed(run.First - Math.Max(1, ends[run.Source]));
            if (form == RunForm.NewBetween)
                named.AddRange([(run.Left, left[i]), (run.Right, right[i])]);
            ends[run.Source] = run.End;
            nearest.Push(runs, i);
        }

        return named;
    }

    private static Run[] ReadRuns(ref CrdtReader reader, int sources, out bool[] isNamed)
    {
        var runs = new Run[reader.Count("runs")];
        isNamed = new bool[runs.Length];
        var nearest = new RunNeighbours.Nearest(sources);
        var ends = new int[sources];
        for (int i = 0; i < runs.Length; i++)
        {
            long head = reader.Within(8, 8L * CrdtLimits.SequenceNumbers + 7, "the head of a run");
            var form = (RunForm)((head >> 1) & 3);
            int source = sources > 1 ? (int)reader.Within(0, sources - 1, "the source of a run") : 0;
            if (sources == 0)
                throw reader.Wrong("a run has no source");
            long first;
            ElementId right = ElementId.None;
            if (form is RunForm.Continued or RunForm.ContinuedFarther)
            {
                int between = form == RunForm.Continued ? 0 : 1 + (int)reader.Within(0, runs.Length, "the number of runs between");
                int lower = nearest.Top(source, between);
                if (lower < 0)
                    throw reader.Wrong("a run is more of one that is not there");
                first = runs[lower].End;
                // Until the neighbours are known, the run that this is more of stands for them.
                right = new ElementId(0, 1 + lower);
            }
            else
            {
                first = Math.Max(1, ends[source]) + reader.Signed();
                nearest.Pop(runs, source, (int)Math.Clamp(first, 0, int.MaxValue));
            }

            if (first < 1 || first + (head >> 3) > CrdtLimits.SequenceNumbers)
                throw reader.Wrong($"a run of {head >> 3} elements begins with number {first}; 1 to {CrdtLimits.SequenceNumbers} is allowed");
            runs[i] = new Run(new ElementId((ushort)source, (int)first), (int)(head >> 3), ElementId.None, right, (head & 1) == 1);
            isNamed[i] = form == RunForm.NewBetween;
            ends[source] = runs[i].End;
            nearest.Push(runs, i);
        }

        return runs;
    }

    /// <summary>How many elements each source inserted; the runs have each of them once.</summary>
    private static int[] CountElements(ref CrdtReader reader, Run[] runs, int sources, out Run[] order)
    {
        order = new Run[runs.Length];
        runs.CopyTo(order, 0);
        Array.Sort(order, static (a, b) => a.Source != b.Source ? a.Source.CompareTo(b.Source) : a.First.CompareTo(b.First));
        var counts = new int[sources];
        long all = 0;
        foreach (ref readonly Run run in order.AsSpan())
        {
            if (run.First != counts[run.Source] + 1)
                throw reader.Wrong($"the runs of a source have number {counts[run.Source] + 1} not at all, or {run.First} twice");
            counts[run.Source] += run.Length;
            all += run.Length;
        }

        if (all > CrdtLimits.SequenceNumbers || counts.Contains(0))
            throw reader.Wrong($"a sequence has {all} elements of {sources} sources; each has one at least, all together {CrdtLimits.SequenceNumbers} at most");
        return counts;
    }

    private static void ReadNeighbours(ref CrdtReader reader, Run[] runs, bool[] isNamed, int[] counts)
    {
        ElementId[] left = RunNeighbours.Left(runs, counts.Length), right = RunNeighbours.Right(runs, counts.Length);
        for (int i = 0; i < runs.Length; i++)
        {
            ref Run run = ref runs[i];
            (ElementId before, ElementId after) = (left[i], right[i]);
            if (isNamed[i])
                (before, after) = (ReadId(ref reader, before, counts), ReadId(ref reader, after, counts));
            else if (!run.Right.IsNone)
                (before, after) = (new ElementId(run.Source, run.First - 1), runs[run.Right.Number - 1].Right);
            run = new Run(run.FirstId, run.Length, before, after, run.IsDeleted);
        }
    }

    private static ElementId ReadId(ref CrdtReader reader, ElementId likely, int[] counts)
    {
        int form = (int)reader.Within(0, 1 + counts.Length, "the source of an element");
        return form == 0 ? likely
            : form == 1 ? ElementId.None
            : new ElementId((ushort)(form - 2), (int)reader.Within(1, counts[form - 2], "the number of an element"));
    }

    private void Adopt(Run[] runs, Run[] byNumber, int[] counts, ReadOnlySpan<TItem> items)
    {
        foreach (ref readonly Run run in byNumber.AsSpan())
        {
            _items[run.Source].SkipTo(run.First);
            Kept += run.Length;
            if (run.IsDeleted)
                _items[run.Source].Skip(run.Length);
            else
                _items[run.Source].Room(run.Length);
        }

        for (int source = 0; source < counts.Length; source++)
            _items[source].SkipTo(counts[source] + 1);

        RunPlace end = _tree.Start;
        foreach (ref readonly Run run in runs.AsSpan())
        {
            _tree.Append(ref end, run);
            if (run.IsDeleted)
                continue;
            items[..run.Length].CopyTo(_items[run.Source].Writable(run.First, run.Length));
            items = items[run.Length..];
        }
    }
}
