using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>
/// The log in memory: batches without a gap above <see cref="BaseIndex"/>, the last entry that is gone. There is no
/// object per entry; a lookup is a binary search over the batches.
/// </summary>
internal sealed class EntryLog
{
    private readonly List<EntryBatch> _batches = [];

    // Where each batch ends, in bytes since the log began: so bytes after an entry cost no walk.
    private readonly List<long> _ends = [];
    private long _end;

    /// <summary>The entry before the first one here, and its term.</summary>
    public long BaseIndex { get; private set; }
    public long BaseTerm { get; private set; }

    public long LastIndex => _batches.Count > 0 ? _batches[^1].LastIndex : BaseIndex;
    public long LastTerm => _batches.Count > 0 ? _batches[^1].Term : BaseTerm;

    /// <summary>The wall clock of the last batch, 0 if there is none.</summary>
    public long LastWall => _batches.Count > 0 ? _batches[^1].Wall : 0;

    /// <summary>Bytes of the batches in memory.</summary>
    public long Bytes { get; private set; }

    /// <summary>Starts anew after an entry, with the batches that follow it.</summary>
    public void Reset(long baseIndex, long baseTerm, IReadOnlyList<EntryBatch> batches)
    {
        _batches.Clear();
        _ends.Clear();
        Bytes = 0;
        BaseIndex = baseIndex;
        BaseTerm = baseTerm;
        foreach (EntryBatch batch in batches)
            Append(batch);
    }

    public void Append(EntryBatch batch)
    {
        Invariant.That(batch.FirstIndex == LastIndex + 1, "the log has no gap");
        Invariant.That(batch.Term >= LastTerm, "terms in the log do not go back");
        _batches.Add(batch);
        _ends.Add(_end += batch.Bytes.Length);
        Bytes += batch.Bytes.Length;
    }

    /// <summary>Entries from <paramref name="from"/> on are gone.</summary>
    public void TruncateFrom(long from)
    {
        Invariant.That(from > BaseIndex, "what a checkpoint holds is never truncated");
        while (_batches.Count > 0 && _batches[^1].LastIndex >= from)
        {
            EntryBatch last = _batches[^1];
            _batches.RemoveAt(_batches.Count - 1);
            _ends.RemoveAt(_ends.Count - 1);
            _end -= last.Bytes.Length;
            Bytes -= last.Bytes.Length;
            if (last.FirstIndex < from)
                Append(last.Slice(last.FirstIndex, from - 1));
        }
    }

    /// <summary>Forgets whole batches up to an index, but keeps about the given amount of what lies before it.</summary>
    public void DropThrough(long index, long keepBytes, long keepEntries)
    {
        int end = Find(Math.Min(index + 1, LastIndex));
        if (_batches.Count > 0 && LastIndex <= index)
            end = _batches.Count;
        int drop = end;
        for (long bytes = 0; drop > 0; drop--)
        {
            EntryBatch batch = _batches[drop - 1];
            bytes += batch.Bytes.Length;
            if (bytes > keepBytes || index - batch.FirstIndex + 1 > keepEntries)
                break;
        }

        if (drop <= 0)
            return;
        BaseIndex = _batches[drop - 1].LastIndex;
        BaseTerm = _batches[drop - 1].Term;
        for (int i = 0; i < drop; i++)
            Bytes -= _batches[i].Bytes.Length;
        _batches.RemoveRange(0, drop);
        _ends.RemoveRange(0, drop);
    }

    public bool Holds(long index) => index > BaseIndex && index <= LastIndex;

    /// <summary>The term of an entry from <see cref="BaseIndex"/> to <see cref="LastIndex"/>.</summary>
    public long TermAt(long index)
    {
        if (index == BaseIndex)
            return BaseTerm;
        Invariant.That(Holds(index), "the term of an entry is asked only where the log holds it");
        return _batches[Find(index)].Term;
    }

    /// <summary>Whether the entry at this index is there and of this term, and so the log up to it that of the entry's leader.</summary>
    public bool Matches(long index, long term) => index >= BaseIndex && index <= LastIndex && TermAt(index) == term;

    /// <summary>
    /// The last entry at or before an index whose term is at most the given one: nothing between the two can match a log
    /// that has this term at the index. Just before <see cref="BaseIndex"/> if it lies further back than the log.
    /// </summary>
    public long LastIndexOfTermUpTo(long index, long term)
    {
        index = Math.Min(index, LastIndex);
        int low = 0, high = index > BaseIndex ? Find(index) + 1 : 0;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_batches[middle].Term <= term)
                low = middle + 1;
            else
                high = middle;
        }

        if (low > 0)
            return Math.Min(index, _batches[low - 1].LastIndex);
        return BaseTerm <= term ? Math.Min(index, BaseIndex) : Math.Max(0, Math.Min(index, BaseIndex - 1));
    }

    /// <summary>Batches from an entry on: up to so many bytes, and at least one.</summary>
    public EntryBatch[] Take(long first, long maxBytes)
    {
        if (!Holds(first))
            return [];
        int start = Find(first), count = 1;
        for (long bytes = _batches[start].Bytes.Length; start + count < _batches.Count; count++)
        {
            bytes += _batches[start + count].Bytes.Length;
            if (bytes > maxBytes)
                break;
        }

        var taken = new EntryBatch[count];
        _batches.CopyTo(start, taken, 0, count);
        taken[0] = taken[0].Slice(first, taken[0].LastIndex);
        return taken;
    }

    /// <summary>Bytes of the batches that hold entries after an index.</summary>
    public long BytesAfter(long index)
    {
        int place = Find(index + 1);
        return place < _batches.Count ? _end - _ends[place] + _batches[place].Bytes.Length : 0;
    }

    /// <summary>The wall clock of the first entry after an index that is here; 0: there is none.</summary>
    public long WallAfter(long index) => Find(index + 1) is var place && place < _batches.Count ? _batches[place].Wall : 0;

    /// <summary>Everything after an index.</summary>
    public EntryBatch[] After(long index) => Take(index + 1, long.MaxValue);

    /// <summary>The last batches up to an index, of at most so many bytes.</summary>
    public EntryBatch[] Before(long index, long maxBytes)
    {
        if (!Holds(index))
            return [];
        int last = Find(index), first = last + 1;
        for (long bytes = 0; first > 0; first--)
        {
            bytes += _batches[first - 1].Bytes.Length;
            if (bytes > maxBytes)
                break;
        }

        if (first > last)
            return [];
        EntryBatch[] taken = [.. _batches[first..(last + 1)]];
        taken[^1] = taken[^1].Slice(taken[^1].FirstIndex, index);
        return taken;
    }

    /// <summary>The batch an entry is in, cut down to what lies from it to <paramref name="last"/>.</summary>
    public EntryBatch Part(long first, long last)
    {
        EntryBatch batch = _batches[Find(first)];
        return batch.Slice(first, Math.Min(last, batch.LastIndex));
    }

    /// <summary>The position of the batch that holds an entry; the first batch that starts later, or none, where it is not here.</summary>
    private int Find(long index)
    {
        int low = 0, high = _batches.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_batches[middle].LastIndex < index)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
