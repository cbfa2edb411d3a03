using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// An operator accepts the loss: when so many are gone for good that nobody can know whether it has everything, the member that is named takes
/// over with what it has. What was acknowledged and is not in its log is lost, with any level; nothing else in this protocol does that.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    private (long RequestId, long Deadline)? _forced;

    private void TakeForced(in ClientRequest request, ReplicaId to)
    {
        if (WhyNotForced(request, to) is { } why)
        {
            Reject(request.Id, why);
            return;
        }

        Report($"takes over from {_view.Primary} by order of an operator with {Last}: what was acknowledged beyond that is lost");
        _forced = (request.Id, request.Deadline);
        _earliestDeadline = Math.Min(_earliestDeadline, request.Deadline);
        StartClaim(new Claim(byRight: false) { IsForced = true, IsSealing = true });
        Seal();
        EnsureArmed(WatchTimer, _now.Monotonic + _options.HeartbeatMicros);
    }

    private Rejection? WhyNotForced(in ClientRequest request, ReplicaId to)
    {
        if (request.Deadline <= _now.Monotonic)
            return new Rejection(RejectReason.NoQuorum, Detail: "the deadline had passed before the request was taken");
        if (to != Self)
            return new Rejection(RejectReason.NotLeader, Leader: to, Detail: "the member that is to take over is told itself");
        if (_view.Find(Self) is not { IsEligible: true })
            return new Rejection(RejectReason.Invalid, Detail: $"{Self} cannot be primary in {_view}");
        if (_loss != 0 || IsInstalling || _storageFull)
            return new Rejection(RejectReason.Unavailable, Detail: $"{Self} is damaged, or in the middle of something");
        if (_forced is not null)
            return new Rejection(RejectReason.Overloaded, Detail: "it is under way");
        return IsFree ? null : new Rejection(RejectReason.NoQuorum, Leader: _view.Primary, Detail: $"{Self} has heard {_view.Primary} just now: it is there");
    }

    /// <summary>A later view is in force.</summary>
    private void ConcludeForced()
    {
        if (_forced is not { } forced)
            return;
        _forced = null;
        Answer(forced.RequestId, _view.Primary == Self ? null : new Rejection(RejectReason.NoQuorum, Leader: _view.Primary, Detail: $"{_view.Primary} is the primary now"));
    }

    private long ExpireForced(long now)
    {
        if (_forced is not { } forced || forced.Deadline > now)
            return _forced?.Deadline ?? NotArmed;
        _forced = (0, NotArmed);
        Answer(forced.RequestId, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Detail: "the view was proposed and not installed in time"));
        return NotArmed;
    }
}
