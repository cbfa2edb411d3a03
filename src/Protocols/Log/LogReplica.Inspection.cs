using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>What invariant checks look at after every step; the status would cost objects each time.</summary>
public abstract partial class LogReplica
{
    internal long CommitIndex => _commit;
    internal long AppliedIndex => _applied;
    internal long CheckpointIndex => _checkpointIndex;

    /// <summary>What of its log is on its own disk.</summary>
    internal long DurableIndex => _durable.LastIndex;

    /// <summary>Where its log ends.</summary>
    internal LogPosition LastPosition => new(_log.LastTerm, _log.LastIndex);

    /// <summary>The last entry that is gone from its log.</summary>
    internal LogPosition BasePosition => new(_log.BaseTerm, _log.BaseIndex);

    /// <summary>The position at an index from the base to the end of the log; null elsewhere.</summary>
    internal LogPosition? PositionAt(long index) =>
        index == _log.BaseIndex || _log.Holds(index) ? new LogPosition(_log.TermAt(index), index) : null;
}
