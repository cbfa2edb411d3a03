using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>Gathers what one step has to make durable, so that it is one record.</summary>
internal sealed class StepRecord
{
    private readonly List<EntryBatch> _entries = [];
    private long _truncateFrom;

    public bool HardStateChanged { get; set; }
    /// <summary>The configuration the replica was made with is not on disk yet; later ones are entries of the log.</summary>
    public bool ConfigurationChanged { get; set; }

    public bool ChangesLog => _truncateFrom > 0 || _entries.Count > 0;
    public bool IsEmpty => !HardStateChanged && !ConfigurationChanged && !ChangesLog;

    public void Truncate(long from)
    {
        Invariant.That(!ChangesLog, "a step truncates once, before it appends");
        _truncateFrom = from;
    }

    public void Append(EntryBatch batch) => _entries.Add(batch);

    /// <summary>The record; empty again after it.</summary>
    public WalRecord Seal(in HardState hardState, RaftConfiguration first)
    {
        var record = new WalRecord
        {
            HardState = HardStateChanged ? hardState.Encode() : default(ReadOnlyMemory<byte>),
            Configuration = ConfigurationChanged ? first.Encode() : default(ReadOnlyMemory<byte>),
            TruncateFrom = _truncateFrom,
            Entries = _entries.Count > 0 ? [.. _entries] : [],
        };
        HardStateChanged = ConfigurationChanged = false;
        _truncateFrom = 0;
        _entries.Clear();
        return record;
    }
}
