using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>
/// Reads that wait until the one that answers strong reads has confirmed how far the log was (ReadIndex, Ongaro's thesis 6.4). Elsewhere one question to it serves
/// all reads that wait, the next gathering meanwhile. Reads of bounded staleness live on the answers: state that has an index which was confirmed after the
/// question left is no older than the question, whatever the clocks of others show.
/// </summary>
public abstract partial class LogReplica
{
    private protected readonly PendingReads _reads = new();
    private long _question;
    private ReplicaId _asked;
    private long _askedAt;
    private long _freshIndex;
    private long _freshAt = long.MinValue / 2;

    /// <summary>Who answers strong reads, as far as is known.</summary>
    private protected abstract ReplicaId Answerer { get; }

    private protected abstract bool IsAnswerer { get; }

    private protected abstract PeerMessage Question(long token);

    private protected abstract PeerMessage AnswerTo(long token, long index);

    /// <summary>By the last answer, what is applied here holds everything that was acknowledged so long ago.</summary>
    private protected bool IsFreshByAnswer(long maxStaleness) => _applied >= _freshIndex && _now.Monotonic - _freshAt <= maxStaleness;

    private protected void AskForReadIndex()
    {
        if (Answerer.IsNone || Answerer == Self)
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
        else if (_asked != Answerer || !IsArmed(QuestionTimer))
        {
            Ask();
        }
    }

    // The same question, however often it is asked: its first time is what its answer holds for.
    private void Ask()
    {
        _asked = Answerer;
        Send(_asked, Question(_question));
        EnsureArmed(QuestionTimer, _now.Monotonic + _limits.HeartbeatMicros);
    }

    private void OnQuestionTimer()
    {
        if (IsAnswerer || !_reads.AnyTravelling)
            return;
        if (_reads.TravelsInVain)
            _reads.Recall();
        else if (!Answerer.IsNone)
            Ask();
    }

    /// <summary>From one that only learns, too. Who does not answer says nothing: the question comes again, or goes to another.</summary>
    private protected void TakeQuestion(ReplicaId from, long token)
    {
        if (IsAnswerer)
            _reads.Add(new IndexQuestion(from, token));
    }

    // It is true whoever leads by now, so it does not matter when it was said.
    private protected void TakeAnswer(long token, long index)
    {
        if (IsAnswerer || !_reads.Answered(token, index))
            return;
        _freshIndex = index;
        _freshAt = _askedAt;
    }

    /// <summary>A round up to this one is confirmed: what left with it may be served.</summary>
    private protected void ConfirmReads(long round)
    {
        while (_reads.Confirm(round) is var (index, questions))
        {
            foreach (IndexQuestion question in questions)
                Send(question.From, AnswerTo(question.Token, index));
        }
    }

    private protected void ServeConfirmedReads()
    {
        while (_reads.TakeReady(_applied) is { } reads)
        {
            if (WithoutLost(reads) is { Count: > 0 } served)
                _effects.Add(new Effect.Serve(served));
        }
    }

    /// <summary>Of reads that are confirmed, those that the history here answers; the others are refused.</summary>
    private protected virtual IReadOnlyList<ClientRequest> WithoutLost(IReadOnlyList<ClientRequest> reads) => reads;

    private protected long ExpireConfirmedReads(long now) => _reads.RemoveWhere(read =>
    {
        if (read.Deadline > now)
            return false;
        Reject(read.Id, new Rejection(RejectReason.NoQuorum, Leader: Answerer, Detail: "the read was not confirmed and applied in time"));
        return true;
    });

    /// <summary>Another replica may know better.</summary>
    private protected void RejectReads(Func<ClientRequest, bool> which, string? detail = null) => _reads.RemoveUnconfirmed(read =>
    {
        if (!which(read))
            return false;
        Reject(read.Id, new Rejection(RejectReason.NotLeader, Leader: Answerer, Detail: detail));
        return true;
    });
}
