using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Merkle;

/// <summary>The keys under a tree, by leaf: who keeps the tree finds them without a scan.</summary>
public interface IMerkleLeaves
{
    MerkleTree Tree { get; }

    /// <summary>What is in a leaf, ascending by key.</summary>
    IReadOnlyList<MerkleItem> ItemsOf(int leaf);
}

/// <summary>What a comparison needs next.</summary>
public abstract record MerkleStep
{
    /// <summary>Send this question to the peer; the same again until it is answered.</summary>
    public sealed record Ask(MerkleMessage Question) : MerkleStep;

    /// <summary>Look which children differ (<see cref="MerkleComparison.Differing"/>), and tell.</summary>
    public sealed record Judge(MerkleDigests Answer) : MerkleStep;

    /// <summary>Look what is in this leaf after this key (<see cref="MerkleComparison.ItemsOf"/>), and tell.</summary>
    public sealed record List(int Leaf, UInt128 After) : MerkleStep;

    public sealed record Done : MerkleStep;
}

/// <summary>
/// One side's comparison of its tree with a peer's, by rounds of one bounded message each way: from the root down where digests differ, then the items of the
/// leaves that do. Depth first, so that what is left to ask is bounded by the depth. The answering side keeps nothing, and the asking side only this: it asks
/// its own tree as it goes. Either tree may change meanwhile: what is found is a hint where to look, and looking again at a key that is equal by now does no harm.
/// </summary>
/// <param name="depth">Of both trees.</param>
/// <param name="token">Tells this comparison's answers from those of others.</param>
/// <param name="root">The node below which is compared; that of the tree, if it is not given. Several parts of a tree can be compared at the same time.</param>
public sealed class MerkleComparison(int depth, long token, MerkleNode root = default)
{
    private readonly Stack<MerkleNode> _open = new([root]);
    private readonly HashSet<UInt128> _different = [];
    private (int Leaf, UInt128 Next)? _leaf;
    private MerkleMessage? _asked;
    private MerkleDigests? _answer;

    public long Token { get; } = token;

    /// <summary>Fingerprints of keys that differ, or that only one side has, as far as is known.</summary>
    public IReadOnlyCollection<UInt128> Different => _different;

    /// <summary>Questions that were answered.</summary>
    public int Rounds { get; private set; }

    /// <summary>The keys found were more than one message holds: compare again after these are repaired.</summary>
    public bool IsPartial { get; private set; }

    public MerkleStep Next()
    {
        if (_answer is not null)
            return new MerkleStep.Judge(_answer);
        if (_asked is null && _leaf is null && _open.TryPeek(out MerkleNode top))
        {
            if (top.Level == depth)
                _leaf = (_open.Pop().Number, 0);
            else
                _asked = new MerkleAsk(Token, depth, top.Level, [.. _open.TakeWhile(node => node.Level == top.Level).Take(MerkleAsk.MaxNodes).Select(node => node.Number)]);
        }

        return _asked is not null ? new MerkleStep.Ask(_asked) : _leaf is { } leaf ? new MerkleStep.List(leaf.Leaf, leaf.Next) : new MerkleStep.Done();
    }

    /// <summary>Takes a peer's answer; one to another question than the last is passed over. True: it was to the last.</summary>
    public bool Take(MerkleMessage answer)
    {
        if (answer.Token != Token)
            return false;
        switch (answer, _asked)
        {
            case (MerkleDigests digests, MerkleAsk ask) when digests.Level == ask.Level && digests.Nodes.SequenceEqual(ask.Nodes):
                _answer = digests;
                break;
            case (MerkleKeys keys, MerkleItems items) when keys.Leaf == items.Leaf && keys.UpTo == items.UpTo:
                _different.UnionWith(keys.Keys);
                IsPartial |= keys.More;
                _leaf = keys.UpTo == UInt128.MaxValue ? null : (keys.Leaf, keys.UpTo);
                break;
            default:
                return false;
        }

        Rounds++;
        _asked = null;
        return true;
    }

    /// <summary>Tells which children differ, left to right; answers <see cref="MerkleStep.Judge"/>.</summary>
    public void Judged(IReadOnlyList<MerkleNode> differing)
    {
        Invariant.That(_answer is not null, "an answer is judged once");
        foreach (int _ in _answer.Nodes)
            _open.Pop();
        _answer = null;
        for (int i = differing.Count - 1; i >= 0; i--)
            _open.Push(differing[i]);
    }

    /// <summary>Tells what the own leaf holds; answers <see cref="MerkleStep.List"/>.</summary>
    public void Listed(MerkleItems items)
    {
        Invariant.That(_leaf is not null && _asked is null && items.Token == Token, "items are listed when they are wanted");
        _asked = items;
    }

    /// <summary>The children, of the nodes that were asked for, at which the own tree differs from the answer.</summary>
    public static IReadOnlyList<MerkleNode> Differing(IMerkleLeaves own, MerkleDigests answer)
    {
        var differ = new List<MerkleNode>();
        for (int i = 0; i < answer.Nodes.Count; i++)
        {
            var node = new MerkleNode(answer.Level, answer.Nodes[i]);
            Invariant.That(node.Level < own.Tree.Depth && own.Tree.Has(node), "an answer is about nodes that were asked for");
            ReadOnlySpan<UInt128> mine = own.Tree.ChildrenOf(node);
            for (int child = 0; child < MerkleTree.Fanout; child++)
            {
                if (mine[child] != answer.Digests[i * MerkleTree.Fanout + child])
                    differ.Add(new MerkleNode(node.Level + 1, node.Number * MerkleTree.Fanout + child));
            }
        }

        return differ;
    }

    /// <summary>The question about a leaf: what the own side has in it after this key, as much as fits.</summary>
    public static MerkleItems ItemsOf(IMerkleLeaves own, long token, int leaf, UInt128 after)
    {
        MerkleItem[] rest = [.. Between(own.ItemsOf(leaf), after, UInt128.MaxValue)];
        bool fits = rest.Length <= MerkleItems.MaxItems;
        MerkleItem[] part = fits ? rest : rest[..MerkleItems.MaxItems];
        return new MerkleItems(token, leaf, after, fits ? UInt128.MaxValue : part[^1].Key, part);
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
