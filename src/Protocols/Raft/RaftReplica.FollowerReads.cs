using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Reads at replicas that do not lead (thesis 6.4): one question to the leader for all reads that wait, the next gathering
/// meanwhile. Reads of bounded staleness live on the answers: state that has an index which the leader confirmed after the
/// question left is no older than the question, whatever the clocks of others show.
/// </summary>
public sealed partial class RaftReplica
{
    private long _question;
    private ReplicaId _asked;
    private long _askedAt;
    private long _freshIndex;
    private long _freshAt = Never;

    private static bool IsForAnyReplica(RequestKind kind) => kind is RequestKind.FollowerRead or RequestKind.BoundedRead or RequestKind.SessionRead;

    /// <summary>Whether what is applied here holds everything that was committed so long ago, as far as is known.</summary>
    private bool IsFresh(long maxStaleness) => _role == RaftRole.Leader
        ? KnowsCommit && _applied >= _commit && ConfirmedRound is > 0 and long since && _now.Monotonic - since <= maxStaleness
        : _applied >= _freshIndex && _now.Monotonic - _freshAt <= maxStaleness;

    private void AskForReadIndex()
    {
        if (_leader.IsNone)
            return;
        if (!_reads.AnyTravelling)
        {
            if (!_reads.AnyGathering)
                return;
            _question++;
            _askedAt = _now.Monotonic;
            _reads.Depart(_question, readIndex: 0);
            Ask();
        }
        else if (_asked != _leader || !_timers.IsArmed(QuestionTimer))
        {
            Ask();
        }
    }

    // The same question, however often it is asked: its first time is what its answer holds for.
    private void Ask()
    {
        _asked = _leader;
        Send(_leader, new ReadIndexRequest(_term, _question));
        EnsureArmed(QuestionTimer, _now.Monotonic + _options.HeartbeatMicros);
    }

    private void OnQuestionTimer()
    {
        if (_role == RaftRole.Leader || !_reads.AnyTravelling)
            return;
        if (_reads.TravelsInVain)
            _reads.Recall();
        else if (!_leader.IsNone)
            Ask();
    }

    /// <summary>From a learner too. Who does not lead says nothing: the question comes again, or goes to another.</summary>
    private void OnReadIndexRequest(ReplicaId from, ReadIndexRequest request)
    {
        if (_role == RaftRole.Leader)
            _reads.Add(new IndexQuestion(from, request.Token));
    }

    // It is true whoever leads by now, so its term does not matter.
    private void OnReadIndexReply(ReadIndexReply reply)
    {
        if (_role == RaftRole.Leader || !_reads.Answered(reply.Token, reply.Index))
            return;
        _freshIndex = reply.Index;
        _freshAt = _askedAt;
    }

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
