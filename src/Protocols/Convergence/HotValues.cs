namespace ActorRepl.Protocols.Convergence;

/// <summary>A value in its decoded form.</summary>
internal sealed class HotValue(CrdtKey key, object value)
{
    public CrdtKey Key { get; } = key;
    public object Value { get; } = value;

    /// <summary>Its encoded form, about: when it was last written, and what was changed since.</summary>
    public long Bytes { get; set; }

    /// <summary>Of its last change.</summary>
    public long Version { get; set; }

    /// <summary>It is further than its encoded form.</summary>
    public bool IsDirty { get; set; }
}

/// <summary>Values that are kept decoded, those used last, so many at most, and of so many bytes as they are encoded.</summary>
internal sealed class HotValues(int most, long mostBytes)
{
    private readonly Dictionary<CrdtKey, LinkedListNode<HotValue>> _byKey = [];
    private readonly LinkedList<HotValue> _byUse = [];

    public IEnumerable<HotValue> All => _byUse;

    public bool TryGet(in CrdtKey key, out HotValue value)
    {
        if (!_byKey.TryGetValue(key, out LinkedListNode<HotValue>? node))
        {
            value = null!;
            return false;
        }

        _byUse.Remove(node);
        _byUse.AddFirst(node);
        value = node.Value;
        return true;
    }

    /// <summary>Adds one, and takes out those that were not used for longest where there are too many, or too large ones; the one that was added stays.</summary>
    public IReadOnlyList<HotValue> Add(HotValue value)
    {
        _byKey.Add(value.Key, _byUse.AddFirst(value));
        long bytes = _byUse.Sum(each => each.Bytes);
        var cooled = new List<HotValue>();
        while (_byUse.Count > 1 && (_byUse.Count > most || bytes > mostBytes))
        {
            HotValue last = _byUse.Last!.Value;
            bytes -= last.Bytes;
            Remove(last.Key);
            cooled.Add(last);
        }

        return cooled;
    }

    public void Remove(in CrdtKey key)
    {
        if (_byKey.Remove(key, out LinkedListNode<HotValue>? node))
            _byUse.Remove(node);
    }

    public void Clear()
    {
        _byKey.Clear();
        _byUse.Clear();
    }
}
