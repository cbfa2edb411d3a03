using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// A store as it stood at one moment, under a hash tree: what two replicas compare. So what is brought over is what one replica had at one moment, updates to several
/// keys whole. The tree is made for the comparison, piece by piece, and costs nothing before and after; peers that compare with the same moment share one.
/// </summary>
internal sealed class FrozenStore : IMerkleLeaves, IDisposable
{
    private readonly KeyTable.View _view;
    private readonly FrozenLeaf?[] _leaves;
    private readonly IReadOnlyDictionary<CrdtKey, ReadOnlyMemory<byte>> _tags;
    private readonly ValueAssembler _arriving = new();
    // Those that are not under the tree yet; null: all are.
    private IEnumerator<(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, KeyStamp Stamp)>? _rest;
    private (UInt128 Print, byte[] Bytes)? _packed;

    public FrozenStore(KeyTable.View view, IReadOnlyDictionary<CrdtKey, ReadOnlyMemory<byte>> tags, int depth, VersionVector vector, VersionVector stable)
    {
        _view = view;
        _tags = tags;
        Vector = vector;
        Stable = stable;
        Tree = new MerkleTree(depth);
        _leaves = new FrozenLeaf?[Tree.Leaves];
        _rest = view.Pairs().GetEnumerator();
    }

    /// <summary>Of what is in it.</summary>
    public VersionVector Vector { get; }

    /// <summary>What was stable then.</summary>
    public VersionVector Stable { get; }

    /// <summary>All is under the tree: it can be compared.</summary>
    public bool IsHashed => _rest is null;

    public MerkleTree Tree { get; }

    /// <summary>Puts some more under the tree.</summary>
    /// <param name="most">So many keys.</param>
    /// <param name="mostBytes">Or fewer, where their values have as many bytes.</param>
    public void Hash(int most, long mostBytes)
    {
        for (long bytes = 0; most > 0 && bytes < mostBytes && _rest is not null; most--)
        {
            if (!_rest.MoveNext())
            {
                _rest.Dispose();
                _rest = null;
                return;
            }

            (ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> state, _) = _rest.Current;
            bytes += key.Length + state.Length;
            var item = new MerkleItem(MerkleItem.Fingerprint(key.Span), MerkleItem.Fingerprint(state.Span));
            Tree.Add(item);
            LeafOf(item.Key).Add(new FrozenValue(item, key, state));
        }
    }

    public IReadOnlyList<MerkleItem> ItemsOf(int leaf) => _leaves[leaf]?.Items ?? [];

    /// <summary>
    /// Values of these fingerprints, up to about so many bytes, of the first from an offset on; and of how many fingerprints this is all that is left. One that is too large for
    /// that comes in parts.
    /// </summary>
    public (int Covered, List<ValuePart> Parts) PartsOf(IReadOnlyList<UInt128> prints, int offset, int maxBytes)
    {
        var parts = new List<ValuePart>();
        long bytes = 0;
        int covered = 0;
        for (; covered < prints.Count; covered++)
        {
            // What was brought over has no value here.
            if (LeafOf(prints[covered]).Find(prints[covered]) is not { Key.IsEmpty: false } found)
                continue;
            CrdtKey key = CrdtKey.FromBytes(found.Key.Span);
            if (covered > 0 && bytes + found.State.Length > maxBytes)
                break;
            byte[] packed = Packed(prints[covered], key, found.State);
            int from = covered == 0 ? Math.Min(offset, packed.Length - 1) : 0, count = Math.Min(packed.Length - from, maxBytes);
            if (covered > 0 && bytes + packed.Length > maxBytes)
                break;
            parts.Add(new ValuePart(key, packed.Length, from, packed.AsMemory(from, count)));
            bytes += key.Name.Length + count;
            if (from + count < packed.Length)
                break;
        }

        return (covered, parts);
    }

    /// <summary>These were brought over: from now on they are as the other side has them.</summary>
    public void Settle(IEnumerable<UInt128> prints, IEnumerable<ValuePart> parts)
    {
        var there = new Dictionary<UInt128, UInt128>();
        foreach (ValuePart part in parts)
        {
            if (TryAdd(part) is { } whole)
                there[MerkleItem.Fingerprint(whole.Key.ToBytes())] = MerkleItem.Fingerprint(whole.State.Span);
        }

        foreach (UInt128 print in prints)
        {
            if (there.TryGetValue(print, out UInt128 value))
                Set(new MerkleItem(print, value));
            else
                Remove(print);
        }
    }

    private WholeValue? TryAdd(in ValuePart part)
    {
        try
        {
            return _arriving.Add(part);
        }
        catch (InvalidDataException)
        {
            // It is left out when it is merged, too.
            return null;
        }
    }

    // A large value is asked for again and again.
    private byte[] Packed(UInt128 print, in CrdtKey key, ReadOnlyMemory<byte> state)
    {
        if (_packed is { } last && last.Print == print)
            return last.Bytes;
        byte[] packed = WholeValue.Pack(state.Span, _tags.GetValueOrDefault(key).Span);
        _packed = (print, packed);
        return packed;
    }

    /// <summary>How many peers compare with it.</summary>
    public int Users { get; set; }

    public void Dispose() => _view.Release();

    private void Set(in MerkleItem item)
    {
        FrozenLeaf leaf = LeafOf(item.Key);
        if (leaf.Find(item.Key) is { } before)
            Tree.Replace(before.Item, item);
        else
            Tree.Add(item);
        leaf.Set(item);
    }

    private void Remove(UInt128 print)
    {
        if (LeafOf(print).Remove(print) is { } before)
            Tree.Remove(before);
    }

    private FrozenLeaf LeafOf(UInt128 print) => _leaves[Tree.LeafOf(print)] ??= new FrozenLeaf();
}

/// <summary>A key with its value, as both were when they were frozen.</summary>
internal readonly record struct FrozenValue(MerkleItem Item, ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> State);

/// <summary>What is in one leaf of the tree; put in order when it is first asked for.</summary>
internal sealed class FrozenLeaf
{
    private readonly List<FrozenValue> _values = [];
    private bool _isOrdered = true;

    /// <summary>Ascending by key.</summary>
    public IReadOnlyList<MerkleItem> Items
    {
        get
        {
            Order();
            return [.. _values.Select(value => value.Item)];
        }
    }

    public void Add(in FrozenValue value)
    {
        _values.Add(value);
        _isOrdered = false;
    }

    public FrozenValue? Find(UInt128 print) => IndexOf(print) is var at && at >= 0 ? _values[at] : null;

    /// <summary>From now on it is so; of one that was not there the value itself is not known.</summary>
    public void Set(in MerkleItem item)
    {
        int at = IndexOf(item.Key);
        if (at >= 0)
            _values[at] = _values[at] with { Item = item };
        else
            _values.Insert(~at, new FrozenValue(item, default, default));
    }

    public MerkleItem? Remove(UInt128 print)
    {
        int at = IndexOf(print);
        if (at < 0)
            return null;
        MerkleItem removed = _values[at].Item;
        _values.RemoveAt(at);
        return removed;
    }

    private int IndexOf(UInt128 print)
    {
        Order();
        int low = 0, high = _values.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_values[middle].Item.Key < print)
                low = middle + 1;
            else
                high = middle;
        }

        return low < _values.Count && _values[low].Item.Key == print ? low : ~low;
    }

    private void Order()
    {
        if (!_isOrdered)
            _values.Sort((one, other) => one.Item.Key.CompareTo(other.Item.Key));
        _isOrdered = true;
    }
}
