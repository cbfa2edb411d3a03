using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>Gathers what one step has to make durable, so that it is one record.</summary>
internal sealed class StepRecord
{
    private readonly List<EntryBatch> _entries = [];
    private long _truncateFrom;

    public bool HardStateChanged { get; set; }

    /// <summary>The configuration on disk is not the one that belongs there.</summary>
    public bool ConfigurationChanged { get; set; }

    public bool ChangesLog => _truncateFrom > 0 || _entries.Count > 0;
    public bool IsEmpty => !HardStateChanged && !ConfigurationChanged && !ChangesLog;

    public void Truncate(long from)
    {
        Invariant.That(!ChangesLog, "a step truncates once, before it appends");
        _truncateFrom = from;
    }

    public void Append(EntryBatch batch) => _entries.Add(batch);

    /// <summary>The record; empty again after it. Hard state and configuration are asked for only if they changed.</summary>
    public WalRecord Seal(Func<ReadOnlyMemory<byte>> hardState, Func<ReadOnlyMemory<byte>> configuration)
    {
        var record = new WalRecord
        {
            HardState = HardStateChanged ? hardState() : default,
            Configuration = ConfigurationChanged ? configuration() : default,
            TruncateFrom = _truncateFrom,
            Entries = _entries.Count > 0 ? [.. _entries] : [],
        };
        HardStateChanged = ConfigurationChanged = false;
        _truncateFrom = 0;
        _entries.Clear();
        return record;
    }
}
