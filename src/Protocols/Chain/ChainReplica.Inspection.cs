using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>What invariant checks look at after every step; the status would cost objects each time.</summary>
public sealed partial class ChainReplica
{
    internal ChainView CurrentView => _view;

    /// <summary>It is a link that takes part in its epoch.</summary>
    internal bool TakesPart => Acts;
    internal bool IsActingHead => IsHead;
    internal bool IsActingTail => IsTail;

    /// <summary>It is about to stop, and is to be no link.</summary>
    internal bool IsLeaving => _leaves || _switchover is { Leaves: true };
    /// <summary>Up to here its log is known to be that of its epoch's head.</summary>
    internal long VerifiedIndex => Verified;

    /// <summary>Up to here it has said that it and all links before it have the log on disk.</summary>
    internal long SettledIndex => _settled;

    /// <summary>Whether it would serve a strong read on its lease at this moment.</summary>
    internal bool HoldsLeaseAt(long monotonicNow) => HoldsLease(monotonicNow);

    internal ReplicaMode CurrentMode => Mode;

    /// <summary>Sent to its successor and not acknowledged: all between the two. The same, while it is not known where the logs match.</summary>
    internal (long Acknowledged, long Sent) InProcess =>
        _downstreams is [{ Mode: DownstreamMode.Stream } successor, ..] && !IsFollower(successor) ? (_commit, successor.Next - 1) : (_commit, _commit);
}
