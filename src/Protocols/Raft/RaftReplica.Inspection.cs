namespace ActorRepl.Protocols.Raft;

/// <summary>What invariant checks look at after every step; the status would cost an object each time.</summary>
public sealed partial class RaftReplica
{
    internal bool IsLeader => _role == RaftRole.Leader;

    /// <summary>Whether a read that came at this moment would be served on the lease.</summary>
    internal bool WouldReadOnLease(long monotonicNow) => IsLeader && HoldsLease(monotonicNow);

    /// <summary>How often reads were served on the leader's lease alone.</summary>
    internal long LeasesUsed { get; private set; }
    internal RaftConfiguration Configuration => _configuration;
    internal bool HasLostPromises => _nonVoter;
    internal bool IsRemoved => _isRemoved;
}
