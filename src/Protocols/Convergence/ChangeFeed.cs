namespace ActorRepl.Protocols.Convergence;

/// <summary>Which keys changed last, by the position, an index of the log, at which they did; so many changes back and no further.</summary>
internal sealed class ChangeFeed(int most)
{
    private readonly ShiftList<(long Position, CrdtKey Key)> _changes = new();
    private long _floor;

    /// <summary>Of the last change.</summary>
    public long Position { get; private set; }

    public void Add(long position, in CrdtKey key)
    {
        _changes.Add((position, key));
        Position = position;
        while (_changes.Count > most)
            _floor = _changes.RemoveFirst().Position;
    }

    /// <summary>Changes up to here are not known any more.</summary>
    public void Restart(long position)
    {
        _changes.Clear();
        (_floor, Position) = (position, position);
    }

    public CrdtData.Changes Since(long position, int atMost)
    {
        if (position < _floor || position > Position)
            return new CrdtData.Changes(Position, All: true, []);
        int low = 0, high = _changes.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_changes[middle].Position <= position)
                low = middle + 1;
            else
                high = middle;
        }

        // What changed together is told together.
        var last = new Dictionary<CrdtKey, int>();
        int at = low;
        for (; at < _changes.Count && (at - low < atMost || _changes[at].Position == _changes[at - 1].Position); at++)
            last[_changes[at].Key] = at;
        long upTo = at > low ? _changes[at - 1].Position : position;
        return new CrdtData.Changes(upTo, All: false, [.. last.OrderBy(each => each.Value).Select(each => each.Key)]);
    }
}
