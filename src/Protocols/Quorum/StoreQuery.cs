using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Quorum;

/// <summary>What a protocol asks its store. Layout: kind (1), then the fields in order.</summary>
internal abstract record StoreQuery
{
    /// <summary>The versions of these keys, in order; see <see cref="KeyList"/>.</summary>
    public sealed record Keys(IReadOnlyList<ReadOnlyMemory<byte>> List) : StoreQuery;

    /// <summary>Which writes of these keys are here, in order; answered by a version vector each.</summary>
    public sealed record Clocks(IReadOnlyList<ReadOnlyMemory<byte>> List) : StoreQuery;

    /// <summary>What is kept for an owner, oldest first, up to about so many bytes; see <see cref="KeyList"/>.</summary>
    public sealed record Hints(ReplicaId Owner, int MaxBytes) : StoreQuery;

    /// <summary>Keys of these fingerprints, up to about so many bytes: of how many fingerprints this is (4), then a <see cref="KeyList"/>.</summary>
    public sealed record Prints(IReadOnlyList<UInt128> List, int MaxBytes) : StoreQuery;

    /// <summary>Keys that are deleted since before a time and from another time on, µs, and every other owner knows it; so many at most; answered by <see cref="DeletedKeys"/>.</summary>
    public sealed record Deleted(long Before, long After, int Most) : StoreQuery;

    /// <summary>A question of a peer's comparison; answered by its answer's bytes.</summary>
    public sealed record Compare(ReplicaId Peer, ReadOnlyMemory<byte> Question) : StoreQuery;

    /// <summary>Which children differ from a peer's answer; answered by pairs of level and number, 4 bytes each.</summary>
    public sealed record Judge(ReplicaId Peer, ReadOnlyMemory<byte> Answer) : StoreQuery;

    /// <summary>The question about a leaf; answered by its bytes.</summary>
    public sealed record Leaf(ReplicaId Peer, long Token, int Number, UInt128 After) : StoreQuery;

    /// <summary>What the acceptor remembers of these keys, and their versions; see <see cref="PaxosList"/>, then a <see cref="KeyList"/>, each with its length.</summary>
    public sealed record Paxos(IReadOnlyList<ReadOnlyMemory<byte>> List) : StoreQuery;

    /// <summary>Keys of which a proposal was accepted before this round and is not known to be committed, so many at most; see <see cref="PaxosList"/>.</summary>
    public sealed record Unfinished(long Before, int Most) : StoreQuery;

    /// <summary>Part of what moves to a member in another's place; answered by a <see cref="StreamSlice"/>.</summary>
    public sealed record Stream(ReplicaId To, ReplicaId From, StreamPart Part, UInt128 After, int MaxBytes) : StoreQuery;

    /// <summary>Which updates, from this index on, brought versions that did not know all that was there; answered by an <see cref="UncoveredList"/>.</summary>
    public sealed record Uncovered(long From) : StoreQuery;

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
                Write(ref writer, keys.List);
                break;
            case Clocks clocks:
                writer.Byte(12);
                Write(ref writer, clocks.List);
                break;
            case Paxos paxos:
                writer.Byte(9);
                Write(ref writer, paxos.List);
                break;
            case Unfinished unfinished:
                writer.Byte(10);
                writer.Int64(unfinished.Before);
                writer.Int32(unfinished.Most);
                break;
            case Stream stream:
                writer.Byte(11);
                writer.Int32(stream.To.Value);
                writer.Int32(stream.From.Value);
                writer.Byte((byte)stream.Part);
                Write(ref writer, stream.After);
                writer.Int32(stream.MaxBytes);
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
                writer.Int64(deleted.After);
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
            case Uncovered uncovered:
                writer.Byte(13);
                writer.Int64(uncovered.From);
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
            4 => new Deleted(reader.Int64(), reader.Int64(), reader.Int32()),
            5 => new Compare(new ReplicaId(reader.Int32()), reader.Bytes()),
            6 => new Judge(new ReplicaId(reader.Int32()), reader.Bytes()),
            7 => new Leaf(new ReplicaId(reader.Int32()), reader.Int64(), reader.Int32(), Read(ref reader)),
            8 => new Standing(),
            9 => new Paxos(ReadKeys(ref reader)),
            10 => new Unfinished(reader.Int64(), reader.Int32()),
            11 => new Stream(new ReplicaId(reader.Int32()), new ReplicaId(reader.Int32()), (StreamPart)reader.Byte(), Read(ref reader), reader.Int32()),
            12 => new Clocks(ReadKeys(ref reader)),
            13 => new Uncovered(reader.Int64()),
            _ => throw new InvalidDataException($"unknown store query {kind}"),
        };
        reader.End();
        return query;
    }

    private int Size => this switch
    {
        Keys keys => SizeOf(keys.List),
        Clocks clocks => SizeOf(clocks.List),
        Paxos paxos => SizeOf(paxos.List),
        Unfinished => sizeof(long) + sizeof(int),
        Stream => 3 * sizeof(int) + 1 + 16,
        Hints => 2 * sizeof(int),
        Uncovered => sizeof(long),
        Prints prints => 2 * sizeof(int) + 16 * prints.List.Count,
        Deleted => 2 * sizeof(long) + sizeof(int),
        Compare compare => 2 * sizeof(int) + compare.Question.Length,
        Judge judge => 2 * sizeof(int) + judge.Answer.Length,
        Leaf => 2 * sizeof(int) + sizeof(long) + 16,
        _ => 0,
    };

    private static int SizeOf(IReadOnlyList<ReadOnlyMemory<byte>> keys)
    {
        int size = sizeof(int);
        for (int i = 0; i < keys.Count; i++)
            size += sizeof(int) + keys[i].Length;
        return size;
    }

    private static void Write(ref ByteWriter writer, IReadOnlyList<ReadOnlyMemory<byte>> keys)
    {
        writer.Int32(keys.Count);
        for (int i = 0; i < keys.Count; i++)
            writer.Bytes(keys[i].Span);
    }

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

/// <summary>Indices of updates, ascending. Layout: up to which index nobody remembers (8), then each index (8).</summary>
internal readonly struct UncoveredList(ReadOnlyMemory<byte> bytes)
{
    private readonly long[] _numbers = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(bytes.Span).ToArray();

    public static byte[] Encode(long forgotten, IEnumerable<long> indices) => System.Runtime.InteropServices.MemoryMarshal.AsBytes<long>([forgotten, .. indices]).ToArray();

    /// <summary>It is one of them, or may have been.</summary>
    public bool Has(long index) => index <= _numbers[0] || _numbers.AsSpan(1).BinarySearch(index) >= 0;
}

/// <summary>Deleted keys that may be purged, and from which time on to look next; 0: from the first.</summary>
internal sealed record DeletedKeys(long Next, IReadOnlyList<(ReadOnlyMemory<byte> Key, KeyVersions Versions)> List)
{
    public byte[] ToBytes() => [.. BitConverter.GetBytes(Next), .. KeyList.Encode(List)];

    public static DeletedKeys Decode(ReadOnlyMemory<byte> bytes) => new(BitConverter.ToInt64(bytes.Span), KeyList.Decode(bytes[sizeof(long)..]));
}

/// <summary>What acceptors remember of keys. Layout: count (4), each state.</summary>
internal static class PaxosList
{
    public static byte[] Encode(IReadOnlyList<PaxosState> list)
    {
        byte[] bytes = new byte[sizeof(int) + list.Sum(state => state.EncodedSize)];
        var writer = new ByteWriter(bytes);
        writer.Int32(list.Count);
        foreach (PaxosState state in list)
            state.Encode(ref writer);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no such list.</exception>
    public static PaxosState[] Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        var list = new PaxosState[reader.Count(3 * sizeof(int))];
        for (int i = 0; i < list.Length; i++)
            list[i] = PaxosState.Decode(ref reader);
        reader.End();
        return list;
    }
}

/// <summary>A part of what moves: where to go on, how much there is in all, and the items, a <see cref="PaxosList"/> or a <see cref="KeyList"/>.</summary>
internal sealed record StreamSlice(StreamPart Next, UInt128 After, long Total, long TotalBytes, long Floor, ReadOnlyMemory<byte> Items)
{
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[1 + 16 + 3 * sizeof(long) + sizeof(int) + Items.Length];
        var writer = new ByteWriter(bytes);
        writer.Byte((byte)Next);
        writer.Int64((long)(ulong)After);
        writer.Int64((long)(ulong)(After >> 64));
        writer.Int64(Total);
        writer.Int64(TotalBytes);
        writer.Int64(Floor);
        writer.Bytes(Items.Span);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no such part.</exception>
    public static StreamSlice Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        var next = (StreamPart)reader.Byte();
        ulong low = (ulong)reader.Int64();
        var slice = new StreamSlice(next, new UInt128((ulong)reader.Int64(), low), reader.Int64(), reader.Int64(), reader.Int64(), reader.Bytes());
        reader.End();
        return slice;
    }
}
