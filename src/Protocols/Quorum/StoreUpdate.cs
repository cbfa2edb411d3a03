using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>One change of a replica's store: an entry of its log. Layout: kind (1), then the fields in order.</summary>
internal abstract record StoreUpdate
{
    /// <summary>
    /// Versions of a key, to be merged with those that are there. The peers are the key's other owners: each pair keeps a tree of what both own.
    /// <paramref name="OnlyIfThere"/>: a deletion so old that it may have been purged here; it matters only to what it has deleted.
    /// </summary>
    public sealed record Merge(ReadOnlyMemory<byte> Key, KeyVersions Versions, IReadOnlyList<ReplicaId> Peers, bool OnlyIfThere = false) : StoreUpdate;

    /// <summary>Versions that an owner which is away is to get. <paramref name="Wall"/>: since when, µs.</summary>
    public sealed record KeepHint(ReplicaId Owner, ReadOnlyMemory<byte> Key, KeyVersions Versions, long Wall) : StoreUpdate;

    /// <summary>The owner has these versions on its disk, or they are too old to be kept for it.</summary>
    public sealed record DropHint(ReplicaId Owner, ReadOnlyMemory<byte> Key, VersionVector Clock) : StoreUpdate;

    /// <summary>A deleted key goes, if nothing happened to it since.</summary>
    public sealed record Purge(ReadOnlyMemory<byte> Key, VersionVector Clock) : StoreUpdate;

    /// <summary>Everything in the store up to this index of its log has been compared with a peer, and exchanged where it differed.</summary>
    public sealed record Synced(ReplicaId Peer, long Index) : StoreUpdate;

    /// <summary>
    /// The replica lacks what it had acknowledged: it begins anew, and is no source of reads until it was compared with every peer. What is left of keys goes,
    /// because deletions of them may be among what is lost, and forgotten by the others.
    /// </summary>
    public sealed record Rebuild : StoreUpdate;

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
                writer.Int32(merge.Peers.Count);
                foreach (ReplicaId peer in merge.Peers)
                    writer.Int32(peer.Value);
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
                break;
            case Rebuild:
                writer.Byte(6);
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
            1 => new Merge(reader.Bytes(), KeyVersions.Decode(ref reader), ReadPeers(ref reader), reader.Bool()),
            2 => new KeepHint(new ReplicaId(reader.Int32()), reader.Bytes(), KeyVersions.Decode(ref reader), reader.Int64()),
            3 => new DropHint(new ReplicaId(reader.Int32()), reader.Bytes(), VersionVector.Decode(ref reader)),
            4 => new Purge(reader.Bytes(), VersionVector.Decode(ref reader)),
            5 => new Synced(new ReplicaId(reader.Int32()), reader.Int64()),
            6 => new Rebuild(),
            _ => throw new InvalidDataException($"unknown store update {kind}"),
        };
        reader.End();
        return update;
    }

    private int Size => this switch
    {
        Merge merge => sizeof(int) + merge.Key.Length + merge.Versions.EncodedSize + sizeof(int) * (1 + merge.Peers.Count) + 1,
        KeepHint hint => 2 * sizeof(int) + hint.Key.Length + hint.Versions.EncodedSize + sizeof(long),
        DropHint gone => 2 * sizeof(int) + gone.Key.Length + gone.Clock.EncodedSize,
        Purge purge => sizeof(int) + purge.Key.Length + purge.Clock.EncodedSize,
        Synced => sizeof(int) + sizeof(long),
        Rebuild => 0,
        _ => throw new InvariantViolationException("every update has a size"),
    };

    private static ReplicaId[] ReadPeers(ref ByteReader reader)
    {
        var peers = new ReplicaId[reader.Count(sizeof(int))];
        for (int i = 0; i < peers.Length; i++)
            peers[i] = new ReplicaId(reader.Int32());
        return peers;
    }
}
