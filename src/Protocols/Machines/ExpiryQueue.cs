namespace ActorRepl.Protocols.Machines;

/// <summary>
/// Which key ends next. What has been given another end, or is gone, stays in the queue until its turn comes or a half of the queue is
/// such: the table says what is true.
/// </summary>
internal sealed class ExpiryQueue
{
    private const int LeastToSweep = 1024;

    private readonly PriorityQueue<byte[], long> _queue = new();
    private int _sweepAt = LeastToSweep;

    public bool IsEmpty => _queue.Count == 0;

    /// <summary>No key ends before it, ms since 1970.</summary>
    public long Next => _queue.TryPeek(out _, out long at) ? at : long.MaxValue;

    /// <summary>A key has been given an end that it did not have.</summary>
    public void Add(ReadOnlySpan<byte> key, long at, KeyTable table)
    {
        _queue.Enqueue(key.ToArray(), at);
        if (_queue.Count >= _sweepAt)
            Sweep(table);
    }

    public bool TryTake(long now, out byte[] key, out long at)
    {
        if (_queue.TryPeek(out key!, out at) && at <= now)
        {
            _queue.Dequeue();
            return true;
        }

        return false;
    }

    public void Clear()
    {
        _queue.Clear();
        _sweepAt = LeastToSweep;
    }

    private void Sweep(KeyTable table)
    {
        var kept = new HashSet<(string Key, long At)>();
        var all = _queue.UnorderedItems.Where(item => table.TryGet(item.Element, out _, out KeyStamp stamp) && stamp.ExpiresAt == item.Priority
            && kept.Add((Convert.ToHexString(item.Element), item.Priority))).ToList();
        _queue.Clear();
        _queue.EnqueueRange(all.Select(item => (item.Element, item.Priority)));
        _sweepAt = Math.Max(LeastToSweep, 2 * _queue.Count);
    }
}
