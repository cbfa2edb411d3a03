using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// Which keys are dirty (CRAQ, section 2.3): those that an entry touches which is in the log and not applied. What does not say its keys touches all.
/// </summary>
internal sealed class DirtyKeys(IKeyFinder? finder)
{
    private readonly CommandKeys _found = new();
    private readonly Dictionary<ulong, long> _lastTouched = [];
    private readonly Queue<(long Index, ulong Key)> _touches = new();
    private long _lastOfAll;
    private long _applied;

    /// <summary>Keys that are dirty, as far as they are known.</summary>
    public int Count => _lastTouched.Count;

    public void Add(EntryBatch batch)
    {
        if (batch.Kind != EntryKind.Command)
            return;
        long index = batch.FirstIndex;
        foreach (ReadOnlyMemory<byte> payload in batch)
            Add(index++, payload);
    }

    private void Add(long index, ReadOnlyMemory<byte> payload)
    {
        _found.CutTo(0);
        if (finder is null || !finder.TryFindKeys(payload, _found))
        {
            _lastOfAll = Math.Max(_lastOfAll, index);
            return;
        }

        foreach (ulong key in _found.Hashes)
        {
            _lastTouched[key] = index;
            _touches.Enqueue((index, key));
        }
    }

    /// <summary>Entries up to an index are applied. What was cut from the log stays dirty until its index is passed: a key is never taken for clean by mistake.</summary>
    public void Applied(long index)
    {
        _applied = index;
        while (_touches.TryPeek(out (long Index, ulong Key) touch) && touch.Index <= index)
        {
            _touches.Dequeue();
            if (_lastTouched.TryGetValue(touch.Key, out long last) && last <= index)
                _lastTouched.Remove(touch.Key);
        }
    }

    /// <summary>Everything up to an index is in the machine at once, and the log begins there.</summary>
    public void Reset(long index, IReadOnlyList<EntryBatch> log)
    {
        _lastTouched.Clear();
        _touches.Clear();
        _lastOfAll = 0;
        _applied = index;
        foreach (EntryBatch batch in log)
            Add(batch);
    }

    /// <summary>Nothing that the query reads is on its way.</summary>
    public bool IsClean(ReadOnlyMemory<byte> query)
    {
        if (_lastOfAll > _applied)
            return false;
        if (_lastTouched.Count == 0)
            return true;
        _found.CutTo(0);
        if (finder is null || !finder.TryFindQueryKeys(query, _found))
            return false;
        foreach (ulong key in _found.Hashes)
        {
            if (_lastTouched.ContainsKey(key))
                return false;
        }

        return true;
    }
}
