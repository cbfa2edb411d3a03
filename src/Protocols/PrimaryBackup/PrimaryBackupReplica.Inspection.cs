using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>What invariant checks look at after every step; the status would cost objects each time.</summary>
public sealed partial class PrimaryBackupReplica
{
    internal View CurrentView => _view;

    /// <summary>It leads the epoch it is in: the view names it, and that is on its disk.</summary>
    internal bool IsPrimary => _part == Part.Primary && _begun;

    /// <summary>It takes nothing from the primary of its epoch any more.</summary>
    internal bool IsSealed => _sealed;

    /// <summary>It wants to be the primary of the next epoch.</summary>
    internal bool IsTakingOver => _part == Part.Claimant;

    /// <summary>An operator has told it to, whatever is lost.</summary>
    internal bool IsTakingOverByOrder => _claim is { IsForced: true };

    /// <summary>Up to here everything that this replica has answered as a primary was stronger than Async, or lies before something that was; 0: nothing.</summary>
    internal long StrongIndex { get; private set; }

    /// <summary>What the primary knows to be on a member's disk.</summary>
    internal long AcknowledgedBy(ReplicaId id) => id == Self ? _durable.LastIndex : Find(id)?.Match ?? 0;

    /// <summary>It has applied what is not in its primary's history, and waits for a checkpoint.</summary>
    internal bool HasDiverged => _divergedFrom > 0;

    /// <summary>Entries with commands that were cut because another history took their place, ever.</summary>
    internal long LostEntries { get; private set; }

    /// <summary>Whether a primary may answer an Async command or, with lease reads on, a read at this moment.</summary>
    internal bool HoldsLeaseAt(long monotonicNow) => _part == Part.Primary && HoldsLease(monotonicNow);

    /// <summary>Until then it helps nobody to take its primary's place, on its monotonic clock.</summary>
    internal long PromisedUntil => _promisedUntil;

    internal ReplicaMode CurrentMode => Mode;

    /// <summary>Commands that may degrade do not wait for the backups.</summary>
    internal bool IsDegraded => _isDegraded;
}
