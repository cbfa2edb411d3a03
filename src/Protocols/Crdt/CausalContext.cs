using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// A set of dots: which changes are known, be they still visible or not (Almeida et al. 2018). Kept as ranges, ascending, that neither overlap
/// nor touch: a replica that has seen everything has one range a source, a delta has one for what it adds and some for what it removes.
/// </summary>
public sealed class CausalContext
{
    private DotRange[] _ranges = [];
    private int _count;

    /// <summary>All of these ranges, in whatever order they are.</summary>
    public static CausalContext Of(List<DotRange> ranges)
    {
        ranges.Sort((one, other) => one.Source.CompareTo(other.Source) is var order && order != 0 ? order : one.From.CompareTo(other.From));
        // Each is added at the end, or to the last.
        var context = new CausalContext { _ranges = new DotRange[ranges.Count] };
        foreach (DotRange range in ranges)
            context.Add(range);
        return context;
    }

    public bool IsEmpty => _count == 0;

    /// <summary>Ascending; never touching.</summary>
    public ReadOnlySpan<DotRange> Ranges => _ranges.AsSpan(0, _count);

    /// <summary>How many dots there are; as many as 64 bits hold, where there are more.</summary>
    public long DotCount
    {
        get
        {
            long dots = 0;
            foreach (DotRange range in Ranges)
                dots = range.To - range.From < long.MaxValue - 1 - dots ? dots + range.To - range.From + 1 : long.MaxValue;
            return dots;
        }
    }

    public bool Contains(in Dot dot) => FirstNotBefore(dot.Source, dot.Counter) is var at && at < _count && Holds(_ranges[at], dot);

    /// <summary>The same, and up to which counter of the source it holds.</summary>
    public bool Contains(in Dot dot, out long until)
    {
        int at = FirstNotBefore(dot.Source, dot.Counter);
        if (at == _count || _ranges[at].Source != dot.Source)
        {
            until = long.MaxValue;
            return false;
        }

        bool holds = Holds(_ranges[at], dot);
        until = holds ? _ranges[at].To : _ranges[at].From - 1;
        return holds;
    }

    /// <summary>The highest counter known of a source; 0: none.</summary>
    public long Last(VersionSource source)
    {
        int after = FirstNotBefore(source, long.MaxValue);
        if (after < _count && _ranges[after].Source == source)
            return _ranges[after].To;
        return after > 0 && _ranges[after - 1].Source == source ? _ranges[after - 1].To : 0;
    }

    /// <summary>The next dot of a source, added.</summary>
    public Dot Next(VersionSource source)
    {
        var dot = new Dot(source, Last(source) + 1);
        Add(dot);
        return dot;
    }

    public void Add(in Dot dot) => Add(new DotRange(dot.Source, dot.Counter, dot.Counter));

    public void Add(in DotRange added)
    {
        Invariant.That(added.From >= 1 && added.From <= added.To, "a range of dots starts at 1 or above and is not empty");
        // Everything that overlaps or touches becomes one range.
        int first = FirstNotBefore(added.Source, added.From - 1);
        int after = first;
        (long from, long to) = (added.From, added.To);
        for (; after < _count && _ranges[after].Source == added.Source && _ranges[after].From - 1 <= to; after++)
        {
            from = Math.Min(from, _ranges[after].From);
            to = Math.Max(to, _ranges[after].To);
        }

        if (first == after)
            Open(first);
        else if (after - first > 1)
            Close(first + 1, after);
        _ranges[first] = new DotRange(added.Source, from, to);
    }

    public void Join(CausalContext other)
    {
        foreach (DotRange range in other.Ranges)
            Add(range);
    }

    /// <summary>Every dot of the other is in this one.</summary>
    public bool Includes(CausalContext other)
    {
        foreach (DotRange range in other.Ranges)
        {
            int at = FirstNotBefore(range.Source, range.From);
            if (at == _count || _ranges[at].Source != range.Source || _ranges[at].From > range.From || _ranges[at].To < range.To)
                return false;
        }

        return true;
    }

    /// <summary>The dots that are in both.</summary>
    public CausalContext Meet(CausalContext other)
    {
        var meet = new CausalContext();
        foreach (DotRange range in other.Ranges)
        {
            for (int at = FirstNotBefore(range.Source, range.From); at < _count && _ranges[at].Source == range.Source && _ranges[at].From <= range.To; at++)
                meet.Add(new DotRange(range.Source, Math.Max(range.From, _ranges[at].From), Math.Min(range.To, _ranges[at].To)));
        }

        return meet;
    }

    /// <summary>The dots that are in this one and not in the other.</summary>
    public CausalContext Without(CausalContext other)
    {
        var rest = new CausalContext();
        foreach (DotRange range in Ranges)
        {
            long from = range.From;
            foreach (DotRange taken in other.Ranges[other.FirstNotBefore(range.Source, from)..])
            {
                if (taken.Source != range.Source || taken.From > range.To)
                    break;
                if (taken.From > from)
                    rest.Add(new DotRange(range.Source, from, taken.From - 1));
                from = Math.Max(from, taken.To + 1);
            }

            if (from <= range.To)
                rest.Add(range with { From = from });
        }

        return rest;
    }

    public CausalContext Copy() => new() { _ranges = Ranges.ToArray(), _count = _count };

    /// <summary>count, then source, dots left out before the range (or since the last of its source), dots in it less one.</summary>
    public void Write(CrdtWriter writer)
    {
        writer.Count(_count);
        DotRange last = default;
        foreach (DotRange range in Ranges)
        {
            writer.Source(range.Source);
            writer.Unsigned((ulong)(range.From - (range.Source == last.Source ? last.To + 2 : 1)));
            writer.Unsigned((ulong)(range.To - range.From));
            last = range;
        }
    }

    public static CausalContext Read(ref CrdtReader reader)
    {
        int count = reader.Count("ranges of dots", minimumSize: 4);
        var read = new CausalContext { _ranges = new DotRange[count] };
        DotRange last = default;
        for (; read._count < count; read._count++)
        {
            VersionSource source = reader.Source();
            if (read._count > 0 && source < last.Source)
                throw reader.Wrong($"ranges of dots ascend; one of {source} follows {last}");
            long least = read._count > 0 && source == last.Source ? last.To + 2 : 1;
            long from = least + reader.Within(0, long.MaxValue - 1 - least, "the start of a range of dots");
            last = new DotRange(source, from, from + reader.Within(0, long.MaxValue - 2 - from, "the length of a range of dots"));
            read._ranges[read._count] = last;
        }

        return read;
    }

    /// <summary>Passes over one that was written, without looking what is in it.</summary>
    public static void Skip(ref CrdtReader reader)
    {
        for (int left = reader.Count("ranges of dots", minimumSize: 4); left > 0; left--)
        {
            reader.Source();
            reader.Unsigned();
            reader.Unsigned();
        }
    }

    public override string ToString() => $"{{{string.Join(", ", Ranges.ToArray())}}}";

    private static bool Holds(in DotRange range, in Dot dot) => range.Source == dot.Source && range.From <= dot.Counter && dot.Counter <= range.To;

    /// <summary>The first range that does not end before this dot.</summary>
    private int FirstNotBefore(VersionSource source, long counter)
    {
        int low = 0, high = _count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            ref DotRange range = ref _ranges[middle];
            bool before = range.Source == source ? range.To < counter : range.Source < source;
            if (before)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    private void Open(int at)
    {
        if (_count == _ranges.Length)
            Array.Resize(ref _ranges, Math.Max(1, 2 * _count));
        Array.Copy(_ranges, at, _ranges, at + 1, _count - at);
        _count++;
    }

    private void Close(int from, int to)
    {
        Array.Copy(_ranges, to, _ranges, from, _count - to);
        _count -= to - from;
    }
}
