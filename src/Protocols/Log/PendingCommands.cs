using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>
/// Who waits for entries this replica has packed as a leader: one item a batch, oldest term first. An item stays until the
/// log tells what became of its entries, even if leadership, or whoever waited, is long gone.
/// </summary>
internal sealed class PendingCommands
{
    private readonly Queue<Item> _items = new();

    /// <summary>Requests that somebody still waits for.</summary>
    public int Waiting { get; private set; }

    /// <summary>The ids and deadlines of a batch's requests, in its order; the id array becomes the answer of <see cref="Take"/>.</summary>
    public void Add(EntryBatch batch, long[] ids, long[] deadlines)
    {
        Invariant.That(ids.Length == batch.Count && deadlines.Length == batch.Count, "each entry has one that waits");
        _items.Enqueue(new Item(batch.FirstIndex, batch.Term, ids, deadlines));
        Waiting += ids.Length;
    }

    /// <summary>
    /// These entries are committed: says who waits for each (0: nobody). Terms in the log do not go back, so whatever was
    /// packed in an earlier term and has not been seen by now is lost for certain.
    /// </summary>
    public IReadOnlyList<long> Take(EntryBatch committed, Action<long> lost)
    {
        while (_items.TryPeek(out Item? item) && item.Term < committed.Term)
            Close(_items.Dequeue(), lost);
        long[] waiting = [];
        while (_items.TryPeek(out Item? item) && item.Term == committed.Term && item.FirstIndex <= committed.LastIndex)
        {
            if (item.FirstIndex == committed.FirstIndex && item.Ids.Length == committed.Count)
                waiting = item.Ids;
            else
                waiting = Overlap(item, committed, waiting);
            if (item.LastIndex > committed.LastIndex)
                break;
            Forget(_items.Dequeue());
        }

        return waiting;
    }

    /// <summary>Entries up to an index came as part of a checkpoint: what they answered is not known here.</summary>
    public void PassedOver(long index, Action<long> unknown)
    {
        for (int left = _items.Count; left > 0; left--)
        {
            Item item = _items.Dequeue();
            if (item.FirstIndex <= index)
                Close(item, unknown);
            else
                _items.Enqueue(item);
        }
    }

    /// <summary>Gives up requests whose deadline has passed; says when the next one is due.</summary>
    public long Expire(long now, Action<long> expired)
    {
        long next = long.MaxValue;
        foreach (Item item in _items)
        {
            for (int i = 0; i < item.Ids.Length; i++)
            {
                if (item.Ids[i] == 0)
                    continue;
                if (item.Deadlines[i] > now)
                {
                    next = Math.Min(next, item.Deadlines[i]);
                    continue;
                }

                expired(item.Ids[i]);
                item.Ids[i] = 0;
                Waiting--;
            }
        }

        return next;
    }

    /// <summary>Gives up those who wait for entries of a term in a range of the log.</summary>
    public void GiveUp(long term, long first, long last, Action<long> tell)
    {
        foreach (Item item in _items)
        {
            if (item.Term != term)
                continue;
            for (long index = Math.Max(first, item.FirstIndex); index <= Math.Min(last, item.LastIndex); index++)
            {
                ref long id = ref item.Ids[index - item.FirstIndex];
                if (id == 0)
                    continue;
                tell(id);
                id = 0;
                Waiting--;
            }
        }
    }

    /// <summary>Nobody waits for these any more.</summary>
    public void Cancel(HashSet<long> requestIds)
    {
        foreach (Item item in _items)
        {
            for (int i = 0; i < item.Ids.Length; i++)
            {
                if (item.Ids[i] == 0 || !requestIds.Contains(item.Ids[i]))
                    continue;
                item.Ids[i] = 0;
                Waiting--;
            }
        }
    }

    // Only where a batch was cut since it was packed: the usual one is matched whole.
    private long[] Overlap(Item item, EntryBatch committed, long[] waiting)
    {
        if (waiting.Length == 0)
            waiting = new long[committed.Count];
        long from = Math.Max(item.FirstIndex, committed.FirstIndex), to = Math.Min(item.LastIndex, committed.LastIndex);
        for (long index = from; index <= to; index++)
        {
            ref long id = ref item.Ids[index - item.FirstIndex];
            waiting[index - committed.FirstIndex] = id;
            if (id != 0)
                Waiting--;
            id = 0;
        }

        return waiting;
    }

    private void Close(Item item, Action<long> tell)
    {
        foreach (long id in item.Ids)
        {
            if (id != 0)
                tell(id);
        }

        Forget(item);
    }

    private void Forget(Item item)
    {
        foreach (long id in item.Ids)
        {
            if (id != 0)
                Waiting--;
        }
    }

    private sealed class Item(long firstIndex, long term, long[] ids, long[] deadlines)
    {
        public long FirstIndex => firstIndex;
        public long LastIndex => firstIndex + ids.Length - 1;
        public long Term => term;
        public long[] Ids => ids;
        public long[] Deadlines => deadlines;
    }
}
