using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Merkle;

/// <summary>The keys under a tree, by leaf: who keeps the tree finds them without a scan.</summary>
public interface IMerkleLeaves
{
    MerkleTree Tree { get; }

    /// <summary>What is in a leaf, ascending by key.</summary>
    IReadOnlyList<MerkleItem> ItemsOf(int leaf);
}

/// <summary>
/// One side's comparison of its tree with a peer's, by rounds of one bounded message each way: from the root down where digests differ, then the items of the
/// leaves that do. Depth first, so that what is left to ask is bounded by the depth. The answering side keeps nothing. Either tree may change meanwhile: what
/// is found is a hint where to look, and looking again at a key that is equal by now does no harm.
/// </summary>
public sealed class MerkleComparison(IMerkleLeaves mine, long token)
{
    private readonly Stack<MerkleNode> _open = new([new MerkleNode(0, 0)]);
    private readonly HashSet<UInt128> _different = [];
    private (int Leaf, UInt128 Next)? _leaf;
    private MerkleMessage? _asked;

    public long Token { get; } = token;

    /// <summary>Fingerprints of keys that differ, or that only one side has, as far as is known.</summary>
    public IReadOnlyCollection<UInt128> Different => _different;

    /// <summary>Questions so far.</summary>
    public int Rounds { get; private set; }

    /// <summary>The keys found were more than one message holds: compare again after these are repaired.</summary>
    public bool IsPartial { get; private set; }

    public bool IsDone => _open.Count == 0 && _leaf is null;

    /// <summary>The next question; the same again until it is answered. Null: the comparison is done.</summary>
    public MerkleMessage? Ask()
    {
        if (IsDone)
            return null;
        Rounds++;
        if (_asked is not null)
            return _asked;
        if (_leaf is null && _open.Peek().Level == mine.Tree.Depth)
            _leaf = (_open.Pop().Number, 0);
        return _asked = _leaf is { } leaf ? AskItems(leaf.Leaf, leaf.Next) : AskDigests();
    }

    /// <summary>Takes an answer; one to another question than the last is passed over.</summary>
    public void Take(MerkleMessage answer)
    {
        if (answer.Token != Token)
            return;
        switch (answer, _asked)
        {
            case (MerkleDigests digests, MerkleAsk ask) when digests.Level == ask.Level && digests.Nodes.SequenceEqual(ask.Nodes):
                TakeDigests(digests);
                break;
            case (MerkleKeys keys, MerkleItems items) when keys.Leaf == items.Leaf && keys.UpTo == items.UpTo:
                _different.UnionWith(keys.Keys);
                IsPartial |= keys.More;
                _leaf = keys.UpTo == UInt128.MaxValue ? null : (keys.Leaf, keys.UpTo);
                break;
            default:
                return;
        }

        _asked = null;
    }

    /// <summary>Answers a peer's question from the own tree.</summary>
    /// <exception cref="InvalidDataException">The peer's tree has another shape, or the message is no question.</exception>
    public static MerkleMessage Answer(IMerkleLeaves own, MerkleMessage question)
    {
        switch (question)
        {
            case MerkleAsk ask:
                if (ask.Depth != own.Tree.Depth || ask.Nodes.Any(node => !own.Tree.Has(new MerkleNode(ask.Level, node))))
                    throw new InvalidDataException($"a tree of {ask.Depth} levels cannot be compared with one of {own.Tree.Depth}");
                var digests = new List<UInt128>(ask.Nodes.Count * MerkleTree.Fanout);
                foreach (int node in ask.Nodes)
                    digests.AddRange(own.Tree.ChildrenOf(new MerkleNode(ask.Level, node)));
                return new MerkleDigests(ask.Token, ask.Level, ask.Nodes, digests);
            case MerkleItems items:
                if (!own.Tree.Has(new MerkleNode(own.Tree.Depth, items.Leaf)))
                    throw new InvalidDataException($"there is no leaf {items.Leaf} in a tree of {own.Tree.Leaves}");
                List<UInt128> keys = Compare(items.Items, Between(own.ItemsOf(items.Leaf), items.After, items.UpTo));
                bool more = keys.Count > MerkleKeys.MaxKeys;
                return new MerkleKeys(items.Token, items.Leaf, items.UpTo, more ? keys[..MerkleKeys.MaxKeys] : keys, more);
            default:
                throw new InvalidDataException($"{question.GetType().Name} is no question of a comparison");
        }
    }

    private MerkleAsk AskDigests()
    {
        int level = _open.Peek().Level;
        return new MerkleAsk(Token, mine.Tree.Depth, level, [.. _open.TakeWhile(node => node.Level == level).Take(MerkleAsk.MaxNodes).Select(node => node.Number)]);
    }

    private MerkleItems AskItems(int leaf, UInt128 after)
    {
        MerkleItem[] rest = [.. Between(mine.ItemsOf(leaf), after, UInt128.MaxValue)];
        bool fits = rest.Length <= MerkleItems.MaxItems;
        MerkleItem[] part = fits ? rest : rest[..MerkleItems.MaxItems];
        return new MerkleItems(Token, leaf, after, fits ? UInt128.MaxValue : part[^1].Key, part);
    }

    private void TakeDigests(MerkleDigests digests)
    {
        var differ = new List<MerkleNode>();
        for (int i = 0; i < digests.Nodes.Count; i++)
        {
            MerkleNode node = _open.Pop();
            ReadOnlySpan<UInt128> own = mine.Tree.ChildrenOf(node);
            for (int child = 0; child < MerkleTree.Fanout; child++)
            {
                if (own[child] != digests.Digests[i * MerkleTree.Fanout + child])
                    differ.Add(new MerkleNode(node.Level + 1, node.Number * MerkleTree.Fanout + child));
            }
        }

        for (int i = differ.Count - 1; i >= 0; i--)
            _open.Push(differ[i]);
    }

    private static IEnumerable<MerkleItem> Between(IEnumerable<MerkleItem> items, UInt128 after, UInt128 upTo) =>
        items.Where(item => (item.Key > after || after == 0) && item.Key <= upTo);

    private static List<UInt128> Compare(IEnumerable<MerkleItem> theirs, IEnumerable<MerkleItem> own)
    {
        Dictionary<UInt128, UInt128> values = own.ToDictionary(item => item.Key, item => item.Value);
        var keys = new List<UInt128>();
        foreach (MerkleItem item in theirs)
        {
            if (!values.Remove(item.Key, out UInt128 value) || value != item.Value)
                keys.Add(item.Key);
        }

        keys.AddRange(values.Keys.Order());
        return keys;
    }
}
