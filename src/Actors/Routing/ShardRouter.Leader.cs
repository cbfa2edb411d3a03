using ActorRepl.Actors.Messages;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Routing;

/// <summary>
/// Who leads: the replica of this node says so when it changes, rejections name a leader, and while nobody is known all
/// replicas are asked.
/// </summary>
internal sealed partial class ShardRouter
{
    // Redirections in a row after which it is better to wait for things to settle.
    private const int MaxHops = 3;

    private RouterTarget? _leader;
    private long _term;
    private int _hops;
    private bool _looking;

    private void OnReport(ReplicaReport report)
    {
        if (Find(report.Node) is not { } speaker)
            return;
        speaker.Suspect = report.Status is null;
        speaker.Heard = true;
        speaker.StorageFailed = report.Health == ReplicaHealth.StorageFailed;
        if (_isLeaderless)
        {
            OnMembersReport(report, speaker);
        }
        else if (report.Status is not { } status)
        {
            Doubt(speaker);
        }
        else if (status.Term >= _term)
        {
            speaker.HoldsState = HoldsState(status, report.Node);
            Believe(status.Leader, status.Term, speaker);
            if (status is { Members: { } members, LeavingVoters.Count: 0 } && status.Leader == report.Node)
                Learn(members);
            HearLinks(status, speaker);
        }

        if (_targets.Values.All(target => target.StorageFailed))
            RefuseWaiting(report);
        if (_waiting.Count > 0 || _forTail.Count > 0 || _returned.Count > 0 || _forAny.Count > 0)
            ScheduleFlushOrLook();
    }

    private void RefuseWaiting(ReplicaReport report)
    {
        var why = new Rejection(RejectReason.StorageUnavailable, Detail: report.Detail);
        foreach (Call call in _calls.Values.Where(call => call.SentTo.IsNone).ToArray())
            Fail(call, why);
    }

    private void Believe(ReplicaId node, long term, RouterTarget speaker)
    {
        if (Find(node) is not { } leader)
        {
            if (term > _term)
                SetLeader(null, term);
            return;
        }

        // A new term is news even of a suspect; in an old one only its own word clears it.
        if (leader.Suspect && !ReferenceEquals(leader, speaker) && term <= leader.LedTerm)
            return;
        leader.LedTerm = Math.Max(leader.LedTerm, term);
        SetLeader(leader, term);
    }

    private void SetLeader(RouterTarget? leader, long term)
    {
        RouterTarget? before = _leader;
        _leader = leader;
        _term = term;
        if (leader is null || ReferenceEquals(before, leader))
            return;
        _hops = 0;
        _looks = 0;
        _backoff.Reset();
        WakeResting();
        if (!_readsAtTail)
            ReturnReadsFrom(leader);
    }

    // Reads have no effect, so those that went to a former leader, or tail, need not wait for its answer.
    private void ReturnReadsFrom(RouterTarget reader)
    {
        foreach (Call call in _calls.Values)
        {
            if (!HasEffect(call) && !call.IsForAny && !call.SentTo.IsNone && call.SentTo != reader.Node)
                Return(call, new Rejection(RejectReason.NotLeader));
        }
    }

    private void OnNotLeader(RouterTarget source, ReplicaId hint)
    {
        if (!ReferenceEquals(_leader, source) && _leader is not null)
            return;
        _leader = hint != source.Node && Find(hint) is { Suspect: false } named && ++_hops <= MaxHops ? named : null;
    }

    private void OnPeer(RouterTarget target, bool up)
    {
        target.Heard = up || target.Local;
        if (up)
            target.Suspect = false;
        else
            OnLost(target.Node, long.MaxValue, $"{target.Node} went away");
    }

    private void ScheduleFlushOrLook()
    {
        if (_isLeaderless)
        {
            ScheduleFlush();
            return;
        }

        if (_leader is not null || Reader is not null || _returned.Any(call => call.IsForAny))
            ScheduleFlush();
        if (_leader is null || Reader is null)
            ScheduleLook();
    }

    private void ScheduleLook()
    {
        if (_looking)
            return;
        _looking = true;
        Context.System.Scheduler.ScheduleTellOnce(_backoff.Next(), _self, LookForLeader.Instance, ActorRefs.NoSender);
    }

    private void OnLookForLeader()
    {
        _looking = false;
        _hops = _tailHops = 0;
        WakeResting();
        if (_isLeaderless)
        {
            LookForMembers();
            return;
        }

        if (_leader is not null && Reader is not null)
        {
            ScheduleFlush();
            return;
        }

        if (_calls.Count == 0)
            return;
        // A term that was reported may have died with a replica before it was durable: only what is said from now on counts. An epoch is
        // the control group's, and does not die.
        if (!_readsAtTail)
            _term = 0;
        if (++_looks % LooksBeforeAskingAll == 0)
            FindAll();
        var question = new GetReplicaStatus(_group.Name, _shard);
        foreach (RouterTarget target in _targets.Values)
            target.Supervisor.Tell(question, _self);
        ScheduleLook();
    }
}
