using System.Buffers.Binary;
using System.Security.Cryptography;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Merkle;

/// <summary>A key of a tree, and what it stands at: fingerprints of both.</summary>
public readonly record struct MerkleItem(UInt128 Key, UInt128 Value) : IComparable<MerkleItem>
{
    internal const int EncodedSize = 32;

    public int CompareTo(MerkleItem other) => Key != other.Key ? Key.CompareTo(other.Key) : Value.CompareTo(other.Value);

    public static bool operator <(MerkleItem left, MerkleItem right) => left.CompareTo(right) < 0;
    public static bool operator >(MerkleItem left, MerkleItem right) => left.CompareTo(right) > 0;
    public static bool operator <=(MerkleItem left, MerkleItem right) => left.CompareTo(right) <= 0;
    public static bool operator >=(MerkleItem left, MerkleItem right) => left.CompareTo(right) >= 0;

    /// <summary>128 bits of SHA-256: what clients choose, such as keys, must not meet by their design.</summary>
    public static UInt128 Fingerprint(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }

    /// <summary>What it adds to its leaf. Key and value each count in their place, so that two keys that swap values are seen.</summary>
    internal UInt128 Digest
    {
        get
        {
            Span<byte> value = stackalloc byte[EncodedSize / 2];
            BinaryPrimitives.WriteUInt128LittleEndian(value, Value);
            return MixingHash.Of(value, Key);
        }
    }
}

/// <summary>A node of a tree: its level, 0 for the root, and its number there from the left.</summary>
public readonly record struct MerkleNode(int Level, int Number);

/// <summary>
/// A hash tree over the keys of one range (Merkle 1987; Dynamo, SOSP 2007, section 4.7), kept up to date by each change of a key: a node's digest is the
/// sum, modulo 2^128, of those of the items below it (AdHash, Bellare and Micciancio, EUROCRYPT 1997), so that a change touches its path and reads nothing
/// else, and the order of changes does not matter. Digests find replicas that differ by accident; they are no proof against somebody who makes them differ.
/// <para>The number of levels is part of the format: only trees of the same shape can be compared.</para>
/// </summary>
public sealed class MerkleTree
{
    /// <summary>Children of a node.</summary>
    public const int Fanout = 16;
    private const int FanoutBits = 4;

    /// <summary>Levels below the root: 65,536 leaves, for up to some millions of keys.</summary>
    public const int DefaultDepth = 4;
    public const int MaxDepth = 6;

    private readonly UInt128[][] _digests;

    public MerkleTree(int depth = DefaultDepth)
    {
        Invariant.That(depth is >= 1 and <= MaxDepth, "a tree has 1 to 6 levels below its root");
        Depth = depth;
        _digests = [.. Enumerable.Range(0, depth + 1).Select(level => new UInt128[1 << (FanoutBits * level)])];
    }

    public int Depth { get; }
    public int Leaves => _digests[Depth].Length;
    public UInt128 Root => _digests[0][0];
    public long Count { get; private set; }

    public UInt128 this[MerkleNode node] => _digests[node.Level][node.Number];

    /// <summary>The leaf that a key belongs to: the highest bits of its fingerprint, which are spread evenly whatever range the tree is of.</summary>
    public int LeafOf(UInt128 key) => (int)(key >> (128 - FanoutBits * Depth));

    public void Add(in MerkleItem item) => Add(item.Key, item.Digest);

    public void Remove(in MerkleItem item) => Remove(item.Key, item.Digest);

    public void Replace(in MerkleItem before, in MerkleItem after)
    {
        Invariant.That(before.Key == after.Key, "an item is replaced by one of its own key");
        Replace(after.Key, before.Digest, after.Digest);
    }

    // For whoever keeps digests of items.
    internal void Add(UInt128 key, UInt128 digest)
    {
        Change(key, digest);
        Count++;
    }

    internal void Remove(UInt128 key, UInt128 digest)
    {
        Invariant.That(Count > 0, "only an item that is there is removed");
        Change(key, UInt128.Zero - digest);
        Count--;
    }

    internal void Replace(UInt128 key, UInt128 before, UInt128 after) => Change(key, after - before);

    /// <summary>Leaves at which this tree differs from one of these items, counted anew: they have been damaged, or what they stand for has.</summary>
    public IReadOnlyList<int> LeavesThatDifferFrom(IEnumerable<MerkleItem> items)
    {
        var anew = new MerkleTree(Depth);
        foreach (MerkleItem item in items)
            anew.Add(item);
        return LeavesThatDifferFrom(anew);
    }

    /// <inheritdoc cref="LeavesThatDifferFrom(IEnumerable{MerkleItem})"/>
    public IReadOnlyList<int> LeavesThatDifferFrom(MerkleTree anew) => [.. Enumerable.Range(0, Leaves).Where(leaf => _digests[Depth][leaf] != anew._digests[Depth][leaf])];

    internal bool Has(MerkleNode node) => node.Level >= 0 && node.Level <= Depth && node.Number >= 0 && node.Number < _digests[node.Level].Length;

    internal ReadOnlySpan<UInt128> ChildrenOf(MerkleNode node) => _digests[node.Level + 1].AsSpan(node.Number * Fanout, Fanout);

    private void Change(UInt128 key, UInt128 by)
    {
        int node = LeafOf(key);
        for (int level = Depth; level >= 0; level--, node /= Fanout)
            _digests[level][node] += by;
    }
}
