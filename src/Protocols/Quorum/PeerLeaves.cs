using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Quorum;

/// <summary>The keys that this replica and one peer both own, under a tree.</summary>
internal sealed class PeerLeaves(int depth) : IMerkleLeaves
{
    private readonly Dictionary<int, SortedDictionary<UInt128, MerkleItem>> _leaves = [];

    public MerkleTree Tree { get; } = new(depth);

    public void Set(in MerkleItem item)
    {
        int leaf = Tree.LeafOf(item.Key);
        if (!_leaves.TryGetValue(leaf, out SortedDictionary<UInt128, MerkleItem>? items))
            _leaves[leaf] = items = [];
        if (items.TryGetValue(item.Key, out MerkleItem before))
            Tree.Replace(before, item);
        else
            Tree.Add(item);
        items[item.Key] = item;
    }

    public void Remove(UInt128 key)
    {
        int leaf = Tree.LeafOf(key);
        if (_leaves.TryGetValue(leaf, out SortedDictionary<UInt128, MerkleItem>? items) && items.Remove(key, out MerkleItem before))
        {
            Tree.Remove(before);
            if (items.Count == 0)
                _leaves.Remove(leaf);
        }
    }

    public IReadOnlyList<MerkleItem> ItemsOf(int leaf) => _leaves.TryGetValue(leaf, out SortedDictionary<UInt128, MerkleItem>? items) ? [.. items.Values] : [];
}
