using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

public abstract partial class Sequence<TItem>
{
    /// <summary>
    /// The last number of each source; runs in the order of the sequence: (length, settled, deleted) in one number, source where there are several, its first number, less the one after the last
    /// run of its source; of what is not settled, left and right. Then the items of what is not deleted.
    /// </summary>
    private void WriteCollected(CrdtWriter writer, List<Run> runs, List<VersionSource> sources)
    {
        foreach (VersionSource source in sources)
            writer.Count(_items[_places[source]].Count);
        writer.Count(runs.Count);
        var ends = new int[sources.Count];
        foreach (Run run in runs)
        {
            writer.Unsigned(((ulong)run.Length << 2) | (run.IsSettled ? 2ul : 0) | (run.IsDeleted ? 1ul : 0));
            if (sources.Count > 1)
                writer.Count(run.Source);
            writer.Signed(run.First - Math.Max(1, ends[run.Source]));
            ends[run.Source] = run.End;
            if (run.IsSettled)
                continue;
            WriteId(run.Left);
            WriteId(run.Right);
        }

        SequenceItems<TItem>.Instance.Write(writer, ToArray());

        void WriteId(ElementId id)
        {
            writer.Count(id.IsNone ? 0 : 1 + id.Source);
            if (!id.IsNone)
                writer.Count(id.Number);
        }
    }

    private static Run[] ReadCollected(ref CrdtReader reader, int sources, out int[] counts, out Run[] byNumber)
    {
        counts = new int[sources];
        for (int i = 0; i < sources; i++)
            counts[i] = (int)reader.Within(1, CrdtLimits.SequenceNumbers, "the last number of a source");
        var runs = new Run[reader.Count("runs", minimumSize: 2)];
        if (sources == 0 && runs.Length > 0)
            throw reader.Wrong("a run has no source");
        var ends = new int[sources];
        for (int i = 0; i < runs.Length; i++)
        {
            long head = reader.Within(4, 4L * CrdtLimits.SequenceNumbers + 3, "the head of a run");
            int source = sources > 1 ? (int)reader.Within(0, sources - 1, "the source of a run") : 0;
            long offset = reader.Signed(), first = Math.Max(1, ends[source]) + Math.Clamp(offset, -CrdtLimits.SequenceNumbers, CrdtLimits.SequenceNumbers);
            if (first < 1 || first + (head >> 2) - 1 > counts[source])
                throw reader.Wrong($"a run of {head >> 2} elements begins with number {first}; its source has {counts[source]}");
            var id = new ElementId((ushort)source, (int)first);
            bool isSettled = (head & 2) != 0, isDeleted = (head & 1) != 0;
            runs[i] = isSettled ? Run.Settled(id, (int)(head >> 2), isDeleted) : new Run(id, (int)(head >> 2), ReadCollectedId(ref reader, counts), ReadCollectedId(ref reader, counts), isDeleted);
            ends[source] = runs[i].End;
        }

        long all = 0;
        foreach (Run run in runs)
            all += run.Length;
        if (all > CrdtLimits.SequenceNumbers)
            throw reader.Wrong($"a sequence has {all} elements; {CrdtLimits.SequenceNumbers} is the most");
        byNumber = [.. runs.OrderBy(run => run.Source).ThenBy(run => run.First)];
        for (int i = 1; i < byNumber.Length; i++)
        {
            if (byNumber[i].Source == byNumber[i - 1].Source && byNumber[i].First < byNumber[i - 1].End)
                throw reader.Wrong($"the runs of a source have number {byNumber[i].First} twice");
        }

        return runs;
    }

    private static ElementId ReadCollectedId(ref CrdtReader reader, int[] counts)
    {
        int source = (int)reader.Within(0, counts.Length, "the source of an element");
        return source == 0 ? ElementId.None : new ElementId((ushort)(source - 1), (int)reader.Within(1, counts[source - 1], "the number of an element"));
    }

    /// <summary>What is not settled was inserted between elements that are kept.</summary>
    private void CheckNeighbours(in CrdtReader reader, Run[] runs)
    {
        foreach (Run run in runs.Where(run => !run.IsSettled))
        {
            foreach (ElementId id in (ReadOnlySpan<ElementId>)[run.Left, run.Right])
            {
                if (!id.IsNone && !_tree.TryFind(id, out _, out _))
                    throw reader.Wrong($"a run lies beside {_sources[id.Source]}'s number {id.Number}, which is not there");
            }
        }
    }
}
