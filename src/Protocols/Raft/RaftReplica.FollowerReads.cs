using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>Reads at replicas that do not lead (thesis 6.4): what they ask, and when what they have is fresh enough.</summary>
public sealed partial class RaftReplica
{
    private protected override ReplicaId Answerer => _leader;

    private protected override bool IsAnswerer => _role == RaftRole.Leader;

    private protected override PeerMessage Question(long token) => new ReadIndexRequest(_term, token);

    private protected override PeerMessage AnswerTo(long token, long index) => new ReadIndexReply(_term, token, index);

    private static bool IsForAnyReplica(RequestKind kind) => kind is RequestKind.FollowerRead or RequestKind.BoundedRead or RequestKind.SessionRead;

    /// <summary>Whether what is applied here holds everything that was committed so long ago, as far as is known.</summary>
    private bool IsFresh(long maxStaleness) => _role == RaftRole.Leader
        ? KnowsCommit && _applied >= _commit && ConfirmedRound is > 0 and long since && _now.Monotonic - since <= maxStaleness
        : IsFreshByAnswer(maxStaleness);

    /// <summary>No leader is heard of any more: another replica may know better.</summary>
    private void RejectReadsWithoutLeader()
    {
        RejectSessionReads();
        if (_reads.IsEmpty)
            return;
        _reads.Recall();
        RejectReads(_ => true);
    }
}
