using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>One write's value.</summary>
/// <param name="Time">When its coordinator took it: decides between concurrent writes where the last one wins, and when a tombstone may go.</param>
/// <param name="Id">The client's name for the write: one that is sent again has the same.</param>
/// <param name="IsTombstone">The key was deleted.</param>
public sealed record StoredValue(HybridTime Time, Guid Id, bool IsTombstone, ReadOnlyMemory<byte> Bytes)
{
    public override string ToString() => IsTombstone ? $"deleted at {Time}" : $"{Bytes.Length} bytes at {Time}";
}

/// <summary>
/// What a replica knows of one key: its versions, and the ids of its latest writes. A write that a client sends again to another coordinator gets a second
/// dot; by its id the two are one. Immutable; equal versions have equal bytes.
/// <para>
/// Layout: version vector; siblings: count (4), each dot (16), time (12), id (16), tombstone (1), bytes; recent writes: count (4), each time (12), id (16).
/// </para>
/// </summary>
public sealed class KeyVersions
{
    /// <summary>Ids that are remembered beyond the siblings' own. The latest stay.</summary>
    public const int MaxRecent = 16;

    /// <summary>Concurrent values of one key; a blind write beyond them is refused.</summary>
    public const int MaxSiblings = 100;

    private const int IdSize = 16;
    private const int RecentSize = HybridTime.EncodedSize + IdSize;

    public static readonly KeyVersions Empty = new(DottedVersions<StoredValue>.Empty, []);

    private readonly (HybridTime Time, Guid Id)[] _recent;

    private KeyVersions(DottedVersions<StoredValue> set, (HybridTime, Guid)[] recent)
    {
        Set = set;
        _recent = recent;
    }

    public DottedVersions<StoredValue> Set { get; }

    public bool IsEmpty => Set.IsEmpty;

    /// <summary>All that is left are deletions.</summary>
    public bool IsDeleted => Set.Siblings.All(sibling => sibling.Value.IsTombstone);

    /// <summary>The latest time of a value.</summary>
    public HybridTime Latest => Set.Siblings.Count == 0 ? default : Set.Siblings.Max(sibling => sibling.Value.Time);

    /// <summary>A write of this id is known, be its value still there or replaced.</summary>
    public bool Knows(Guid id) => id != Guid.Empty && Array.Exists(_recent, write => write.Id == id);

    /// <summary>A write after a read: of what that had found, clock and ids, whoever coordinated it.</summary>
    public KeyVersions Write(KeyContext context, in Dot dot, StoredValue value)
    {
        IEnumerable<(HybridTime, Guid)> recent = _recent.Union(context.Writes);
        // What the reader had found stands here, perhaps, under a number that it had not.
        DottedVersions<StoredValue> others = Set.Keep(sibling => sibling.Value.Id == Guid.Empty || !context.Writes.Any(write => write.Id == sibling.Value.Id));
        return new(others.Write(context.Clock, dot, value), Newest([.. value.Id == Guid.Empty ? recent : recent.Append((value.Time, value.Id))]));
    }

    /// <summary>What a reader of these versions knows.</summary>
    public KeyContext Context => new(Set.Clock, _recent);

    public KeyVersions Merge(KeyVersions other)
    {
        DottedVersions<StoredValue> merged = Set.Merge(other.Set);
        // A value whose write the other side knows and has replaced, under another dot, is replaced.
        merged = merged.Keep(sibling => !Outlived(sibling, other) && !other.Outlived(sibling, this));
        // Of two dots of one write the lower stays, on every replica.
        merged = merged.Keep(sibling => sibling.Value.Id == Guid.Empty || !merged.Siblings.Any(twin => twin.Value.Id == sibling.Value.Id && twin.Dot < sibling.Dot));
        (HybridTime, Guid)[] recent = other._recent.Length == 0 ? _recent : Newest([.. _recent.Union(other._recent)]);
        return merged.Equals(Set) && recent.AsSpan().SequenceEqual(_recent) ? this : new KeyVersions(merged, recent);
    }

    public int EncodedSize => Set.Clock.EncodedSize
        + sizeof(int) + Set.Siblings.Sum(sibling => Dot.EncodedSize + HybridTime.EncodedSize + IdSize + 1 + sizeof(int) + sibling.Value.Bytes.Length)
        + sizeof(int) + _recent.Length * RecentSize;

    public void Encode(ref ByteWriter writer)
    {
        Set.Clock.Encode(ref writer);
        writer.Int32(Set.Siblings.Count);
        foreach (Sibling<StoredValue> sibling in Set.Siblings)
        {
            sibling.Dot.Encode(ref writer);
            sibling.Value.Time.Encode(ref writer);
            writer.Raw(sibling.Value.Id.ToByteArray());
            writer.Byte(sibling.Value.IsTombstone ? (byte)1 : (byte)0);
            writer.Bytes(sibling.Value.Bytes.Span);
        }

        writer.Int32(_recent.Length);
        foreach ((HybridTime time, Guid id) in _recent)
        {
            time.Encode(ref writer);
            writer.Raw(id.ToByteArray());
        }
    }

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[EncodedSize];
        var writer = new ByteWriter(bytes);
        Encode(ref writer);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no versions of a key.</exception>
    public static KeyVersions Decode(ref ByteReader reader)
    {
        VersionVector clock = VersionVector.Decode(ref reader);
        var siblings = new Sibling<StoredValue>[reader.Count(Dot.EncodedSize + HybridTime.EncodedSize + IdSize + 1 + sizeof(int))];
        for (int i = 0; i < siblings.Length; i++)
            siblings[i] = new Sibling<StoredValue>(Dot.Decode(ref reader), new StoredValue(HybridTime.Decode(ref reader), new Guid(reader.Raw(IdSize).Span), reader.Bool(), reader.Bytes()));
        var recent = new (HybridTime, Guid)[reader.Count(RecentSize)];
        for (int i = 0; i < recent.Length; i++)
            recent[i] = (HybridTime.Decode(ref reader), new Guid(reader.Raw(IdSize).Span));
        if (recent.Length > MaxRecent)
            throw new InvalidDataException($"a key has {recent.Length} recent writes; {MaxRecent} is the most");
        return clock.IsEmpty ? Empty : new KeyVersions(DottedVersions.Of<StoredValue>(clock, siblings), recent);
    }

    /// <summary>The same, on memory of its own: what was decoded shares the buffer that it came in.</summary>
    public KeyVersions Copied()
    {
        var reader = new ByteReader(ToBytes());
        return Decode(ref reader);
    }

    /// <summary>Nothing that either knows is unknown to the other.</summary>
    public bool IsSame(KeyVersions other) => Set.Equals(other.Set) && _recent.AsSpan().SequenceEqual(other._recent);

    public override string ToString() => Set.ToString();

    private bool Outlived(Sibling<StoredValue> sibling, KeyVersions by) =>
        Set.Has(sibling.Dot) && !by.Set.Has(sibling.Dot) && by.Knows(sibling.Value.Id) && !by.Set.Siblings.Any(twin => twin.Value.Id == sibling.Value.Id);

    // The latest stay, and lie in one order: what is the same has the same bytes.
    private static (HybridTime, Guid)[] Newest((HybridTime Time, Guid Id)[] writes)
    {
        Array.Sort(writes, static (one, other) => one.Time != other.Time ? one.Time.CompareTo(other.Time) : one.Id.CompareTo(other.Id));
        return writes.Length > MaxRecent ? writes[^MaxRecent..] : writes;
    }
}
