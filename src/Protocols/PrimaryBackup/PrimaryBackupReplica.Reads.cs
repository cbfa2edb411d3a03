using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// Reads. At the primary, a round of beats that enough backups have answered shows that nobody had taken its place when the reads came;
/// with lease reads on, a round that was answered serves for a while. Elsewhere one question to the primary serves all reads
/// that wait, and its answer says how old the state here is at most. Every member applies a prefix of one history.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    private readonly List<ClientRequest> _sessionReads = [];

    private protected override ReplicaId Answerer => Leader;

    private protected override bool IsAnswerer => _part == Part.Primary;

    private protected override PeerMessage Question(long token) => new ReadIndexRequest(Epoch, token);

    private protected override PeerMessage AnswerTo(long token, long index) => new ReadIndexReply(Epoch, token, index);

    private Rejection? WhyNoRead(in ClientRequest read)
    {
        if (read.Kind == RequestKind.Read)
            return _part != Part.Primary ? new Rejection(RejectReason.NotLeader, Leader: Leader)
                : IsCutOff ? CutOff : null;
        if (_divergedFrom > 0)
            return new Rejection(RejectReason.TooStale, Leader: Leader, Detail: "the state here is of a history that was lost; a checkpoint is on its way");
        if (read.Kind == RequestKind.SessionRead && (_history.Judge(read.AtLeast, _applied) == Seen.Lost || IsOfNoHistory(read.AtLeast)))
            return HistoryLost(read);
        if (read.Kind == RequestKind.FollowerRead && _part != Part.Primary && Leader.IsNone)
            return new Rejection(RejectReason.NotLeader);
        return read.Kind == RequestKind.BoundedRead && _part != Part.Primary && Leader.IsNone && !IsFresh(read.MaxStaleness)
            ? new Rejection(RejectReason.TooStale, Detail: "no primary says how old the state here is")
            : null;
    }

    // All entries of an epoch are its primary's own.
    private bool IsOfNoHistory(LogPosition seen) => _part == Part.Primary && _begun && seen.Term == Epoch && seen.Index > _log.LastIndex;

    private Rejection HistoryLost(in ClientRequest read) =>
        new(RejectReason.HistoryLost, Leader: Leader, Detail: $"the session has seen {read.AtLeast}, which is not in the shard's history any more");

    private protected override bool IsServedAtOnce(in ClientRequest request) => request.Kind switch
    {
        RequestKind.StaleRead => true,
        RequestKind.BoundedRead => IsFresh(request.MaxStaleness),
        RequestKind.SessionRead => _history.Judge(request.AtLeast, _applied) == Seen.Here,
        _ => false,
    };

    /// <summary>Whether what is applied here holds everything that was acknowledged so long ago, as far as is known.</summary>
    private bool IsFresh(long maxStaleness)
    {
        if (_part != Part.Primary)
            return IsFreshByAnswer(maxStaleness);
        return KnowsCommit && !IsGivingUp && _applied >= _commit && ConfirmedClock is > 0 and long since
            && (since == long.MaxValue || _now.Monotonic - since <= maxStaleness);
    }

    // ---- at the primary ----

    private void BeginReadRound()
    {
        if (!_reads.AnyGathering || !KnowsCommit || !_begun || IsGivingUp)
            return;
        if (ConfirmedClock == long.MaxValue || (_options.LeaseReads && HoldsLease(_now.Monotonic)))
            _reads.Depart(0, _commit);
        else if (_reads.LastDeparted <= ConfirmedClock)
            SendBeats();
    }

    private void DepartReads()
    {
        if (KnowsCommit && !IsGivingUp)
            _reads.Depart(_clock, _commit);
    }

    private void ConfirmReads()
    {
        if (_reads.AnyTravelling && !IsGivingUp)
            ConfirmReads(ConfirmedClock);
    }

    /// <summary>Primacy is lost: what any replica may serve waits for the next primary.</summary>
    private void ReturnReads()
    {
        _reads.Recall();
        RejectReads(read => read.Kind == RequestKind.Read);
    }

    // ---- elsewhere ----

    /// <summary>No primary is heard of any more: another replica may know better.</summary>
    private void RejectReadsWithoutPrimary()
    {
        if (_reads.IsEmpty)
            return;
        _reads.Recall();
        RejectReads(_ => true);
    }

    // ---- everywhere ----

    private void ServeReads()
    {
        if (_divergedFrom > 0 || IsInstalling)
            return;
        ServeConfirmedReads();
        if (_sessionReads.Count > 0)
            ServeSessions();
    }

    private void ServeSessions()
    {
        List<ClientRequest>? ready = null;
        _sessionReads.RemoveAll(read =>
        {
            Seen seen = _history.Judge(read.AtLeast, _applied);
            if (seen == Seen.Lost)
                Reject(read.Id, HistoryLost(read));
            else if (seen == Seen.Here)
                (ready ??= []).Add(read);
            return seen != Seen.NotYet;
        });
        if (ready is not null)
            _effects.Add(new Effect.Serve(ready));
    }

    private long ExpireReads(long now)
    {
        long next = ExpireConfirmedReads(now);
        _sessionReads.RemoveAll(read =>
        {
            if (read.Deadline <= now)
                Reject(read.Id, new Rejection(RejectReason.TooStale, Leader: Leader, Detail: $"only entry {_applied} is applied here; the session has seen {read.AtLeast}"));
            else
                next = Math.Min(next, read.Deadline);
            return read.Deadline <= now;
        });
        return next;
    }
}
