using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// Keys and values by bytes, with views that are copies in effect and cost next to nothing to begin. Keys are spread over
/// partitions by their hashes. One thread at a time, but while the table is shared: then several, each within <see cref="Hold"/>
/// of the key that it is at. Views may be read and released by any thread.
/// </summary>
internal sealed class KeyTable
{
    public const int PartitionBits = 4;

    private readonly KeyPartition[] _partitions = new KeyPartition[1 << PartitionBits];
    private readonly KeyHash _hash;
    private long _contentBytes;
    private bool _shared;

    /// <param name="seed">Of the hash of keys; null: another for each table, so that nobody can choose keys that collide.</param>
    public KeyTable(ulong? seed = null)
    {
        _hash = seed is { } given ? new KeyHash(given) : KeyHash.Random();
        for (int i = 0; i < _partitions.Length; i++)
            _partitions[i] = new KeyPartition(_hash);
    }

    public int Count
    {
        get
        {
            int count = 0;
            foreach (KeyPartition partition in _partitions)
                count += partition.Count;
            return count;
        }
    }

    /// <summary>Bytes of all keys and values; while the table is shared, as they were before.</summary>
    public long ContentBytes => _contentBytes;

    /// <summary>Finds a value; it may be read until the table changes, or for as long as its key is held.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value) => PartitionOf(key, out ulong hash).TryGet(hash, key, out value);

    /// <summary>Likewise, with what is kept beside it.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out KeyStamp stamp) =>
        PartitionOf(key, out ulong hash).TryGet(hash, key, out value, out stamp);

    /// <summary>Sets a value, which must not be memory of this table.</summary>
    public void Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, in KeyStamp stamp = default)
    {
        KeyPartition partition = PartitionOf(key, out ulong hash);
        long before = partition.ContentBytes;
        partition.Set(hash, key, value, stamp);
        if (!_shared)
            _contentBytes += partition.ContentBytes - before;
    }

    public bool Remove(ReadOnlySpan<byte> key)
    {
        KeyPartition partition = PartitionOf(key, out ulong hash);
        long before = partition.ContentBytes;
        bool removed = partition.Remove(hash, key);
        if (!_shared)
            _contentBytes += partition.ContentBytes - before;
        return removed;
    }

    public void Clear()
    {
        foreach (KeyPartition partition in _partitions)
            partition.Clear();
        _contentBytes = 0;
    }

    /// <summary>Every partition's keys are in order.</summary>
    internal bool IsOrdered => _partitions.All(partition => partition.TryOrder() is not null);

    /// <summary>Keys of which the order is being made: they would have to be picked out of all. The first call has all keys put in order.</summary>
    public long BeingOrdered
    {
        get
        {
            long keys = 0;
            foreach (KeyPartition partition in _partitions)
                keys += partition.IsBeingOrdered ? partition.Count : 0;
            return keys;
        }
    }

    /// <summary>
    /// At least so many keys from <paramref name="from"/> on (all, unless told), if there are so many, in order, until the table changes. The first call has all keys put in order;
    /// from then on the order is kept up. In partitions where that is being done, the keys are picked out of all.
    /// </summary>
    public IEnumerable<byte[]> KeysFrom(byte[] from, int count = int.MaxValue)
    {
        Invariant.That(!_shared, "keys are listed between two batches");
        var lists = new List<IEnumerable<byte[]>>(_partitions.Length + 1);
        var least = new LeastKeys(count);
        foreach (KeyPartition partition in _partitions)
        {
            if (partition.TryOrder() is { } order)
                lists.Add(order.From(from));
            else
                partition.Pick(from, least);
        }

        lists.Add(least.InOrder());
        return Merged(lists);
    }

    private static IEnumerable<byte[]> Merged(IEnumerable<IEnumerable<byte[]>> lists)
    {
        var next = new PriorityQueue<IEnumerator<byte[]>, byte[]>(SortedKeys.Comparer);
        foreach (IEnumerable<byte[]> list in lists)
        {
            IEnumerator<byte[]> keys = list.GetEnumerator();
            if (keys.MoveNext())
                next.Enqueue(keys, keys.Current);
        }

        while (next.TryPeek(out IEnumerator<byte[]>? least, out byte[]? key))
        {
            yield return key;
            if (least.MoveNext())
                next.EnqueueDequeue(least, least.Current);
            else
                next.Dequeue();
        }
    }

    /// <summary>Bytes that the order of the keys takes; 0 until it is needed.</summary>
    public long OrderBytes
    {
        get
        {
            long bytes = 0;
            foreach (KeyPartition partition in _partitions)
                bytes += partition.OrderBytes;
            return bytes;
        }
    }

    /// <summary>Freezes what is there now.</summary>
    public View Freeze()
    {
        Invariant.That(!_shared, "a table is frozen between two batches");
        return new View(Array.ConvertAll(_partitions, partition => partition.Freeze()));
    }

    /// <summary>From now on several threads may come, each within <see cref="Hold"/>.</summary>
    public void BeginSharing() => _shared = true;

    /// <summary>They are gone.</summary>
    public void EndSharing()
    {
        _shared = false;
        _contentBytes = 0;
        foreach (KeyPartition partition in _partitions)
            _contentBytes += partition.ContentBytes;
    }

    /// <summary>While the table is shared, keeps others from the key's partition until it is disposed; else nothing.</summary>
    public Held Hold(ReadOnlySpan<byte> key) => _shared ? new Held(PartitionOf(key, out _).Gate) : default;

    private KeyPartition PartitionOf(ReadOnlySpan<byte> key, out ulong hash)
    {
        hash = _hash.Of(key);
        return _partitions[hash >> (64 - PartitionBits)];
    }

    internal readonly ref struct Held
    {
        private readonly Lock? _gate;

        public Held(Lock gate)
        {
            _gate = gate;
            gate.Enter();
        }

        public void Dispose() => _gate?.Exit();
    }

    internal sealed class View(KeyPartition.View[] partitions)
    {
        /// <summary>Each pair, in no order; what it gives may be read until the view is released.</summary>
        public IEnumerable<(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, KeyStamp Stamp)> Pairs() => partitions.SelectMany(partition => partition.Pairs());

        /// <summary>The view is done. May be called by any thread.</summary>
        public void Release()
        {
            foreach (KeyPartition.View partition in partitions)
                partition.Release();
        }
    }
}
