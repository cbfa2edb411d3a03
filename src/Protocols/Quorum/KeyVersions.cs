using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>One write's value.</summary>
/// <param name="Time">When its coordinator took it: decides between concurrent writes where the last one wins, and when a tombstone may go.</param>
/// <param name="Id">The client's name for the write: one that is sent again has the same.</param>
/// <param name="IsTombstone">The key was deleted.</param>
public sealed record StoredValue(HybridTime Time, Guid Id, bool IsTombstone, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Some order of all values, and 0 only for those that have the same bytes.</summary>
    internal static int Compare(StoredValue one, StoredValue other)
    {
        if (ReferenceEquals(one, other))
            return 0;
        int order = one.Time.CompareTo(other.Time);
        order = order != 0 ? order : one.Id.CompareTo(other.Id);
        order = order != 0 ? order : one.IsTombstone.CompareTo(other.IsTombstone);
        return order != 0 ? order : one.Bytes.Span.SequenceCompareTo(other.Bytes.Span);
    }

    public override string ToString() => IsTombstone ? $"deleted at {Time}" : $"{Bytes.Length} bytes at {Time}";
}

/// <summary>
/// What a replica knows of one key: its versions, and the ids of its latest writes. A write that a client sends again to another coordinator gets a second
/// dot; by its id the two are one. Immutable; equal versions have equal bytes.
/// <para>
/// Layout: version vector; siblings: count (4), each dot (16), time (12), id (16), tombstone (1), bytes; recent writes: count (4), each time (12), id (16);
/// the last conditional write that is known to be committed: flag (1), ballot (24).
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

    public static readonly KeyVersions Empty = new(DottedVersions<StoredValue>.Empty, [], Ballot.None);

    // Either is made of the other when it is wanted: most of what is written and sent is never looked into.
    private readonly ReadOnlyMemory<byte> _read;
    private byte[]? _encoded;
    private Content? _content;

    private sealed record Content(DottedVersions<StoredValue> Set, (HybridTime Time, Guid Id)[] Recent, Ballot Committed);

    private KeyVersions(DottedVersions<StoredValue> set, (HybridTime, Guid)[] recent, Ballot committed) => _content = new Content(set, recent, committed);

    private KeyVersions(ReadOnlyMemory<byte> read) => _read = read;

    /// <summary>These versions, with all else that is known of the key.</summary>
    internal static KeyVersions Of(DottedVersions<StoredValue> set, KeyVersions with) => new(set, with.Recent, with.Committed);

    public DottedVersions<StoredValue> Set => Decoded.Set;

    /// <summary>The highest conditional write that is known to be committed: attempts up to and with it are of the past.</summary>
    internal Ballot Committed => Decoded.Committed;

    public bool IsEmpty => _content is { } content && content.Set.IsEmpty && content.Committed.IsNone;

    /// <summary>All that is left are deletions.</summary>
    public bool IsDeleted => Packed.IsDeleted;

    /// <summary>The latest time of a value.</summary>
    public HybridTime Latest => Packed.Latest;

    /// <summary>Since when nothing has happened to it, µs; of a key that never had a value, since the last attempt to give it one.</summary>
    internal long SinceMicros => Packed switch
    {
        { HasValues: true } packed => packed.Latest.Micros,
        { HasSources: true } => long.MaxValue,
        _ => Committed.Round,
    };

    private (HybridTime Time, Guid Id)[] Recent => Decoded.Recent;

    private Content Decoded => _content ??= Decode(_read);

    private ReadOnlyMemory<byte> Encoded => _read.IsEmpty ? _encoded ??= Encode() : _read;

    private PackedVersions Packed
    {
        get
        {
            bool isRead = PackedVersions.TryRead(Encoded.Span, out PackedVersions packed);
            Invariant.That(isRead, "versions are encoded as they are read");
            return packed;
        }
    }

    /// <summary>The same, of which it is known that this conditional write is committed.</summary>
    internal KeyVersions WithCommitted(in Ballot ballot) => new(Set, Recent, ballot > Committed ? ballot : Committed);

    /// <summary>The same, of which it is known that the write of this provisional name is done, and nobody needs to do it.</summary>
    internal KeyVersions WithFinal(Guid name)
    {
        HybridTime time = Array.Find(Recent, write => write.Id == name).Time;
        return new(Set, Newest([.. Recent.Union([(time, WriteName.FinalOf(name))])]), Committed);
    }

    /// <summary>A write of this id is known, be its value still there or replaced.</summary>
    public bool Knows(Guid id) => id != Guid.Empty && Packed.Knows(id);

    /// <summary>Of writes since then all ids are known: one that is not is not done. False: it may be, and be forgotten by now.</summary>
    public bool KnowsAllSince(long micros) => Recent.Length < MaxRecent || Recent[0].Time.Micros < micros;

    /// <summary>A write after a read: of what that had found, clock and ids, whoever coordinated it.</summary>
    public KeyVersions Write(KeyContext context, in Dot dot, StoredValue value)
    {
        (HybridTime, Guid)[] recent = Recent;
        DottedVersions<StoredValue> others = Set;
        if (context.Writes.Count > 0)
        {
            recent = [.. Recent.Union(context.Writes)];
            // What the reader had found stands here, perhaps, under a number that it had not.
            others = Set.Keep(sibling => sibling.Value.Id == Guid.Empty || !context.Writes.Any(write => IsOf(sibling.Value.Id, write.Id)));
        }

        return new(others.Write(context.Clock, dot, value), Newest(value.Id == Guid.Empty ? [.. recent] : [.. recent, (value.Time, value.Id)]), Committed);
    }

    /// <summary>What a reader of these versions knows.</summary>
    public KeyContext Context => new(Set.Clock, Recent);

    public KeyVersions Merge(KeyVersions other)
    {
        if (ReferenceEquals(this, other) || other.IsEmpty)
            return this;
        if (IsEmpty)
            return other;
        PackedVersions mine = Packed, theirs = other.Packed;
        if (theirs.Replace(mine))
            return other;
        return mine.Replace(theirs) || mine.IsSame(theirs) ? this : MergeDecoded(other);
    }

    /// <summary>Of all writes that the other has heard of these have, too.</summary>
    internal bool Descends(KeyVersions other) => other.IsEmpty || Packed.Descends(other.Packed);

    /// <summary>The same, by all that both sides know.</summary>
    internal KeyVersions MergeDecoded(KeyVersions other)
    {
        // No group has so many: some are invented. All replicas keep the same of the two, and none ends by it.
        if (!Set.Clock.HasRoomFor(other.Set.Clock))
            return IsKeptBefore(other) ? this : other;
        Ballot committed = other.Committed > Committed ? other.Committed : Committed;
        DottedVersions<StoredValue> merged = Set.Merge(other.Set, StoredValue.Compare);
        // Where no value has an id that the other side knows too, dots alone decide.
        if (NamesMeet(other))
        {
            // A value whose write the other side knows and has replaced, under another dot, is replaced.
            merged = WithoutOutlived(merged, other);
            // Of two dots of one write the final one stays, or the lower, on every replica.
            DottedVersions<StoredValue> both = merged;
            merged = both.Keep(sibling => sibling.Value.Id == Guid.Empty || !both.Siblings.Any(twin => (twin.Value.Id == sibling.Value.Id && twin.Dot < sibling.Dot) || IsFinalOf(twin.Value.Id, sibling.Value.Id)));
        }

        // Under their numbers alone they have replaced each other as well.
        if (merged.Span.IsEmpty && !Set.Span.IsEmpty && !other.Set.Span.IsEmpty)
            merged = DottedVersions.Of(merged.Clock, [Last(Set.Siblings.Concat(other.Set.Siblings))]);
        (HybridTime, Guid)[] recent = other.Recent.Length == 0 || other.Recent.AsSpan().SequenceEqual(Recent) ? Recent : Newest([.. Recent.Union(other.Recent)]);
        return IsSame(merged, Set) && recent.AsSpan().SequenceEqual(Recent) && committed == Committed ? this : new KeyVersions(merged, recent, committed);
    }

    public int EncodedSize => Encoded.Length;

    public void Encode(ref ByteWriter writer) => writer.Raw(Encoded.Span);

    public byte[] ToBytes() => Encoded.ToArray();

    private byte[] Encode()
    {
        int size = Set.Clock.EncodedSize + sizeof(int) + sizeof(int) + Recent.Length * RecentSize + Committed.SizeWithFlag;
        foreach (ref readonly Sibling<StoredValue> sibling in Set.Span)
            size += Dot.EncodedSize + HybridTime.EncodedSize + IdSize + 1 + sizeof(int) + sibling.Value.Bytes.Length;
        byte[] bytes = GC.AllocateUninitializedArray<byte>(size);
        var writer = new ByteWriter(bytes);
        Span<byte> name = stackalloc byte[IdSize];
        Set.Clock.Encode(ref writer);
        writer.Int32(Set.Span.Length);
        foreach (ref readonly Sibling<StoredValue> sibling in Set.Span)
        {
            sibling.Dot.Encode(ref writer);
            sibling.Value.Time.Encode(ref writer);
            sibling.Value.Id.TryWriteBytes(name);
            writer.Raw(name);
            writer.Byte(sibling.Value.IsTombstone ? (byte)1 : (byte)0);
            writer.Bytes(sibling.Value.Bytes.Span);
        }

        writer.Int32(Recent.Length);
        foreach ((HybridTime time, Guid id) in Recent)
        {
            time.Encode(ref writer);
            id.TryWriteBytes(name);
            writer.Raw(name);
        }

        Committed.EncodeWithFlag(ref writer);
        Invariant.That(writer.Position == size, "versions are as long as they say");
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no versions of a key.</exception>
    public static KeyVersions Decode(ref ByteReader reader)
    {
        if (PackedVersions.TryRead(reader.Rest.Span, out PackedVersions packed))
        {
            ReadOnlyMemory<byte> bytes = reader.Raw(packed.Length);
            return packed.IsEmpty ? Empty : new KeyVersions(bytes);
        }

        Content content = DecodeContent(ref reader);
        throw new InvalidDataException($"versions of a key are out of order: {content.Set}");
    }

    private static Content Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        Content content = DecodeContent(ref reader);
        reader.End();
        return content;
    }

    private static Content DecodeContent(ref ByteReader reader)
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
        return new Content(DottedVersions.Around(clock, siblings), recent, Ballot.DecodeWithFlag(ref reader));
    }

    /// <summary>The clock in the encoding of versions, which it begins.</summary>
    internal static ReadOnlyMemory<byte> ClockIn(ReadOnlyMemory<byte> versions) =>
        versions[..(sizeof(int) + System.Buffers.Binary.BinaryPrimitives.ReadInt32LittleEndian(versions.Span) * Dot.EncodedSize)];

    /// <summary>The same, on memory of its own: what was decoded shares the buffer that it came in.</summary>
    public KeyVersions Copied() => IsEmpty ? Empty : new KeyVersions(ToBytes());

    /// <summary>Nothing that either knows is unknown to the other.</summary>
    public bool IsSame(KeyVersions other) => ReferenceEquals(this, other)
        || (IsSame(Set, other.Set) && Recent.AsSpan().SequenceEqual(other.Recent) && Committed == other.Committed);

    public override string ToString() => Set.ToString();

    private static bool IsSame(DottedVersions<StoredValue> one, DottedVersions<StoredValue> other)
    {
        if (ReferenceEquals(one, other))
            return true;
        if (!one.Equals(other))
            return false;
        for (int i = 0; i < one.Span.Length; i++)
        {
            if (StoredValue.Compare(one.Span[i].Value, other.Span[i].Value) != 0)
                return false;
        }

        return true;
    }

    private bool IsKeptBefore(KeyVersions other) => Latest != other.Latest ? Latest > other.Latest : Encoded.Span.SequenceCompareTo(other.Encoded.Span) >= 0;

    private bool NamesMeet(KeyVersions other)
    {
        foreach (ref readonly Sibling<StoredValue> sibling in Set.Span)
        {
            if (other.KnowsWrite(sibling.Value.Id) || (sibling.Value.Id != Guid.Empty && other.Has(sibling.Value.Id)))
                return true;
        }

        foreach (ref readonly Sibling<StoredValue> sibling in other.Set.Span)
        {
            if (KnowsWrite(sibling.Value.Id))
                return true;
        }

        return false;
    }

    private bool Has(Guid id)
    {
        foreach (ref readonly Sibling<StoredValue> sibling in Set.Span)
        {
            if (sibling.Value.Id == id)
                return true;
        }

        return false;
    }

    // Two writes that were sent again and done in one order here and in the other there, each in place of all it found, have replaced each other: where nothing is left
    // that can have replaced them, the last one stays, whatever stands beside them.
    private DottedVersions<StoredValue> WithoutOutlived(DottedVersions<StoredValue> merged, KeyVersions other)
    {
        // Both have heard of the same, in another order, and have judged otherwise.
        if (Set.Clock.Equals(other.Set.Clock))
            return With(merged, [.. Set.Siblings.Concat(other.Set.Siblings).Where(sibling => !merged.Has(sibling.Dot))]);
        DottedVersions<StoredValue> left = merged.Keep(sibling => !Outlived(sibling, other) && !other.Outlived(sibling, this));
        if (ReferenceEquals(left, merged))
            return merged;
        Sibling<StoredValue>[] alone = [.. merged.Siblings.Where(sibling => !left.Has(sibling.Dot) && !(Set.Has(sibling.Dot) ? MayReplace(other, sibling, this, left) : MayReplace(this, sibling, other, left)))];
        return With(left, alone);
    }

    private static DottedVersions<StoredValue> With(DottedVersions<StoredValue> set, Sibling<StoredValue>[] alone) =>
        alone.Length == 0 ? set : DottedVersions.Of(set.Clock, set.Siblings.Append(Last(alone)).OrderBy(sibling => sibling.Dot));

    // What has replaced a write is later than that, and not known where the write still stands.
    private static bool MayReplace(KeyVersions these, Sibling<StoredValue> write, KeyVersions where, DottedVersions<StoredValue> left)
    {
        HybridTime time = Array.Find(these.Recent, known => IsOf(write.Value.Id, known.Id)).Time;
        return these.Set.Siblings.Any(sibling => sibling.Value.Time > time && left.Has(sibling.Dot) && !where.Set.Has(sibling.Dot));
    }

    private static Sibling<StoredValue> Last(IEnumerable<Sibling<StoredValue>> siblings) => siblings.MaxBy(sibling => (sibling.Value.Time, sibling.Dot));

    private bool Outlived(Sibling<StoredValue> sibling, KeyVersions by) =>
        Set.Has(sibling.Dot) && !by.Set.Has(sibling.Dot) && by.KnowsWrite(sibling.Value.Id) && !by.Set.Siblings.Any(twin => IsOf(sibling.Value.Id, twin.Value.Id) || IsOf(twin.Value.Id, sibling.Value.Id));

    // A provisional name is as good as outlived by the final one; not the other way round.
    private bool KnowsWrite(in Guid name) => Knows(name) || (WriteName.IsProvisional(name) && Knows(WriteName.FinalOf(name)));

    private static bool IsOf(in Guid name, in Guid known) => name == known || IsFinalOf(known, name);

    private static bool IsFinalOf(in Guid id, in Guid name) => id != Guid.Empty && WriteName.IsProvisional(name) && WriteName.FinalOf(name) == id;

    // The latest stay, and lie in one order: what is the same has the same bytes.
    private static (HybridTime, Guid)[] Newest((HybridTime Time, Guid Id)[] writes)
    {
        Array.Sort(writes, static (one, other) => one.Time != other.Time ? one.Time.CompareTo(other.Time) : one.Id.CompareTo(other.Id));
        return writes.Length > MaxRecent ? writes[^MaxRecent..] : writes;
    }
}
