using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Why a store is filled by others before it answers.</summary>
internal enum RebuildReason : byte
{
    /// <summary>The member is on its way in: all that it is to have is copied, and nothing needs to be compared.</summary>
    Joins = 0,

    /// <summary>It may have forgotten what it had acknowledged. What can be read is set aside: deletions of it may be among what is lost, and forgotten by the others.</summary>
    Lost = 1,

    /// <summary>It was away for longer than deletions are remembered. It has forgotten nothing, and keeps what it has.</summary>
    Absent = 2,
}

/// <summary>One change of a replica's store: an entry of its log. Layout: kind (1), then the fields in order.</summary>
internal abstract record StoreUpdate
{
    /// <summary>
    /// Versions of a key, to be merged with those that are there.
    /// <paramref name="OnlyIfThere"/>: a deletion so old that it may have been purged here; it matters only to what it has deleted.
    /// </summary>
    public sealed record Merge(ReadOnlyMemory<byte> Key, KeyVersions Versions, bool OnlyIfThere = false) : StoreUpdate;

    /// <summary>Versions that an owner which is away is to get. <paramref name="Wall"/>: since when, µs.</summary>
    public sealed record KeepHint(ReplicaId Owner, ReadOnlyMemory<byte> Key, KeyVersions Versions, long Wall) : StoreUpdate;

    /// <summary>The owner has these versions on its disk, or they are too old to be kept for it.</summary>
    public sealed record DropHint(ReplicaId Owner, ReadOnlyMemory<byte> Key, VersionVector Clock) : StoreUpdate;

    /// <summary>A deleted key goes, if nothing happened to it since.</summary>
    public sealed record Purge(ReadOnlyMemory<byte> Key, VersionVector Clock) : StoreUpdate;

    /// <summary>
    /// Everything in the store up to this index of its log has been compared with a peer, and exchanged where it differed.
    /// <paramref name="Lacked"/>: the peer had lost something itself.
    /// </summary>
    public sealed record Synced(ReplicaId Peer, long Index, bool Lacked) : StoreUpdate;

    /// <summary>From now on the store is no source of reads, until <see cref="Whole"/>.</summary>
    public sealed record Rebuild(RebuildReason Reason) : StoreUpdate;

    /// <summary>
    /// It was compared with enough peers: it is a source of reads again. Of what was set aside, what is too young for its deletion to be forgotten is merged, for it may
    /// be nowhere else; the rest goes.
    /// </summary>
    public sealed record Whole : StoreUpdate;

    /// <summary>Of the keys of which every other owner has lost something as well, what was set aside is all that there is: it is merged, and all are compared with once more.</summary>
    public sealed record Salvage : StoreUpdate;

    /// <summary>A key that was set aside: part of a checkpoint.</summary>
    public sealed record Aside(ReadOnlyMemory<byte> Key, KeyVersions Versions) : StoreUpdate;

    /// <summary>Nothing else has happened for long: the replica is there.</summary>
    public sealed record Alive : StoreUpdate;

    /// <summary>From now on this is the ring, and this replica that member: what it does not own any more is kept as hints for those who do, or goes.</summary>
    public sealed record Ring(ReplicaId Self, RingView View) : StoreUpdate;

    /// <summary>Part of a change of the ring: all that this source has of what moves here in the place of <paramref name="From"/> is here.</summary>
    public sealed record Copied(long Epoch, ReplicaId From, ReplicaId Source) : StoreUpdate;

    /// <summary>An acceptor's promise, unless it has given a higher one.</summary>
    public sealed record Promise(ReadOnlyMemory<byte> Key, Ballot Ballot) : StoreUpdate;

    /// <summary>A proposal to be accepted, unless a higher ballot was promised.</summary>
    public sealed record Accept(PaxosState State) : StoreUpdate;

    /// <summary>What another acceptor remembers, to be remembered here as well.</summary>
    public sealed record Learn(PaxosState State) : StoreUpdate;

    /// <summary>Rounds of conditional writes below this are refused, of whatever key: so promises can be forgotten.</summary>
    public sealed record Floor(long Round) : StoreUpdate;

    /// <summary>The trees are built anew from the data.</summary>
    public sealed record Recount : StoreUpdate;

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[1 + Size];
        var writer = new ByteWriter(bytes);
        switch (this)
        {
            case Merge merge:
                writer.Byte(1);
                writer.Bytes(merge.Key.Span);
                merge.Versions.Encode(ref writer);
                writer.Byte(merge.OnlyIfThere ? (byte)1 : (byte)0);
                break;
            case KeepHint hint:
                writer.Byte(2);
                writer.Int32(hint.Owner.Value);
                writer.Bytes(hint.Key.Span);
                hint.Versions.Encode(ref writer);
                writer.Int64(hint.Wall);
                break;
            case DropHint gone:
                writer.Byte(3);
                writer.Int32(gone.Owner.Value);
                writer.Bytes(gone.Key.Span);
                gone.Clock.Encode(ref writer);
                break;
            case Purge purge:
                writer.Byte(4);
                writer.Bytes(purge.Key.Span);
                purge.Clock.Encode(ref writer);
                break;
            case Synced synced:
                writer.Byte(5);
                writer.Int32(synced.Peer.Value);
                writer.Int64(synced.Index);
                writer.Byte(synced.Lacked ? (byte)1 : (byte)0);
                break;
            case Rebuild rebuild:
                writer.Byte(6);
                writer.Byte((byte)rebuild.Reason);
                break;
            case Whole:
                writer.Byte(14);
                break;
            case Salvage:
                writer.Byte(15);
                break;
            case Aside aside:
                writer.Byte(16);
                writer.Bytes(aside.Key.Span);
                aside.Versions.Encode(ref writer);
                break;
            case Alive:
                writer.Byte(17);
                break;
            case Ring ring:
                writer.Byte(7);
                writer.Int32(ring.Self.Value);
                writer.Bytes(ring.View.Bytes);
                break;
            case Copied copied:
                writer.Byte(8);
                writer.Int64(copied.Epoch);
                writer.Int32(copied.From.Value);
                writer.Int32(copied.Source.Value);
                break;
            case Promise promise:
                writer.Byte(9);
                writer.Bytes(promise.Key.Span);
                promise.Ballot.EncodeWithFlag(ref writer);
                break;
            case Accept accept:
                writer.Byte(10);
                accept.State.Encode(ref writer);
                break;
            case Learn learn:
                writer.Byte(11);
                learn.State.Encode(ref writer);
                break;
            case Floor floor:
                writer.Byte(12);
                writer.Int64(floor.Round);
                break;
            case Recount:
                writer.Byte(13);
                break;
        }

        Invariant.That(writer.Position == bytes.Length, "an update is as long as it says");
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no update.</exception>
    public static StoreUpdate Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte kind = reader.Byte();
        StoreUpdate update = kind switch
        {
            1 => new Merge(reader.Bytes(), KeyVersions.Decode(ref reader), reader.Bool()),
            2 => new KeepHint(new ReplicaId(reader.Int32()), reader.Bytes(), KeyVersions.Decode(ref reader), reader.Int64()),
            3 => new DropHint(new ReplicaId(reader.Int32()), reader.Bytes(), VersionVector.Decode(ref reader)),
            4 => new Purge(reader.Bytes(), VersionVector.Decode(ref reader)),
            5 => new Synced(new ReplicaId(reader.Int32()), reader.Int64(), reader.Bool()),
            6 => new Rebuild(ReasonOf(reader.Byte())),
            7 => new Ring(new ReplicaId(reader.Int32()), RingView.Decode(reader.Bytes())),
            8 => new Copied(reader.Int64(), new ReplicaId(reader.Int32()), new ReplicaId(reader.Int32())),
            9 => new Promise(reader.Bytes(), Ballot.DecodeWithFlag(ref reader)),
            10 => new Accept(PaxosState.Decode(ref reader)),
            11 => new Learn(PaxosState.Decode(ref reader)),
            12 => new Floor(reader.Int64()),
            13 => new Recount(),
            14 => new Whole(),
            15 => new Salvage(),
            16 => new Aside(reader.Bytes(), KeyVersions.Decode(ref reader)),
            17 => new Alive(),
            _ => throw new InvalidDataException($"unknown store update {kind}"),
        };
        reader.End();
        return update;
    }

    internal static RebuildReason ReasonOf(byte reason) =>
        reason <= (byte)RebuildReason.Absent ? (RebuildReason)reason : throw new InvalidDataException($"a rebuild has reason {reason}");

    private int Size => this switch
    {
        Merge merge => sizeof(int) + merge.Key.Length + merge.Versions.EncodedSize + 1,
        KeepHint hint => 2 * sizeof(int) + hint.Key.Length + hint.Versions.EncodedSize + sizeof(long),
        DropHint gone => 2 * sizeof(int) + gone.Key.Length + gone.Clock.EncodedSize,
        Purge purge => sizeof(int) + purge.Key.Length + purge.Clock.EncodedSize,
        Synced => sizeof(int) + sizeof(long) + 1,
        Rebuild => 1,
        Recount or Whole or Salvage or Alive => 0,
        Aside aside => sizeof(int) + aside.Key.Length + aside.Versions.EncodedSize,
        Ring ring => 2 * sizeof(int) + ring.View.EncodedSize,
        Copied => sizeof(long) + 2 * sizeof(int),
        Promise promise => sizeof(int) + promise.Key.Length + promise.Ballot.SizeWithFlag,
        Accept accept => accept.State.EncodedSize,
        Learn learn => learn.State.EncodedSize,
        Floor => sizeof(long),
        _ => throw new InvariantViolationException("every update has a size"),
    };
}
