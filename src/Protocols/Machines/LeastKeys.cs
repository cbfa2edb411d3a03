namespace ActorRepl.Protocols.Machines;

/// <summary>The least of the keys that are offered, so many of them; a key is copied only if it is one.</summary>
internal sealed class LeastKeys(int count)
{
    // The greatest of them first.
    private readonly PriorityQueue<byte[], byte[]> _kept = new(Comparer<byte[]>.Create((left, right) => right.AsSpan().SequenceCompareTo(left)));

    /// <summary>It would be one of them.</summary>
    public bool Wants(ReadOnlySpan<byte> key) => _kept.Count < count || key.SequenceCompareTo(_kept.Peek()) < 0;

    /// <summary>Adds one that is wanted, and is not there yet.</summary>
    public void Add(ReadOnlySpan<byte> key)
    {
        if (_kept.Count == count)
            _kept.Dequeue();
        byte[] copy = key.ToArray();
        _kept.Enqueue(copy, copy);
    }

    public IReadOnlyList<byte[]> InOrder()
    {
        byte[][] keys = new byte[_kept.Count][];
        for (int at = keys.Length; at > 0;)
            keys[--at] = _kept.Dequeue();
        return keys;
    }
}
