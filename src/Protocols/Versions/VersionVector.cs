using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Versions;

/// <summary>How one history stands to another.</summary>
public enum Causality : byte
{
    Equal = 1,

    /// <summary>The other has all of this one and more.</summary>
    Before = 2,

    /// <summary>This one has all of the other and more.</summary>
    After = 3,

    /// <summary>Each has something that the other lacks.</summary>
    Concurrent = 4,
}

/// <summary>
/// What of a key's history is known: per source, every write up to and with a number (Parker et al., IEEE TSE 1983). Immutable; equal vectors
/// have equal bytes.
/// <para>Layout: count (4), then per source, ascending: replica (4), generation (4), counter (8).</para>
/// </summary>
public sealed class VersionVector : IEquatable<VersionVector>
{
    /// <summary>The most sources of one key: all replicas that a shard ever had, and one more for each disk that was lost.</summary>
    public const int MaxSources = 1_024;

    public static readonly VersionVector Empty = new([]);

    // Ascending by source, each once, counters above 0.
    private readonly Dot[] _last;

    private VersionVector(Dot[] last)
    {
        Invariant.That(last.Length <= MaxSources, "a version vector has a bounded number of sources");
        _last = last;
    }

    /// <summary>The last known write of each source, ascending.</summary>
    public IReadOnlyList<Dot> Last => _last;

    public bool IsEmpty => _last.Length == 0;

    /// <summary>The number of the last known write of this source; 0: none.</summary>
    public long this[VersionSource source]
    {
        get
        {
            int at = Find(source);
            return at >= 0 ? _last[at].Counter : 0;
        }
    }

    public static VersionVector Of(params IEnumerable<Dot> dots) => dots.Aggregate(Empty, (vector, dot) => vector.With(dot));

    public bool Covers(in Dot dot) => this[dot.Source] >= dot.Counter;

    /// <summary>Every write that the other covers is covered.</summary>
    public bool Descends(VersionVector other)
    {
        foreach (Dot dot in other._last)
        {
            if (!Covers(dot))
                return false;
        }

        return true;
    }

    public Causality Compare(VersionVector other) => (Descends(other), other.Descends(this)) switch
    {
        (true, true) => Causality.Equal,
        (true, false) => Causality.After,
        (false, true) => Causality.Before,
        _ => Causality.Concurrent,
    };

    /// <summary>Covers this write and all before it of the same source.</summary>
    public VersionVector With(in Dot dot)
    {
        Invariant.That(dot.Counter > 0, "writes are numbered from 1");
        int at = Find(dot.Source);
        if (at >= 0 && _last[at].Counter >= dot.Counter)
            return this;
        Dot[] last = new Dot[at >= 0 ? _last.Length : _last.Length + 1];
        int place = at >= 0 ? at : ~at, rest = at >= 0 ? at + 1 : ~at;
        _last.AsSpan(0, place).CopyTo(last);
        last[place] = dot;
        _last.AsSpan(rest).CopyTo(last.AsSpan(place + 1));
        return new VersionVector(last);
    }

    /// <summary>Together they have no more sources than one may have.</summary>
    internal bool HasRoomFor(VersionVector other) =>
        _last.Length + other._last.Length <= MaxSources || _last.Length + other._last.Count(dot => Find(dot.Source) < 0) <= MaxSources;

    /// <summary>Covers what either covers, and nothing else.</summary>
    public VersionVector Merge(VersionVector other)
    {
        if (Descends(other))
            return this;
        if (other.Descends(this))
            return other;
        var merged = new List<Dot>(_last.Length + other._last.Length);
        int mine = 0, theirs = 0;
        while (mine < _last.Length || theirs < other._last.Length)
        {
            if (theirs == other._last.Length || (mine < _last.Length && _last[mine].Source < other._last[theirs].Source))
                merged.Add(_last[mine++]);
            else if (mine == _last.Length || other._last[theirs].Source < _last[mine].Source)
                merged.Add(other._last[theirs++]);
            else
                merged.Add(new Dot(_last[mine].Source, Math.Max(_last[mine++].Counter, other._last[theirs++].Counter)));
        }

        return new VersionVector([.. merged]);
    }

    public int EncodedSize => sizeof(int) + _last.Length * Dot.EncodedSize;

    public void Encode(ref ByteWriter writer)
    {
        writer.Int32(_last.Length);
        foreach (Dot dot in _last)
            dot.Encode(ref writer);
    }

    /// <exception cref="InvalidDataException">The bytes are no version vector.</exception>
    public static VersionVector Decode(ref ByteReader reader)
    {
        int count = reader.Count(Dot.EncodedSize);
        if (count > MaxSources)
            throw new InvalidDataException($"a version vector has {count} sources; {MaxSources} is the most");
        var last = new Dot[count];
        for (int i = 0; i < count; i++)
        {
            last[i] = Dot.Decode(ref reader);
            if (i > 0 && last[i].Source <= last[i - 1].Source)
                throw new InvalidDataException($"a version vector's sources ascend; {last[i].Source} follows {last[i - 1].Source}");
        }

        return count == 0 ? Empty : new VersionVector(last);
    }

    public bool Equals(VersionVector? other) => other is not null && _last.AsSpan().SequenceEqual(other._last);

    public override bool Equals(object? obj) => Equals(obj as VersionVector);

    // For tables in memory only.
    public override int GetHashCode() => _last.Aggregate(_last.Length, HashCode.Combine);

    public override string ToString() => $"[{string.Join(' ', _last)}]";

    private int Find(VersionSource source)
    {
        int low = 0, high = _last.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2, order = _last[middle].Source.CompareTo(source);
            if (order == 0)
                return middle;
            if (order < 0)
                low = middle + 1;
            else
                high = middle - 1;
        }

        return ~low;
    }
}
