namespace ActorRepl.Protocols.Raft;

/// <summary>What invariant checks look at after every step; the status would cost an object each time.</summary>
public sealed partial class RaftReplica
{
    internal bool IsLeader => _role == RaftRole.Leader;
    internal long CurrentTerm => _term;
    internal long CommitIndex => _commit;
}
