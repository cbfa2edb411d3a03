using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Quorum;

/// <summary>What a protocol asks its store. Layout: kind (1), then the fields in order.</summary>
internal abstract record StoreQuery
{
    /// <summary>The versions of these keys, in order; see <see cref="KeyList"/>.</summary>
    public sealed record Keys(IReadOnlyList<ReadOnlyMemory<byte>> List) : StoreQuery;

    /// <summary>What is kept for an owner, oldest first, up to about so many bytes; see <see cref="KeyList"/>.</summary>
    public sealed record Hints(ReplicaId Owner, int MaxBytes) : StoreQuery;

    /// <summary>Keys of these fingerprints, up to about so many bytes: of how many fingerprints this is (4), then a <see cref="KeyList"/>.</summary>
    public sealed record Prints(IReadOnlyList<UInt128> List, int MaxBytes) : StoreQuery;

    /// <summary>Keys that are deleted since before a time, µs, and every other owner knows it; so many at most; see <see cref="KeyList"/>.</summary>
    public sealed record Deleted(long Before, int Most) : StoreQuery;

    /// <summary>A question of a peer's comparison; answered by its answer's bytes.</summary>
    public sealed record Compare(ReplicaId Peer, ReadOnlyMemory<byte> Question) : StoreQuery;

    /// <summary>Which children differ from a peer's answer; answered by pairs of level and number, 4 bytes each.</summary>
    public sealed record Judge(ReplicaId Peer, ReadOnlyMemory<byte> Answer) : StoreQuery;

    /// <summary>The question about a leaf; answered by its bytes.</summary>
    public sealed record Leaf(ReplicaId Peer, long Token, int Number, UInt128 After) : StoreQuery;

    /// <summary>See <see cref="StoreStanding"/>.</summary>
    public sealed record Standing : StoreQuery;

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[1 + Size];
        var writer = new ByteWriter(bytes);
        switch (this)
        {
            case Keys keys:
                writer.Byte(1);
                writer.Int32(keys.List.Count);
                foreach (ReadOnlyMemory<byte> key in keys.List)
                    writer.Bytes(key.Span);
                break;
            case Hints hints:
                writer.Byte(2);
                writer.Int32(hints.Owner.Value);
                writer.Int32(hints.MaxBytes);
                break;
            case Prints prints:
                writer.Byte(3);
                writer.Int32(prints.MaxBytes);
                writer.Int32(prints.List.Count);
                foreach (UInt128 print in prints.List)
                    Write(ref writer, print);
                break;
            case Deleted deleted:
                writer.Byte(4);
                writer.Int64(deleted.Before);
                writer.Int32(deleted.Most);
                break;
            case Compare compare:
                writer.Byte(5);
                writer.Int32(compare.Peer.Value);
                writer.Bytes(compare.Question.Span);
                break;
            case Judge judge:
                writer.Byte(6);
                writer.Int32(judge.Peer.Value);
                writer.Bytes(judge.Answer.Span);
                break;
            case Leaf leaf:
                writer.Byte(7);
                writer.Int32(leaf.Peer.Value);
                writer.Int64(leaf.Token);
                writer.Int32(leaf.Number);
                Write(ref writer, leaf.After);
                break;
            default:
                writer.Byte(8);
                break;
        }

        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no query.</exception>
    public static StoreQuery Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte kind = reader.Byte();
        StoreQuery query = kind switch
        {
            1 => new Keys(ReadKeys(ref reader)),
            2 => new Hints(new ReplicaId(reader.Int32()), reader.Int32()),
            3 => ReadPrints(ref reader),
            4 => new Deleted(reader.Int64(), reader.Int32()),
            5 => new Compare(new ReplicaId(reader.Int32()), reader.Bytes()),
            6 => new Judge(new ReplicaId(reader.Int32()), reader.Bytes()),
            7 => new Leaf(new ReplicaId(reader.Int32()), reader.Int64(), reader.Int32(), Read(ref reader)),
            8 => new Standing(),
            _ => throw new InvalidDataException($"unknown store query {kind}"),
        };
        reader.End();
        return query;
    }

    private int Size => this switch
    {
        Keys keys => sizeof(int) + keys.List.Sum(key => sizeof(int) + key.Length),
        Hints => 2 * sizeof(int),
        Prints prints => 2 * sizeof(int) + 16 * prints.List.Count,
        Deleted => sizeof(long) + sizeof(int),
        Compare compare => 2 * sizeof(int) + compare.Question.Length,
        Judge judge => 2 * sizeof(int) + judge.Answer.Length,
        Leaf => 2 * sizeof(int) + sizeof(long) + 16,
        _ => 0,
    };

    private static ReadOnlyMemory<byte>[] ReadKeys(ref ByteReader reader)
    {
        var keys = new ReadOnlyMemory<byte>[reader.Count(sizeof(int))];
        for (int i = 0; i < keys.Length; i++)
            keys[i] = reader.Bytes();
        return keys;
    }

    private static Prints ReadPrints(ref ByteReader reader)
    {
        int maxBytes = reader.Int32();
        var prints = new UInt128[reader.Count(16)];
        for (int i = 0; i < prints.Length; i++)
            prints[i] = Read(ref reader);
        return new Prints(prints, maxBytes);
    }

    private static void Write(ref ByteWriter writer, UInt128 value)
    {
        writer.Int64((long)(ulong)value);
        writer.Int64((long)(ulong)(value >> 64));
    }

    private static UInt128 Read(ref ByteReader reader)
    {
        ulong low = (ulong)reader.Int64();
        return new UInt128((ulong)reader.Int64(), low);
    }
}

/// <summary>Keys with their versions: what most queries return. Layout: count (4), each key and versions.</summary>
internal static class KeyList
{
    public static byte[] Encode(IReadOnlyList<(ReadOnlyMemory<byte> Key, KeyVersions Versions)> list)
    {
        byte[] bytes = new byte[sizeof(int) + list.Sum(item => sizeof(int) + item.Key.Length + item.Versions.EncodedSize)];
        var writer = new ByteWriter(bytes);
        writer.Int32(list.Count);
        foreach ((ReadOnlyMemory<byte> key, KeyVersions versions) in list)
        {
            writer.Bytes(key.Span);
            versions.Encode(ref writer);
        }

        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no such list.</exception>
    public static (ReadOnlyMemory<byte> Key, KeyVersions Versions)[] Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        var list = new (ReadOnlyMemory<byte>, KeyVersions)[reader.Count(3 * sizeof(int))];
        for (int i = 0; i < list.Length; i++)
            list[i] = (reader.Bytes(), KeyVersions.Decode(ref reader));
        reader.End();
        return list;
    }
}

/// <summary>How a store stands beside its peers.</summary>
/// <param name="HintBytes">Bytes of hints.</param>
/// <param name="Synced">Up to which index of the own log each peer was compared with.</param>
/// <param name="Owners">For whom there are hints.</param>
/// <param name="Compared">Since the store may lack what it had: the peers it was compared with. Null: it lacks nothing.</param>
internal sealed record StoreStanding(
    long HintBytes, IReadOnlyDictionary<ReplicaId, long> Synced, IReadOnlyList<ReplicaId> Owners, IReadOnlyList<ReplicaId>? Compared)
{
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[sizeof(long) + 3 * sizeof(int) + 1 + Synced.Count * (sizeof(int) + sizeof(long)) + (Owners.Count + (Compared?.Count ?? 0)) * sizeof(int)];
        var writer = new ByteWriter(bytes);
        writer.Int64(HintBytes);
        writer.Int32(Synced.Count);
        foreach ((ReplicaId peer, long index) in Synced)
        {
            writer.Int32(peer.Value);
            writer.Int64(index);
        }

        Write(ref writer, Owners);
        writer.Byte(Compared is null ? (byte)0 : (byte)1);
        Write(ref writer, Compared ?? []);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no standing.</exception>
    public static StoreStanding Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        long hints = reader.Int64();
        var synced = new SortedDictionary<ReplicaId, long>();
        for (int left = reader.Count(sizeof(int) + sizeof(long)); left > 0; left--)
            synced[new ReplicaId(reader.Int32())] = reader.Int64();
        ReplicaId[] owners = Read(ref reader);
        bool lacks = reader.Bool();
        ReplicaId[] compared = Read(ref reader);
        reader.End();
        return new StoreStanding(hints, synced, owners, lacks ? compared : null);
    }

    private static void Write(ref ByteWriter writer, IReadOnlyList<ReplicaId> list)
    {
        writer.Int32(list.Count);
        foreach (ReplicaId id in list)
            writer.Int32(id.Value);
    }

    private static ReplicaId[] Read(ref ByteReader reader)
    {
        var list = new ReplicaId[reader.Count(sizeof(int))];
        for (int i = 0; i < list.Length; i++)
            list[i] = new ReplicaId(reader.Int32());
        return list;
    }
}
