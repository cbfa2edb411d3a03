using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>A number above 0 for each source, ascending by source; they only grow, and two are joined by the higher of each.</summary>
internal struct SourceCounts
{
    private VersionSource[] _sources;
    private long[] _counts;

    public SourceCounts()
    {
        _sources = [];
        _counts = [];
    }

    public int Count { get; private set; }

    public readonly ReadOnlySpan<VersionSource> Sources => _sources.AsSpan(0, Count);

    public readonly long this[VersionSource source] => IndexOf(source) is >= 0 and var at ? _counts[at] : 0;

    /// <exception cref="OverflowException">The sum does not fit into 64 bits.</exception>
    public readonly long Sum
    {
        get
        {
            long sum = 0;
            for (int i = 0; i < Count; i++)
                sum = checked(sum + _counts[i]);
            return sum;
        }
    }

    /// <summary>Adds to a source and returns its new number.</summary>
    /// <exception cref="OverflowException">It does not fit into 64 bits.</exception>
    public long Add(VersionSource source, long amount)
    {
        int at = IndexOf(source);
        if (at >= 0)
            return _counts[at] = checked(_counts[at] + amount);
        Insert(~at, source, amount);
        return amount;
    }

    public void Raise(VersionSource source, long count)
    {
        int at = IndexOf(source);
        if (at >= 0)
            _counts[at] = Math.Max(_counts[at], count);
        else if (count > 0)
            Insert(~at, source, count);
    }

    public void Join(in SourceCounts other)
    {
        for (int i = 0; i < other.Count; i++)
            Raise(other._sources[i], other._counts[i]);
    }

    public readonly SourceCounts Copy() => new() { _sources = Sources.ToArray(), _counts = _counts.AsSpan(0, Count).ToArray(), Count = Count };

    /// <summary>count, then (source, number) each, ascending.</summary>
    public readonly void Write(CrdtWriter writer)
    {
        writer.Count(Count);
        for (int i = 0; i < Count; i++)
        {
            writer.Source(_sources[i]);
            writer.Unsigned((ulong)_counts[i]);
        }
    }

    public static SourceCounts Read(ref CrdtReader reader)
    {
        int count = reader.Count("sources", minimumSize: 3);
        var read = new SourceCounts { _sources = new VersionSource[count], _counts = new long[count] };
        for (; read.Count < count; read.Count++)
        {
            VersionSource source = reader.Source();
            if (read.Count > 0 && source <= read._sources[read.Count - 1])
                throw reader.Wrong($"sources ascend; {source} follows {read._sources[read.Count - 1]}");
            read._sources[read.Count] = source;
            read._counts[read.Count] = reader.Within(1, long.MaxValue, "the number of a source");
        }

        return read;
    }

    private readonly int IndexOf(VersionSource source) => Sources.BinarySearch(source);

    private void Insert(int at, VersionSource source, long count)
    {
        if (Count == _sources.Length)
        {
            Array.Resize(ref _sources, Math.Max(1, 2 * Count));
            Array.Resize(ref _counts, Math.Max(1, 2 * Count));
        }

        Array.Copy(_sources, at, _sources, at + 1, Count - at);
        Array.Copy(_counts, at, _counts, at + 1, Count - at);
        (_sources[at], _counts[at]) = (source, count);
        Count++;
    }
}
