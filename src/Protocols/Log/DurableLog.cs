using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>Knows how much of the log is on this replica's own disk, from the LSNs of the records that carried it.</summary>
internal sealed class DurableLog
{
    private readonly Queue<(long Lsn, long LastIndex)> _writing = new();

    /// <summary>Entries up to and with this one are durable here.</summary>
    public long LastIndex { get; private set; }

    public void Reset(long lastIndex)
    {
        _writing.Clear();
        LastIndex = lastIndex;
    }

    /// <summary>A record is being written after which the log ends at this index.</summary>
    public void Appended(long lsn, long lastIndex) => _writing.Enqueue((lsn, lastIndex));

    /// <summary>Entries from an index on are no longer in the log, written or not.</summary>
    public void Truncated(long from)
    {
        LastIndex = Math.Min(LastIndex, from - 1);
        for (int left = _writing.Count; left > 0; left--)
        {
            (long lsn, long lastIndex) = _writing.Dequeue();
            _writing.Enqueue((lsn, Math.Min(lastIndex, from - 1)));
        }
    }

    /// <summary>Records up to and with this LSN are on disk. True: so is more of the log.</summary>
    public bool Durable(long lsn)
    {
        long before = LastIndex;
        while (_writing.TryPeek(out (long Lsn, long LastIndex) next) && next.Lsn <= lsn)
            LastIndex = Math.Max(LastIndex, _writing.Dequeue().LastIndex);
        return LastIndex > before;
    }
}
