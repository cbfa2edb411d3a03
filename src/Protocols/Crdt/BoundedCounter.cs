using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// A counter that never goes below 0, though every replica takes from it alone (Balegas et al., "Extending Eventually Consistent Cloud Databases for
/// Enforcing Numeric Invariants", SRDS 2015). What a source adds are its rights to take again; a source that needs more asks another to transfer some.
/// No two sources ever hold the same right, so the rights in use cannot pass what was added, merged or not.
/// </summary>
public sealed class BoundedCounter : ICrdt<BoundedCounter>
{
    // From one source to another; from a source to itself is what it added. Each number is raised by its first source alone.
    private readonly SortedDictionary<(VersionSource From, VersionSource To), long> _rights = [];
    private SourceCounts _taken = new();

    public static CrdtKind Kind => CrdtKind.BoundedCounter;

    /// <summary>Never below 0: where deltas came out of order, so that what was taken is known before what was added, it reads 0.</summary>
    public long Value => Math.Max(0, Balance);

    /// <summary>What was added less what was taken; below 0 only where deltas came out of order.</summary>
    internal long Balance
    {
        get
        {
            long added = 0;
            foreach (((VersionSource from, VersionSource to), long amount) in _rights)
                added = checked(added + (from == to ? amount : 0));
            return added - _taken.Sum;
        }
    }

    /// <summary>All that ever had rights.</summary>
    internal IEnumerable<VersionSource> Holders => _rights.Keys.Select(pair => pair.To).Distinct();

    /// <summary>What a source may take, or transfer, without asking; never below 0 at that source itself.</summary>
    public long Rights(VersionSource source)
    {
        long rights = -_taken[source];
        foreach (((VersionSource from, VersionSource to), long amount) in _rights)
        {
            if (to == source)
                rights = checked(rights + amount);
            else if (from == source)
                rights -= amount;
        }

        return rights;
    }

    /// <summary>Adds and returns the delta.</summary>
    public BoundedCounter Increment(VersionSource source, long amount = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(amount, 1);
        return Give(source, source, amount);
    }

    /// <summary>Takes, where the source has the rights, and returns the delta; null: it has too few, and nothing is changed.</summary>
    public BoundedCounter? TryDecrement(VersionSource source, long amount = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(amount, 1);
        if (Rights(source) < amount)
            return null;
        var delta = new BoundedCounter();
        delta._taken.Add(source, _taken.Add(source, amount));
        return delta;
    }

    /// <summary>Hands rights to another source and returns the delta; null: the first has too few, and nothing is changed.</summary>
    public BoundedCounter? TryTransfer(VersionSource from, VersionSource to, long amount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(amount, 1);
        if (from == to)
            throw new ArgumentException($"rights of {from} are transferred to itself; they need another source", nameof(to));
        return Rights(from) < amount ? null : Give(from, to, amount);
    }

    public void Merge(BoundedCounter other)
    {
        foreach (((VersionSource, VersionSource) pair, long amount) in other._rights)
            _rights[pair] = Math.Max(_rights.GetValueOrDefault(pair), amount);
        _taken.Join(other._taken);
    }

    public BoundedCounter Copy()
    {
        var copy = new BoundedCounter();
        copy.Merge(this);
        return copy;
    }

    /// <summary>count, then (from, to, amount) each, ascending; then what was taken.</summary>
    public void Write(CrdtWriter writer)
    {
        writer.Count(_rights.Count);
        foreach (((VersionSource from, VersionSource to), long amount) in _rights)
        {
            writer.Source(from);
            writer.Source(to);
            writer.Unsigned((ulong)amount);
        }

        _taken.Write(writer);
    }

    public static BoundedCounter Read(ref CrdtReader reader)
    {
        var read = new BoundedCounter();
        (VersionSource, VersionSource) last = default;
        for (int left = reader.Count("rights", minimumSize: 5); left > 0; left--)
        {
            (VersionSource, VersionSource) pair = (reader.Source(), reader.Source());
            if (pair.CompareTo(last) <= 0)
                throw reader.Wrong($"rights ascend; {pair} follows {last}");
            read._rights.Add(pair, reader.Within(1, long.MaxValue, "an amount of rights"));
            last = pair;
        }

        read._taken = SourceCounts.Read(ref reader);
        return read;
    }

    private BoundedCounter Give(VersionSource from, VersionSource to, long amount)
    {
        long total = checked(_rights.GetValueOrDefault((from, to)) + amount);
        _rights[(from, to)] = total;
        var delta = new BoundedCounter();
        delta._rights[(from, to)] = total;
        return delta;
    }
}
