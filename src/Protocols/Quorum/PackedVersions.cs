using System.Buffers.Binary;
using System.Numerics;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// Versions of a key as they are encoded (see <see cref="KeyVersions"/>), looked at without being decoded: nearly every write is one value in place of one, and to
/// know that takes their clocks alone.
/// </summary>
internal readonly ref struct PackedVersions
{
    private const int IdSize = 16;
    private const int SiblingSize = Dot.EncodedSize + HybridTime.EncodedSize + IdSize + 1 + sizeof(int);
    private const int IdAt = Dot.EncodedSize + HybridTime.EncodedSize;
    private const int TombstoneAt = IdAt + IdSize;
    private const int RecentSize = HybridTime.EncodedSize + IdSize;

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _sources;
    private readonly int _siblings;
    private readonly int _siblingsAt;
    private readonly int _recent;
    private readonly int _recentAt;

    private PackedVersions(ReadOnlySpan<byte> bytes, int sources, int siblings, int siblingsAt, int recent, int recentAt)
    {
        _bytes = bytes;
        (_sources, _siblings, _siblingsAt, _recent, _recentAt) = (sources, siblings, siblingsAt, recent, recentAt);
    }

    /// <summary>Bytes that they have.</summary>
    public int Length => _bytes.Length;

    private ReadOnlySpan<byte> Ballot => _bytes[(_recentAt + _recent * RecentSize)..];

    public bool IsEmpty => _sources == 0 && Ballot[0] == 0;

    /// <summary>All that is left are deletions.</summary>
    public bool IsDeleted
    {
        get
        {
            for (int i = 0, at = _siblingsAt; i < _siblings; i++, at = Next(at))
            {
                if (_bytes[at + TombstoneAt] == 0)
                    return false;
            }

            return true;
        }
    }

    /// <summary>The latest time of a value.</summary>
    public HybridTime Latest
    {
        get
        {
            HybridTime latest = default;
            for (int i = 0, at = _siblingsAt; i < _siblings; i++, at = Next(at))
            {
                HybridTime time = TimeAt(at + Dot.EncodedSize);
                latest = time > latest ? time : latest;
            }

            return latest;
        }
    }

    public bool HasValues => _siblings > 0;

    public bool HasSources => _sources > 0;

    /// <summary>False: the bytes do not begin with versions; what is wrong with them, decoding tells.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out PackedVersions versions)
    {
        versions = default;
        int sources = CountAt(bytes, 0, Dot.EncodedSize);
        if (sources is < 0 or > VersionVector.MaxSources)
            return false;
        for (int i = 0; i < sources; i++)
        {
            if (!IsDotAt(bytes, DotAt(i)) || (i > 0 && SourceAt(bytes, DotAt(i)) <= SourceAt(bytes, DotAt(i - 1))))
                return false;
        }

        int at = DotAt(sources), siblings = CountAt(bytes, at, SiblingSize);
        int siblingsAt = at += sizeof(int);
        for (int i = 0, last = 0; i < siblings; i++)
        {
            if (bytes.Length - at < SiblingSize || !IsDotAt(bytes, at) || !IsTimeAt(bytes, at + Dot.EncodedSize) || bytes[at + TombstoneAt] > 1 || !Covers(bytes, sources, at))
                return false;
            if (i > 0 && (SourceAt(bytes, last), CounterAt(bytes, last)).CompareTo((SourceAt(bytes, at), CounterAt(bytes, at))) >= 0)
                return false;
            int length = BinaryPrimitives.ReadInt32LittleEndian(bytes[(at + TombstoneAt + 1)..]);
            last = at;
            at += SiblingSize;
            if (length < 0 || length > bytes.Length - at)
                return false;
            at += length;
        }

        int recent = siblings < 0 ? -1 : CountAt(bytes, at, RecentSize);
        if (recent is < 0 or > KeyVersions.MaxRecent)
            return false;
        int recentAt = at += sizeof(int);
        for (int i = 0; i < recent; i++, at += RecentSize)
        {
            if (!IsTimeAt(bytes, at))
                return false;
        }

        if (at >= bytes.Length || bytes[at] > 1)
            return false;
        int end = at + 1;
        if (bytes[at] == 1)
        {
            end += Quorum.Ballot.EncodedSize;
            if (end > bytes.Length || BinaryPrimitives.ReadInt64LittleEndian(bytes[(at + 1)..]) < 1 || !IsDotAt(bytes, at + 1 + sizeof(long)))
                return false;
        }

        versions = new PackedVersions(bytes[..end], sources, siblings, siblingsAt, recent, recentAt);
        return true;
    }

    /// <summary>A write of this id is known.</summary>
    public bool Knows(Guid id)
    {
        for (int i = 0; i < _recent; i++)
        {
            if (IdIn(_bytes, RecentAt(i) + HybridTime.EncodedSize) == id)
                return true;
        }

        return false;
    }

    /// <summary>
    /// Merged with these, they are what they are: one value, after all that is known there. False: it may still be so, and merging tells.
    /// </summary>
    public bool Replace(in PackedVersions before)
    {
        if (_siblings != 1 || !Descends(before) || Covers(before._bytes, before._sources, _bytes, _siblingsAt))
            return false;
        Guid id = IdIn(_bytes, _siblingsAt + IdAt);
        // The same write again under another number.
        if (id != Guid.Empty && (before.Knows(id) || (WriteName.IsProvisional(id) && before.Knows(WriteName.FinalOf(id)))))
            return false;
        return (before.Ballot[0] == 0 || before.Ballot.SequenceEqual(Ballot)) && RemembersAllOf(before);
    }

    /// <summary>Equal versions have equal bytes.</summary>
    public bool IsSame(in PackedVersions other) => _bytes.SequenceEqual(other._bytes);

    public bool Descends(in PackedVersions before)
    {
        for (int i = 0; i < before._sources; i++)
        {
            if (!Covers(_bytes, _sources, before._bytes, DotAt(i)))
                return false;
        }

        return true;
    }

    // Of the ids of both, those here are the latest, and there is no room for others.
    private bool RemembersAllOf(in PackedVersions before)
    {
        for (int i = 1; i < _recent; i++)
        {
            if (CompareRecent(this, i - 1, this, i) >= 0)
                return false;
        }

        for (int i = 0, mine = 0; i < before._recent; i++)
        {
            while (mine < _recent && CompareRecent(this, mine, before, i) < 0)
                mine++;
            bool isHere = mine < _recent && CompareRecent(this, mine, before, i) == 0;
            if (!isHere && (_recent < KeyVersions.MaxRecent || mine > 0))
                return false;
        }

        return true;
    }

    private static int CompareRecent(in PackedVersions one, int oneAt, in PackedVersions other, int otherAt)
    {
        int a = one.RecentAt(oneAt), b = other.RecentAt(otherAt);
        int order = TimeIn(one._bytes, a).CompareTo(TimeIn(other._bytes, b));
        return order != 0 ? order : IdIn(one._bytes, a + HybridTime.EncodedSize).CompareTo(IdIn(other._bytes, b + HybridTime.EncodedSize));
    }

    private int RecentAt(int i) => _recentAt + i * RecentSize;

    private int Next(int at) => at + SiblingSize + BinaryPrimitives.ReadInt32LittleEndian(_bytes[(at + TombstoneAt + 1)..]);

    private HybridTime TimeAt(int at) => TimeIn(_bytes, at);

    private static int DotAt(int i) => sizeof(int) + i * Dot.EncodedSize;

    // Below 0: there is none, or there is no room for so many.
    private static int CountAt(ReadOnlySpan<byte> bytes, int at, int itemSize)
    {
        if (bytes.Length - at < sizeof(int))
            return -1;
        int count = BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);
        return (long)count * itemSize <= bytes.Length - at - sizeof(int) ? count : -1;
    }

    private static bool Covers(ReadOnlySpan<byte> bytes, int sources, int dotAt) => Covers(bytes, sources, bytes, dotAt);

    private static bool Covers(ReadOnlySpan<byte> clock, int sources, ReadOnlySpan<byte> bytes, int dotAt)
    {
        ulong source = SourceAt(bytes, dotAt);
        int low = 0, high = sources - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            ulong there = SourceAt(clock, DotAt(middle));
            if (there == source)
                return CounterAt(clock, DotAt(middle)) >= CounterAt(bytes, dotAt);
            if (there < source)
                low = middle + 1;
            else
                high = middle - 1;
        }

        return false;
    }

    private static bool IsDotAt(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]) >= 1 && CounterAt(bytes, at) >= 1;

    private static bool IsTimeAt(ReadOnlySpan<byte> bytes, int at) => TimeIn(bytes, at) is { Micros: >= 0, Counter: >= 0 };

    // Replicas are numbered from 1, so that sources are in the order of these.
    private static ulong SourceAt(ReadOnlySpan<byte> bytes, int at) => BitOperations.RotateLeft(BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]), 32);

    private static long CounterAt(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[(at + VersionSource.EncodedSize)..]);

    private static HybridTime TimeIn(ReadOnlySpan<byte> bytes, int at) =>
        new(BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[(at + sizeof(long))..]));

    private static Guid IdIn(ReadOnlySpan<byte> bytes, int at) => new(bytes.Slice(at, IdSize));
}
