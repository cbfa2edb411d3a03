using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Client;

/// <summary>
/// What a session has seen of one shard: the last position of each term, as long as it is not proven that a later one's history
/// contains it. Usually that is one; after a failover two, until a read has asked the new leader. Thread-safe.
/// </summary>
internal sealed class SeenPositions : IWitness
{
    private readonly Lock _lock = new();
    private readonly List<LogPosition> _byTerm = [];

    /// <summary>In ascending order of their terms.</summary>
    public LogPosition[] All
    {
        get
        {
            lock (_lock)
                return [.. _byTerm];
        }
    }

    /// <summary>Of the latest term: what a read waits for. The default: nothing has been seen.</summary>
    public LogPosition Newest
    {
        get
        {
            lock (_lock)
                return _byTerm.Count > 0 ? _byTerm[^1] : default;
        }
    }

    /// <summary>The earliest position of which it is not known whether the newest one's history has it; null: there is none.</summary>
    public LogPosition? Unproven
    {
        get
        {
            lock (_lock)
                return _byTerm.Count > 1 ? _byTerm[0] : null;
        }
    }

    public void Saw(LogPosition position)
    {
        if (position.Index == 0)
            return;
        lock (_lock)
        {
            int place = _byTerm.FindIndex(other => other.Term >= position.Term);
            if (place < 0)
                _byTerm.Add(position);
            else if (_byTerm[place].Term != position.Term)
                _byTerm.Insert(place, position);
            else if (_byTerm[place].Index < position.Index)
                _byTerm[place] = position;
        }
    }

    /// <summary>A replica that has the newest position has this one in its history, too.</summary>
    public void Prove(LogPosition position)
    {
        lock (_lock)
        {
            if (_byTerm.Count > 1)
                _byTerm.Remove(position);
        }
    }

    public void Forget()
    {
        lock (_lock)
            _byTerm.Clear();
    }
}
