using System.Buffers.Binary;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Merkle;

/// <summary>
/// One question or answer of a comparison, which begins with its version and kind (4 bits each). All questions of a comparison carry their asker's token; a message has at most
/// <see cref="MaxBytes"/> bytes.
/// </summary>
public abstract class MerkleMessage(long token) : PeerMessage
{
    public const int MaxBytes = 16 * 1024;

    private const int Header = sizeof(byte) + sizeof(long);
    // Of how digests are made: those of other versions differ from these wherever there is anything.
    private const int Version = 1;

    public long Token { get; } = token;

    public override int EncodedSize => Header + BodySize;

    protected abstract byte Tag { get; }
    protected abstract int BodySize { get; }

    public override void Encode(ref ByteWriter writer)
    {
        writer.Byte((byte)(Version << 4 | Tag));
        writer.Int64(Token);
        EncodeBody(ref writer);
    }

    /// <exception cref="InvalidDataException">The bytes are no message of a comparison.</exception>
    public static MerkleMessage Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte first = reader.Byte();
        int version = first >> 4, tag = first & 15;
        if (version != Version)
            throw new InvalidDataException($"a message of a comparison of trees has version {version}; this build compares with version {Version} alone");
        long token = reader.Int64();
        MerkleMessage message = tag switch
        {
            1 => MerkleAsk.DecodeBody(token, ref reader),
            2 => MerkleDigests.DecodeBody(token, ref reader),
            3 => MerkleItems.DecodeBody(token, ref reader),
            4 => MerkleKeys.DecodeBody(token, ref reader),
            _ => throw new InvalidDataException($"unknown message {tag} of a comparison of trees"),
        };
        reader.End();
        return message;
    }

    protected abstract void EncodeBody(ref ByteWriter writer);

    private protected static void Write(ref ByteWriter writer, UInt128 value)
    {
        writer.Int64((long)(ulong)value);
        writer.Int64((long)(ulong)(value >> 64));
    }

    private protected static UInt128 Read(ref ByteReader reader) => BinaryPrimitives.ReadUInt128LittleEndian(reader.Raw(16).Span);
}

/// <summary>Asks for the digests of these nodes' children; all are of one level. Every list is of bounded length: see the constants.</summary>
public sealed class MerkleAsk(long token, int depth, int level, IReadOnlyList<int> nodes) : MerkleMessage(token)
{
    /// <summary>Their children's digests fit into one answer.</summary>
    public const int MaxNodes = 60;

    /// <summary>Of the asker's tree.</summary>
    public int Depth { get; } = depth;
    public int Level { get; } = level;
    public IReadOnlyList<int> Nodes { get; } = nodes;

    protected override byte Tag => 1;
    protected override int BodySize => 2 + sizeof(int) + Nodes.Count * sizeof(int);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Byte((byte)Depth);
        writer.Byte((byte)Level);
        writer.Int32(Nodes.Count);
        foreach (int node in Nodes)
            writer.Int32(node);
    }

    internal static MerkleAsk DecodeBody(long token, ref ByteReader reader)
    {
        int depth = reader.Byte(), level = reader.Byte();
        int[] nodes = new int[reader.Count(sizeof(int))];
        for (int i = 0; i < nodes.Length; i++)
            nodes[i] = reader.Int32();
        if (nodes.Length is 0 or > MaxNodes || level >= depth)
            throw new InvalidDataException($"{nodes.Length} nodes of level {level} of {depth} are asked for; 1 to {MaxNodes}, above the leaves, can be");
        return new MerkleAsk(token, depth, level, nodes);
    }
}

/// <summary>Answers <see cref="MerkleAsk"/>: the children's digests of each node, in order.</summary>
public sealed class MerkleDigests(long token, int level, IReadOnlyList<int> nodes, IReadOnlyList<UInt128> digests) : MerkleMessage(token)
{
    public int Level { get; } = level;
    public IReadOnlyList<int> Nodes { get; } = nodes;
    public IReadOnlyList<UInt128> Digests { get; } = digests;

    protected override byte Tag => 2;
    protected override int BodySize => 1 + sizeof(int) + Nodes.Count * (sizeof(int) + MerkleTree.Fanout * 16);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Byte((byte)Level);
        writer.Int32(Nodes.Count);
        foreach (int node in Nodes)
            writer.Int32(node);
        foreach (UInt128 digest in Digests)
            Write(ref writer, digest);
    }

    internal static MerkleDigests DecodeBody(long token, ref ByteReader reader)
    {
        int level = reader.Byte();
        int[] nodes = new int[reader.Count(sizeof(int) + MerkleTree.Fanout * 16)];
        for (int i = 0; i < nodes.Length; i++)
            nodes[i] = reader.Int32();
        var digests = new UInt128[nodes.Length * MerkleTree.Fanout];
        for (int i = 0; i < digests.Length; i++)
            digests[i] = Read(ref reader);
        return new MerkleDigests(token, level, nodes, digests);
    }
}

/// <summary>
/// What the asker has in a leaf that differs, from the key after <paramref name="after"/> up to and with <paramref name="upTo"/>, ascending. The other side
/// answers with <see cref="MerkleKeys"/>.
/// </summary>
public sealed class MerkleItems(long token, int leaf, UInt128 after, UInt128 upTo, IReadOnlyList<MerkleItem> items) : MerkleMessage(token)
{
    public const int MaxItems = 500;

    public int Leaf { get; } = leaf;

    /// <summary>0: from the leaf's first key.</summary>
    public UInt128 After { get; } = after;
    public UInt128 UpTo { get; } = upTo;
    public IReadOnlyList<MerkleItem> Items { get; } = items;

    protected override byte Tag => 3;
    protected override int BodySize => sizeof(int) + 32 + sizeof(int) + Items.Count * MerkleItem.EncodedSize;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int32(Leaf);
        Write(ref writer, After);
        Write(ref writer, UpTo);
        writer.Int32(Items.Count);
        foreach (MerkleItem item in Items)
        {
            Write(ref writer, item.Key);
            Write(ref writer, item.Value);
        }
    }

    internal static MerkleItems DecodeBody(long token, ref ByteReader reader)
    {
        int leaf = reader.Int32();
        UInt128 after = Read(ref reader), upTo = Read(ref reader);
        var items = new MerkleItem[reader.Count(MerkleItem.EncodedSize)];
        for (int i = 0; i < items.Length; i++)
        {
            items[i] = new MerkleItem(Read(ref reader), Read(ref reader));
            if (i > 0 && items[i].Key <= items[i - 1].Key)
                throw new InvalidDataException("the items of a leaf ascend by key");
        }

        if (items.Length > MaxItems || after > upTo)
            throw new InvalidDataException($"{items.Length} items of a leaf in one message; {MaxItems} is the most");
        return new MerkleItems(token, leaf, after, upTo, items);
    }
}

/// <summary>Answers <see cref="MerkleItems"/>: the keys at which the two sides differ or that only one of them has.</summary>
public sealed class MerkleKeys(long token, int leaf, UInt128 upTo, IReadOnlyList<UInt128> keys, bool more) : MerkleMessage(token)
{
    public const int MaxKeys = 1_000;

    public int Leaf { get; } = leaf;
    public UInt128 UpTo { get; } = upTo;
    public IReadOnlyList<UInt128> Keys { get; } = keys;

    /// <summary>There were more than fit; those are found by the next comparison.</summary>
    public bool More { get; } = more;

    protected override byte Tag => 4;
    protected override int BodySize => sizeof(int) + 16 + sizeof(int) + Keys.Count * 16 + 1;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int32(Leaf);
        Write(ref writer, UpTo);
        writer.Int32(Keys.Count);
        foreach (UInt128 key in Keys)
            Write(ref writer, key);
        writer.Byte(More ? (byte)1 : (byte)0);
    }

    internal static MerkleKeys DecodeBody(long token, ref ByteReader reader)
    {
        int leaf = reader.Int32();
        UInt128 upTo = Read(ref reader);
        var keys = new UInt128[reader.Count(16)];
        for (int i = 0; i < keys.Length; i++)
            keys[i] = Read(ref reader);
        bool more = reader.Bool();
        if (keys.Length > MaxKeys)
            throw new InvalidDataException($"{keys.Length} keys of a leaf in one message; {MaxKeys} is the most");
        return new MerkleKeys(token, leaf, upTo, keys, more);
    }
}
