using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>Which client requests are taken, and what becomes of those that wait.</summary>
public sealed partial class RaftReplica
{
    private protected override void Take(IReadOnlyList<ClientRequest> batch)
    {
        _usedAt = _now.Monotonic;
        if (_quiet)
            WakeForRequests(batch);
        base.Take(batch);
    }

    private protected override bool IsServedAtOnce(in ClientRequest request) => request.Deadline > _now.Monotonic && !_hollow
        && (request.Kind == RequestKind.StaleRead
            || (request.Kind == RequestKind.BoundedRead && IsFresh(request.MaxStaleness))
            || (request.Kind == RequestKind.SessionRead && HasSeen(request.AtLeast) == Seen.Yes));

    private protected override void Expect(in ClientRequest request)
    {
        _earliestDeadline = Math.Min(_earliestDeadline, request.Deadline);
        if (request.Kind == RequestKind.SessionRead && _role != RaftRole.Leader)
            WaitForSession(request);
        else if (request.Kind == RequestKind.Read || IsForAnyReplica(request.Kind))
            _reads.Add(request);
        else
            Gather(request);
    }

    private protected override Rejection? WhyNot(in ClientRequest request)
    {
        if (IsServedAtOnce(request))
            return null;
        if (TooLate(request) is { } late)
            return late;
        if (request.Kind == RequestKind.SessionRead && !_hollow && HasSeen(request.AtLeast) == Seen.Lost)
            return HistoryLost(request.AtLeast);
        if (_role != RaftRole.Leader && (_leader.IsNone || _hollow || !IsForAnyReplica(request.Kind)))
            return new Rejection(RejectReason.NotLeader, Leader: _leader);
        if (TooMany(WaitingCommands + _reads.Waiting + _sessionReads.Waiting) is { } tooMany)
            return tooMany;
        if (request.Kind == RequestKind.Read || IsForAnyReplica(request.Kind))
            return null;
        if (request.Kind != RequestKind.Command)
            return UnknownKind(request);
        if (TooLarge(request) is { } tooLarge)
            return tooLarge;
        return _handOver is { HoldsCommands: true } handOver
            ? new Rejection(RejectReason.NotLeader, Leader: handOver.To, Detail: "leadership is being handed over")
            : NoRoom();
    }

    private protected override void Cancel(HashSet<long> ids)
    {
        _sessionReads.RemoveWhere(read => ids.Contains(read.Id));
        if (_change is { } change && ids.Contains(change.RequestId))
            change.RequestId = 0;
    }

    private protected override long Expire(long now)
    {
        long next = _commands.Expire(now, _rejectExpired);
        next = Math.Min(next, ExpireConfirmedReads(now));
        next = Math.Min(next, ExpireSessionReads(now));
        return Math.Min(Math.Min(ExpireChange(now), ExpireTransfer(now)), next);
    }
}
