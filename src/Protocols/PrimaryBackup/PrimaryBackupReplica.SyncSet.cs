using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// The primary changes the view it leads: who does not answer leaves the sync set, who has caught up joins it, members come and go. It proposes
/// only what keeps the invariant, one view at a time, and from then until the outcome is known acknowledges only what meets both.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    private bool Answers(Follower follower) =>
        _now.Monotonic - follower.HeardAt < (IsStarting(follower) ? Math.Max(_options.FirstAnswerMicros, _options.DeadAfterMicros) : _options.DeadAfterMicros);

    /// <summary>A shard that was just made waits for its members to start: none of them has promised anything yet.</summary>
    private bool IsStarting(Follower follower) => Epoch == 0 && !follower.HasAnswered;

    /// <summary>Everything that may have been acknowledged in this epoch or before is at or below this index.</summary>
    private long Acknowledgeable => Math.Max(_commit, _epochStart - 1);

    /// <summary>A member as it is to be in the next view.</summary>
    private ViewMember InNext(ViewMember member, bool inSync)
    {
        ViewMember next = WithPart(member);
        long loss = Find(member.Id)?.Loss ?? 0;
        return next with { InSync = inSync && next.IsEligible && loss == 0, Pardon = loss != 0 ? loss : member.Pardon };
    }

    private bool BelongsInSync(ReplicaId id)
    {
        if (id == Self)
            return true;
        if (Find(id) is not { Loss: 0, HasDiverged: false } follower || !Answers(follower))
            return false;
        // It takes nothing before the next epoch: one that waits for it to have everything would never come.
        if (follower.Standing.Sealed && follower.Match < Acknowledgeable)
            return false;
        if (_view.IsInSync(id))
            return true;
        // One that comes and goes does not take the view to and fro.
        bool isSteady = follower.HasAnswered && (follower.BackAt == 0 || _now.Monotonic - follower.BackAt >= _options.DeadAfterMicros);
        return isSteady && follower.Match >= _epochStart && _log.LastIndex - follower.Match < _options.CatchUpEntries;
    }

    /// <summary>In each of a primary's steps in which something of it may have changed: is another view due, and may it be?</summary>
    private void ConsiderView()
    {
        if (!_viewMayBeDue || !_begun || _proposal is not null || _switchover is { IsProposed: true })
            return;
        IEnumerable<ViewMember> wanted = _change is { } change ? MembersOf(change.Target) : _view.Members;
        ViewMember[] members = [.. wanted.Select(member => InNext(member, BelongsInSync(member.Id)))];
        bool isSealed = Array.Exists(_view.Backups, id => Find(id) is { Standing.Sealed: true, Loss: 0 });
        if (!isSealed && members.AsSpan().SequenceEqual(_view.Members))
        {
            _viewMayBeDue = false;
            EndChangeIfDone();
            return;
        }

        View next = NextView(Self, members);
        if (!IsHeldBy(next, Acknowledgeable) || !ControlAnswers())
            return;
        if (_change is { } proposed)
            proposed.IsProposed = true;
        Report($"proposes {next}");
        _proposal = next;
        ProposeNext(next);
    }

    /// <summary>Whether as many of its backups as the view promises have everything up to an index on disk.</summary>
    private bool IsHeldBy(View view, long index) => Among(view, view.Promise, Measured.Durable) >= index;

    /// <summary>A later view is in force: whatever was proposed for this epoch is it, or will never be.</summary>
    private void ConcludeProposal()
    {
        _proposal = null;
        _viewMayBeDue = true;
        _unanswered = 0;
        Disarm(ProposalTimer);
        EndSwitchover();
        ConcludeForced();
        if (_change is not { } change)
            return;
        if (_view.Membership!.Equals(change.Target))
            EndChange(null);
        else if (_part != Part.Primary)
            EndChange(new Rejection(RejectReason.NotLeader, Leader: Leader, Detail: "primacy was lost before the members changed"));
        else
            change.IsProposed = false;
    }

    // ---- members ----

    private IEnumerable<ViewMember> MembersOf(Membership target) => target.Members
        .Select(id => (_view.Find(id) ?? new ViewMember(id, InSync: false)) with { ReadOnly = target.Learners.Contains(id) });

    private protected override Rejection? WhyNoMembers(Membership next, long deadline)
    {
        if (next.Voters.Contains(Self))
            return null;
        if (BestSuccessor(id => next.Voters.Contains(id)) is not { } successor)
            return new Rejection(RejectReason.NoQuorum, Detail: $"none of {string.Join(", ", next.Voters)} can take over from {Self}, which is to leave");
        BeginSwitchover(successor, requestId: 0, deadline);
        return new Rejection(RejectReason.NotLeader, Leader: successor, Detail: $"{Self} is to leave and gives its place to {successor} first");
    }

    private protected override Rejection? WhyNoControl(in ClientRequest request)
    {
        if (request.Deadline <= _now.Monotonic)
            return new Rejection(RejectReason.NoQuorum, Detail: "the deadline had passed before the request was taken");
        if (_part != Part.Primary)
            return new Rejection(RejectReason.NotLeader, Leader: Leader);
        return _switchover is { } switchover ? new Rejection(RejectReason.NotLeader, Leader: switchover.To, Detail: "primacy is being handed over") : null;
    }

    private void CancelControl(HashSet<long> ids)
    {
        CancelChange(ids);
        if (_switchover is { } switchover && ids.Contains(switchover.RequestId))
            switchover.RequestId = 0;
        if (_forced is { } forced && ids.Contains(forced.RequestId))
            _forced = (0, NotArmed);
    }

    private long ExpireControl(long now)
    {
        long next = Math.Min(ExpireSwitchover(now), ExpireForced(now));
        return Math.Min(next, ExpireChange(now, "too few of those who stay have everything that was acknowledged"));
    }
}
