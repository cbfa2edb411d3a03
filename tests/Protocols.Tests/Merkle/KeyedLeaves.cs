using System.Text;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Tests.Merkle;

/// <summary>Keys with a version each, and the tree over them.</summary>
internal sealed class KeyedLeaves(int depth = MerkleTree.DefaultDepth) : IMerkleLeaves
{
    private readonly Dictionary<int, SortedDictionary<UInt128, MerkleItem>> _leaves = [];

    public MerkleTree Tree { get; } = new(depth);

    public IEnumerable<MerkleItem> Items => _leaves.Values.SelectMany(leaf => leaf.Values);

    public static UInt128 KeyOf(string key) => MerkleItem.Fingerprint(Encoding.UTF8.GetBytes(key));

    public static MerkleItem ItemOf(string key, long version) => new(KeyOf(key), MerkleItem.Fingerprint(BitConverter.GetBytes(version)));

    public void Put(string key, long version) => Put(ItemOf(key, version));

    public void Put(MerkleItem item)
    {
        SortedDictionary<UInt128, MerkleItem> leaf = LeafOf(item.Key);
        if (leaf.TryGetValue(item.Key, out MerkleItem before))
            Tree.Replace(before, item);
        else
            Tree.Add(item);
        leaf[item.Key] = item;
    }

    public void Delete(string key)
    {
        if (LeafOf(KeyOf(key)).Remove(KeyOf(key), out MerkleItem before))
            Tree.Remove(before);
    }

    /// <summary>Changes what is stored and not the tree, as a disk that fails does.</summary>
    public void Damage(string key)
    {
        SortedDictionary<UInt128, MerkleItem> leaf = LeafOf(KeyOf(key));
        leaf[KeyOf(key)] = new MerkleItem(KeyOf(key), 0);
    }

    public IReadOnlyList<MerkleItem> ItemsOf(int leaf) => _leaves.TryGetValue(leaf, out SortedDictionary<UInt128, MerkleItem>? items) ? [.. items.Values] : [];

    private SortedDictionary<UInt128, MerkleItem> LeafOf(UInt128 key)
    {
        int leaf = Tree.LeafOf(key);
        if (!_leaves.TryGetValue(leaf, out SortedDictionary<UInt128, MerkleItem>? items))
            _leaves[leaf] = items = [];
        return items;
    }
}

/// <summary>Runs a comparison to its end, through the encoding, and counts what it costs.</summary>
internal static class Exchange
{
    public static (MerkleComparison Done, long Bytes) Run(IMerkleLeaves asks, IMerkleLeaves answers)
    {
        var comparison = new MerkleComparison(asks.Tree.Depth, token: 7);
        long bytes = 0;
        while (NextQuestion(comparison, asks) is { } question)
        {
            MerkleMessage answer = MerkleComparison.Answer(answers, Pass(question, ref bytes));
            comparison.Take(Pass(answer, ref bytes));
            Assert.True(comparison.Rounds < 100_000, "a comparison comes to its end");
        }

        return (comparison, bytes);
    }

    public static MerkleMessage? NextQuestion(MerkleComparison comparison, IMerkleLeaves own)
    {
        while (true)
        {
            switch (comparison.Next())
            {
                case MerkleStep.Ask ask:
                    return ask.Question;
                case MerkleStep.Judge judge:
                    comparison.Judged(MerkleComparison.Differing(own, judge.Answer));
                    break;
                case MerkleStep.List list:
                    comparison.Listed(MerkleComparison.ItemsOf(own, comparison.Token, list.Leaf, list.After));
                    break;
                default:
                    return null;
            }
        }
    }

    private static MerkleMessage Pass(MerkleMessage message, ref long bytes)
    {
        byte[] packed = message.ToBytes();
        Assert.InRange(packed.Length, 1, MerkleMessage.MaxBytes);
        bytes += packed.Length;
        return MerkleMessage.Decode(packed);
    }
}
