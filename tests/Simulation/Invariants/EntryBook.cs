using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Invariants;

/// <summary>
/// Every entry that was ever in a log, by index and term, with the one before it: a tree, whose branches are the histories
/// that there were. Where two logs agree on a position, they have to agree on all before it.
/// </summary>
internal sealed class EntryBook
{
    private readonly Dictionary<LogPosition, Entry> _entries = [];

    public Entry? Find(LogPosition position) => _entries.GetValueOrDefault(position);

    /// <summary>
    /// Writes an entry down for a replica (one bit), or finds it; null: there is another of that index and term, or one after another
    /// entry. One that only this replica had, and never on disk, was lost before anybody saw it: another may take its name.
    /// </summary>
    public Entry? Match(LogPosition position, EntryKind kind, uint content, long previousTerm, ulong replica)
    {
        if (!_entries.TryGetValue(position, out Entry? entry) || (entry.Received == replica && entry.Durable == 0))
            _entries[position] = entry = new Entry(kind, content, previousTerm);
        if (entry.Kind != kind || entry.Content != content || entry.PreviousTerm != previousTerm)
            return null;
        entry.Received |= replica;
        return entry;
    }

    /// <summary>Whether the history that ends at one position contains another.</summary>
    public bool Contains(LogPosition history, LogPosition position)
    {
        if (position.Index == 0 || position.Index > history.Index)
            return position.Index == 0;
        LogPosition at = history;
        while (at.Index > position.Index)
            at = Before(at);
        return at.Term == position.Term;
    }

    public LogPosition Before(LogPosition position) => new(_entries[position].PreviousTerm, position.Index - 1);

    /// <summary>The sets are of replicas that have ever got so far with the entry, one bit each.</summary>
    internal sealed class Entry(EntryKind kind, uint content, long previousTerm)
    {
        public EntryKind Kind => kind;
        public uint Content => content;
        public long PreviousTerm => previousTerm;
        /// <summary>The clock of the primary that made it.</summary>
        public long Wall { get; set; }
        public ulong Received { get; set; }
        public ulong Durable { get; set; }
        public ulong Applied { get; set; }

        /// <summary>Its primary, or one after it, has said that it may be seen.</summary>
        public bool IsCommitted { get; set; }

        /// <summary>Some replica has kept it before it cut it.</summary>
        public bool IsSetAside { get; set; }
    }
}
