using System.Runtime.InteropServices;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Keys that this replica and others own, under a tree.</summary>
/// <param name="depth">Of the tree.</param>
/// <param name="valueOf">The fingerprint of what a key stands at.</param>
internal sealed class PeerLeaves(int depth, Func<UInt128, UInt128> valueOf) : IMerkleLeaves
{
    // Ascending, as many as there are: a leaf has a few.
    private readonly Dictionary<int, UInt128[]> _leaves = [];

    public MerkleTree Tree { get; } = new(depth);

    public void Add(in MerkleItem item)
    {
        ref UInt128[]? keys = ref CollectionsMarshal.GetValueRefOrAddDefault(_leaves, Tree.LeafOf(item.Key), out _);
        keys ??= [];
        int place = Array.BinarySearch(keys, item.Key);
        if (place >= 0)
            return;
        Tree.Add(item);
        keys = [.. keys.AsSpan(0, ~place), item.Key, .. keys.AsSpan(~place)];
    }

    /// <summary>The key is there, and stands at something else than before.</summary>
    public void Replace(in MerkleItem before, in MerkleItem after) => Tree.Replace(before, after);

    public void Remove(in MerkleItem item)
    {
        int leaf = Tree.LeafOf(item.Key);
        if (!_leaves.TryGetValue(leaf, out UInt128[]? keys) || Array.BinarySearch(keys, item.Key) is not (>= 0 and var place))
            return;
        Tree.Remove(item);
        if (keys.Length == 1)
            _leaves.Remove(leaf);
        else
            _leaves[leaf] = [.. keys.AsSpan(0, place), .. keys.AsSpan(place + 1)];
    }

    /// <summary>Keys after this one, ascending; 0: from the first.</summary>
    public IEnumerable<UInt128> After(UInt128 key)
    {
        for (int leaf = Tree.LeafOf(key); leaf < Tree.Leaves; leaf++)
        {
            if (!_leaves.TryGetValue(leaf, out UInt128[]? keys))
                continue;
            foreach (UInt128 next in keys)
            {
                if (next > key || key == 0)
                    yield return next;
            }
        }
    }

    public IReadOnlyList<MerkleItem> ItemsOf(int leaf) =>
        _leaves.TryGetValue(leaf, out UInt128[]? keys) ? Array.ConvertAll(keys, key => new MerkleItem(key, valueOf(key))) : [];
}
