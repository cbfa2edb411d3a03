namespace ActorRepl.Protocols.Machines;

/// <summary>
/// Keys in the order of their bytes, in blocks of a bounded number: a B-tree of two levels. Finding, adding and removing move at most
/// one block, and the list of blocks. One thread at a time.
/// </summary>
internal sealed class SortedKeys
{
    private const int MostInBlock = 512;
    private const int FilledTo = MostInBlock / 2;

    // Of a key: its place in a block, its array's header, and the room in a block that is not filled.
    private const int Overhead = 48;

    private readonly List<List<byte[]>> _blocks = [];
    private long _keyBytes;

    /// <summary>Bytes one after another, without regard to language.</summary>
    public static IComparer<byte[]> Comparer { get; } = Comparer<byte[]>.Create((left, right) => left.AsSpan().SequenceCompareTo(right));

    public int Count { get; private set; }

    public long ApproximateBytes => _keyBytes + (long)Count * Overhead;

    /// <summary>The least; null: there is none.</summary>
    public byte[]? First => _blocks.Count == 0 ? null : _blocks[0][0];

    /// <summary>Puts keys in order, each of which comes once.</summary>
    public static SortedKeys Of(IEnumerable<byte[]> keys, int count)
    {
        var all = new List<byte[]>(count);
        all.AddRange(keys);
        all.Sort(Comparer);
        var sorted = new SortedKeys();
        for (int start = 0; start < all.Count; start += FilledTo)
            sorted._blocks.Add(all.GetRange(start, Math.Min(FilledTo, all.Count - start)));
        sorted.Count = all.Count;
        sorted._keyBytes = all.Sum(key => (long)key.Length);
        return sorted;
    }

    /// <summary>Adds a key that is not there.</summary>
    public void Add(ReadOnlySpan<byte> key)
    {
        Count++;
        _keyBytes += key.Length;
        if (_blocks.Count == 0)
            _blocks.Add([]);
        int number = BlockOf(key);
        List<byte[]> block = _blocks[number];
        block.Insert(PlaceIn(block, key), key.ToArray());
        if (block.Count <= MostInBlock)
            return;
        _blocks.Insert(number + 1, block.GetRange(FilledTo, block.Count - FilledTo));
        block.RemoveRange(FilledTo, block.Count - FilledTo);
    }

    /// <summary>Removes a key that is there.</summary>
    public void Remove(ReadOnlySpan<byte> key)
    {
        int number = BlockOf(key);
        List<byte[]> block = _blocks[number];
        int at = PlaceIn(block, key);
        Kernel.Invariant.That(at < block.Count && key.SequenceEqual(block[at]), "a key that is removed is in the order of keys");
        Count--;
        _keyBytes -= key.Length;
        block.RemoveAt(at);
        if (block.Count == 0)
            _blocks.RemoveAt(number);
    }

    /// <summary>How many keys are below one, which need not be there.</summary>
    public int CountBelow(ReadOnlySpan<byte> key)
    {
        if (_blocks.Count == 0)
            return 0;
        int number = BlockOf(key), below = PlaceIn(_blocks[number], key);
        for (int i = 0; i < number; i++)
            below += _blocks[i].Count;
        return below;
    }

    /// <summary>The keys from one on, which need not be there.</summary>
    public IEnumerable<byte[]> From(byte[] from)
    {
        if (_blocks.Count == 0)
            yield break;
        int number = BlockOf(from);
        for (int at = PlaceIn(_blocks[number], from); number < _blocks.Count; number++, at = 0)
        {
            List<byte[]> block = _blocks[number];
            for (; at < block.Count; at++)
                yield return block[at];
        }
    }

    /// <summary>The last block whose first key is not above this one; the first, if there is none.</summary>
    private int BlockOf(ReadOnlySpan<byte> key)
    {
        int low = 0, high = _blocks.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (_blocks[middle][0].AsSpan().SequenceCompareTo(key) <= 0)
                low = middle;
            else
                high = middle - 1;
        }

        return low;
    }

    /// <summary>Where in a block the key is, or would be.</summary>
    private static int PlaceIn(List<byte[]> block, ReadOnlySpan<byte> key)
    {
        int low = 0, high = block.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (block[middle].AsSpan().SequenceCompareTo(key) < 0)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
