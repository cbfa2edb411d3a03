using System.Diagnostics.CodeAnalysis;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// The keys of a <see cref="KeyTable"/> whose hashes begin with the same bits. What is stored lies in the chunks of a
/// <see cref="RecordHeap"/>, found by an index of open addressing that is cut into parts: the collector sees a few arrays
/// however many keys there are, a growing index is copied a part at a time, and while a view is out, a part is copied before
/// it first changes. One thread at a time; views may be read and released by other threads.
/// </summary>
internal sealed class KeyPartition(KeyHash hashing)
{
    private const int PartBits = 4;
    private const int LeastSlots = 8;

    private readonly RecordHeap _heap = new();
    private readonly Part[] _parts = new Part[1 << PartBits];
    private readonly List<View> _views = [];

    private int _epoch;
    private readonly KeyOrder _order = new();

    /// <summary>Held by whoever uses the partition while several threads may.</summary>
    public Lock Gate { get; } = new();

    public int Count { get; private set; }

    /// <summary>Bytes of all keys and values.</summary>
    public long ContentBytes { get; private set; }

    /// <summary>Finds a value; it may be read until the partition changes.</summary>
    public bool TryGet(ulong hash, ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value)
    {
        ref Part part = ref _parts[PartOf(hash)];
        bool found = Find(part.Slots, hash, key, out int at);
        value = found ? _heap.ValueAt(part.Slots![at]) : default;
        return found;
    }

    /// <summary>Likewise, with what is kept beside it.</summary>
    public bool TryGet(ulong hash, ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out KeyStamp stamp)
    {
        ref Part part = ref _parts[PartOf(hash)];
        bool found = Find(part.Slots, hash, key, out int at);
        value = found ? _heap.ValueAt(part.Slots![at]) : default;
        stamp = found ? _heap.StampAt(part.Slots![at]) : default;
        return found;
    }

    /// <summary>Sets a value, which must not be memory of this partition.</summary>
    public void Set(ulong hash, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, in KeyStamp stamp)
    {
        if (_heap.IsCompactionDue)
            Compact();
        ref Part part = ref _parts[PartOf(hash)];
        if (!Find(part.Slots, hash, key, out int at))
        {
            Count++;
            ContentBytes += key.Length + value.Length;
            Insert(ref part, RecordHeap.Slot(hash, _heap.Add(key, value, stamp)));
            _order.Add(key);
            return;
        }

        ulong slot = part.Slots[at];
        int oldLength = _heap.ValueAt(slot).Length;
        ContentBytes += value.Length - oldLength;
        if (oldLength == value.Length && !IsViewed)
        {
            _heap.Overwrite(slot, value, stamp);
            return;
        }

        _heap.Free(slot, mayReuse: !IsViewed);
        Writable(ref part)[at] = RecordHeap.Slot(hash, _heap.Add(key, value, stamp));
    }

    public bool Remove(ulong hash, ReadOnlySpan<byte> key)
    {
        ref Part part = ref _parts[PartOf(hash)];
        if (!Find(part.Slots, hash, key, out int at))
            return false;
        ulong slot = part.Slots[at];
        Count--;
        ContentBytes -= key.Length + _heap.ValueAt(slot).Length;
        _heap.Free(slot, mayReuse: !IsViewed);
        RemoveAt(Writable(ref part), at);
        part.Count--;
        _order.Remove(key);
        return true;
    }

    public void Clear()
    {
        Array.Clear(_parts);
        _views.Clear();
        _heap.Clear();
        _order.Clear();
        Count = 0;
        ContentBytes = 0;
    }

    /// <summary>The keys in order; null: the order is being made (<see cref="KeyOrder"/>).</summary>
    public SortedKeys? TryOrder() => _order.TryGet(Count, Freeze);

    /// <summary>The order is being made, and will be there soon.</summary>
    public bool IsBeingOrdered => TryOrder() is null && !_order.WasGivenUp;

    /// <summary>Bytes that the order of the keys takes.</summary>
    public long OrderBytes => _order.ApproximateBytes;

    /// <summary>Freezes what is there now.</summary>
    public View Freeze()
    {
        _epoch++;
        var view = new View(Array.ConvertAll(_parts, part => part.Slots), _heap.Freeze());
        _views.Add(view);
        return view;
    }

    /// <summary>Offers every key that is not below one. Reads what is stored as it lies, which is much faster than by the index, and looks up only what is wanted.</summary>
    /// <param name="from">The least key that is wanted.</param>
    /// <param name="wanted">The least keys so far.</param>
    public void Pick(ReadOnlySpan<byte> from, LeastKeys wanted)
    {
        foreach (int chunk in _heap.Chunks)
        {
            for (int offset = 0; _heap.TryRead(chunk, ref offset, out ulong place, out ReadOnlySpan<byte> key, out _, out _);)
            {
                if (key.SequenceCompareTo(from) >= 0 && wanted.Wants(key) && IsAt(key, place))
                    wanted.Add(key);
            }
        }
    }

    /// <summary>Otherwise it is garbage: the key is gone, or lies elsewhere by now.</summary>
    private bool IsAt(ReadOnlySpan<byte> key, ulong place)
    {
        ulong hash = hashing.Of(key);
        ref Part part = ref _parts[PartOf(hash)];
        return Find(part.Slots, hash, key, out int at) && RecordHeap.PlaceOf(part.Slots[at]) == place;
    }

    private bool IsViewed
    {
        get
        {
            if (_views.Count > 0)
                _views.RemoveAll(view => view.IsReleased);
            return _views.Count > 0;
        }
    }

    private static int PartOf(ulong hash) => (int)(hash >> (64 - KeyTable.PartitionBits - PartBits)) & ((1 << PartBits) - 1);

    private bool Find([NotNullWhen(true)] ulong[]? slots, ulong hash, ReadOnlySpan<byte> key, out int at)
    {
        at = -1;
        if (slots is null)
            return false;
        int mask = slots.Length - 1;
        uint tag = RecordHeap.TagOf(hash);
        for (at = (int)tag & mask; slots[at] != 0; at = (at + 1) & mask)
        {
            if (RecordHeap.TagIn(slots[at]) == tag && _heap.KeyAt(slots[at]).SequenceEqual(key))
                return true;
        }

        return false;
    }

    // At most three quarters are taken, so a search always ends.
    private void Insert(ref Part part, ulong slot)
    {
        if (part.Slots is null || (part.Count + 1) * 4 > part.Slots.Length * 3)
        {
            ulong[] larger = new ulong[part.Slots is null ? LeastSlots : part.Slots.Length * 2];
            foreach (ulong kept in part.Slots ?? [])
            {
                if (kept != 0)
                    Put(larger, kept);
            }

            (part.Slots, part.Epoch) = (larger, _epoch);
        }

        Put(Writable(ref part), slot);
        part.Count++;
    }

    private static void Put(ulong[] slots, ulong slot)
    {
        int mask = slots.Length - 1, at = (int)RecordHeap.TagIn(slot) & mask;
        while (slots[at] != 0)
            at = (at + 1) & mask;
        slots[at] = slot;
    }

    // What follows without a gap moves up where that is no further from its place than it was (Knuth 6.4, algorithm R).
    private static void RemoveAt(ulong[] slots, int at)
    {
        int mask = slots.Length - 1;
        for (int next = (at + 1) & mask; slots[next] != 0; next = (next + 1) & mask)
        {
            int home = (int)RecordHeap.TagIn(slots[next]) & mask;
            if (((next - home) & mask) < ((next - at) & mask))
                continue;
            slots[at] = slots[next];
            at = next;
        }

        slots[at] = 0;
    }

    private ulong[] Writable(ref Part part)
    {
        if (part.Epoch != _epoch && IsViewed)
            part.Slots = (ulong[])part.Slots!.Clone();
        part.Epoch = _epoch;
        return part.Slots!;
    }

    // What still lives in the chunk with the most garbage moves to the end, and the chunk is free: a bounded piece of work.
    private void Compact()
    {
        int chunk = _heap.MostWasteful();
        for (int offset = 0; _heap.TryRead(chunk, ref offset, out ulong place, out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out KeyStamp stamp);)
        {
            ulong hash = hashing.Of(key);
            ref Part part = ref _parts[PartOf(hash)];
            if (Find(part.Slots, hash, key, out int at) && RecordHeap.PlaceOf(part.Slots[at]) == place)
                Writable(ref part)[at] = RecordHeap.Slot(hash, _heap.Add(key, value, stamp));
        }

        _heap.Drop(chunk, mayReuse: !IsViewed);
    }

    /// <summary>A part of the index. One of an older epoch than the partition's may be shown by a view.</summary>
    private struct Part
    {
        public ulong[]? Slots;
        public int Count;
        public int Epoch;
    }

    internal sealed class View(ulong[]?[] parts, byte[]?[] chunks)
    {
        private volatile bool _released;

        public bool IsReleased => _released;

        /// <summary>Each pair, in no order; what it gives may be read until the view is released.</summary>
        public IEnumerable<(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, KeyStamp Stamp)> Pairs()
        {
            foreach (ulong[]? slots in parts)
            {
                foreach (ulong slot in slots ?? [])
                {
                    Invariant.That(!_released, "a view is read until it is released");
                    if (slot != 0)
                        yield return RecordHeap.Read(chunks, slot);
                }
            }
        }

        /// <summary>The view is done. May be called by any thread.</summary>
        public void Release() => _released = true;
    }
}
