using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// A planned switchover: the one that is to follow is brought up to date while commands are still taken; once all is on its way they
/// wait, and when it has everything on disk and everybody here is answered, it is proposed. No command fails: what waited is sent on.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    private SwitchoverState? _switchover;

    private sealed class SwitchoverState(ReplicaId to, long requestId, long deadline)
    {
        public ReplicaId To => to;
        public long RequestId { get; set; } = requestId;

        /// <summary>If it is not proposed by then, everything goes on as before.</summary>
        public long Deadline => deadline;
        public bool HoldsCommands { get; set; }
        public bool IsProposed { get; set; }
    }

    private bool HoldsCommands => _switchover is { HoldsCommands: true };

    /// <summary>Another may be primary at any moment: nothing is served or answered here until the outcome is known.</summary>
    private bool IsGivingUp => _switchover is { IsProposed: true };

    private protected override void OnHandOver(ReplicaId to)
    {
        if (_part != Part.Primary || _switchover is not null)
            return;
        if (BestSuccessor(id => to.IsNone || id == to) is { } successor)
            BeginSwitchover(successor, requestId: 0, _now.Monotonic + _options.SwitchoverMicros);
        else
            Report(to.IsNone ? "nobody to hand over to" : $"cannot hand over to {to}: it is not in sync");
    }

    private protected override void TakeTransfer(in ClientRequest request)
    {
        bool isOrder = TransferOrder.TryRead(request.Payload.Span, out ReplicaId to, out bool isForced);
        if (to == Self && _part == Part.Primary)
            Answer(request.Id, null);
        else if (isForced && _part != Part.Primary)
            TakeForced(request, to);
        else if (WhyNoControl(request) is { } why)
            Reject(request.Id, why);
        else if (!isOrder)
            Reject(request.Id, new Rejection(RejectReason.Invalid, Detail: $"a transfer names a replica in 4 bytes, 0 for whoever is best, and may be forced by one more; these are {request.Payload.Length}"));
        else if (BestSuccessor(id => to.IsNone || id == to) is { } successor)
            BeginSwitchover(successor, request.Id, request.Deadline);
        else
            Reject(request.Id, new Rejection(RejectReason.NoQuorum, Detail: to.IsNone ? "no other member is in sync" : $"{to} cannot be primary: in sync are {string.Join(", ", _view.SyncSet)}"));
    }

    /// <summary>The backup in sync that has most.</summary>
    private ReplicaId? BestSuccessor(Func<ReplicaId, bool> fits)
    {
        Follower? best = null;
        foreach (Follower follower in _followers)
        {
            bool may = _view.IsInSync(follower.Id) && follower is { Loss: 0, HasAnswered: true, HasDiverged: false } && Answers(follower) && fits(follower.Id);
            if (may && (best is null || follower.Match > best.Match))
                best = follower;
        }

        return best?.Id;
    }

    private void BeginSwitchover(ReplicaId to, long requestId, long deadline)
    {
        Report($"hands over to {to}");
        _switchover = new SwitchoverState(to, requestId, Math.Min(deadline, _now.Monotonic + _options.SwitchoverMicros));
        _earliestDeadline = Math.Min(_earliestDeadline, _switchover.Deadline);
        ContinueSwitchover();
    }

    private void ContinueSwitchover()
    {
        if (_switchover is not { IsProposed: false } switchover || _part != Part.Primary || Find(switchover.To) is not { } target)
            return;
        if (target.Loss != 0 || !_view.IsInSync(switchover.To))
        {
            AbandonSwitchover($"{switchover.To} is not in sync any more");
            return;
        }

        // Who cannot be made primary is not waited for.
        switchover.HoldsCommands |= ControlAnswers() && target.Mode == FollowerMode.Replicate && target.Next > _log.LastIndex;
        // Who waits here is answered first, and a proposal that is out may still become the view.
        bool isDone = switchover.HoldsCommands && target.Match >= _log.LastIndex && _applied >= _log.LastIndex && _durable.LastIndex >= _log.LastIndex;
        if (!isDone || _proposal is not null || !_begun)
            return;
        View next = NextView(switchover.To, _view.Members.Select(member => InNext(member, _view.IsInSync(member.Id))));
        if (!IsHeldBy(next, _log.LastIndex) || !ControlAnswers())
            return;
        switchover.IsProposed = true;
        _proposal = next;
        ProposeNext(next);
    }

    /// <summary>A later view is in force.</summary>
    private void EndSwitchover()
    {
        if (_switchover is not { } switchover)
            return;
        if (_part == Part.Primary && !switchover.IsProposed)
            return;
        _switchover = null;
        if (_view.Primary == switchover.To)
        {
            // It may not have heard of it yet.
            Send(switchover.To, new ViewNotice(_view));
            Answer(switchover.RequestId, null);
        }
        else
        {
            Answer(switchover.RequestId, new Rejection(RejectReason.NoQuorum, Leader: _view.Primary, Detail: $"{_view.Primary} is the primary now instead of {switchover.To}"));
        }

        ReleaseHeld();
    }

    private long ExpireSwitchover(long now)
    {
        if (_switchover is not { } switchover)
            return NotArmed;
        if (switchover.Deadline > now)
            return switchover.Deadline;
        if (switchover.IsProposed)
        {
            // It may yet be the view, whatever anybody does.
            Answer(switchover.RequestId, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Leader, $"the view in which {switchover.To} is primary was not installed in time"));
            switchover.RequestId = 0;
            return NotArmed;
        }

        AbandonSwitchover($"{switchover.To} did not catch up in time");
        return NotArmed;
    }

    /// <summary>Nothing is proposed: everything goes on as before.</summary>
    private void AbandonSwitchover(string why)
    {
        Report($"stays primary: {why}");
        long request = _switchover!.RequestId;
        _switchover = null;
        Answer(request, new Rejection(RejectReason.NoQuorum, Leader: Self, Detail: why));
        ReleaseHeld();
    }
}
