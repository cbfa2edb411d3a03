using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// A counter that can be removed: for the fields of maps. A removal takes away exactly the additions it had seen, no others; hence every addition has its
/// own dot until it is stable, when those of a source become one (after Baquero, Almeida and Lerche, "The Problem with Embedded CRDT Counters and a
/// Solution", PaPoC 2016).
/// </summary>
public sealed class CausalCounter : DotFun<(long Added, long Taken)>
{
    public override StoreKind Kind => StoreKind.Counter;

    /// <exception cref="OverflowException">The sum does not fit into 64 bits.</exception>
    public long Value
    {
        get
        {
            long sum = 0;
            foreach ((_, (long added, long taken)) in Entries)
                sum = checked(sum + added - taken);
            return sum;
        }
    }

    /// <summary>How many additions have not become one.</summary>
    public int Parts => Entries.Length;

    /// <summary>Adds, or takes where the amount is below 0.</summary>
    public CausalCounter Add(Change change, long amount)
    {
        var delta = new CausalCounter();
        delta.Put(change, (Math.Max(amount, 0), checked(-Math.Min(amount, 0))));
        return delta;
    }

    public CausalCounter Clear(Change change)
    {
        change.Remove(this);
        return new CausalCounter();
    }

    /// <summary>
    /// The sums of a source's stable additions go to the last of them. Whoever removes from now on has seen all of them, so they need not be told apart;
    /// a replica that still does drops the others when it merges and takes the higher number for the last. Sums that would not fit stay apart.
    /// </summary>
    internal override void Stabilize(CausalContext stable)
    {
        var folded = new List<(Dot Dot, (long Added, long Taken) Value)>(Entries.Length);
        int lastStable = -1;
        foreach ((Dot dot, (long added, long taken)) in Entries)
        {
            bool isStable = stable.Contains(dot);
            if (isStable && lastStable >= 0 && folded[lastStable].Dot.Source == dot.Source
                && folded[lastStable].Value is var (before, takenBefore) && added <= long.MaxValue - before && taken <= long.MaxValue - takenBefore)
            {
                folded[lastStable] = (dot, (before + added, takenBefore + taken));
                continue;
            }

            lastStable = isStable ? folded.Count : lastStable;
            folded.Add((dot, (added, taken)));
        }

        ReplaceEntries(folded);
    }

    private protected override (long Added, long Taken) Combine((long Added, long Taken) mine, (long Added, long Taken) theirs) =>
        (Math.Max(mine.Added, theirs.Added), Math.Max(mine.Taken, theirs.Taken));

    private protected override void WriteValue(CrdtWriter writer, (long Added, long Taken) value)
    {
        writer.Unsigned((ulong)value.Added);
        writer.Unsigned((ulong)value.Taken);
    }

    private protected override (long Added, long Taken) ReadValue(ref CrdtReader reader) =>
        (reader.Within(0, long.MaxValue, "what was added"), reader.Within(0, long.MaxValue, "what was taken"));
}
