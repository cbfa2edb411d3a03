using ActorRepl.Actors.Messages;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Routing;

/// <summary>
/// Groups without a leader: any member takes any call, so each goes to this node's replica, or else to the nearest that is believed up. What a member
/// certainly has not done, the next one is asked; what only some members can do goes to the one that is named.
/// </summary>
internal sealed partial class ShardRouter
{
    // So much earlier a coordinator gives up than this router does: its word says who answered and who did not.
    private const int CoordinatorMarginMillis = 50;

    private const int AskUnheardMillis = 1_000;

    private readonly bool _isLeaderless;
    private long _askedUnheardAt;

    private Queue<Call> _forMembers = new();

    private void SendToMembers()
    {
        if (_forMembers.Count == 0)
            return;
        Queue<Call> calls = _forMembers;
        _forMembers = new Queue<Call>();
        if (calls.All(call => call.Goal.IsNone && call.Avoid.IsNone))
        {
            SendToMember(Nearest(others: false, ReplicaId.None), calls);
            return;
        }

        foreach (IGrouping<(ReplicaId Goal, ReplicaId Avoid), Call> alike in calls.GroupBy(call => (call.Goal, call.Avoid)))
        {
            RouterTarget? goal = Find(alike.Key.Goal) is { Suspect: false, Heard: true } named ? named : Nearest(others: false, alike.Key.Avoid);
            SendToMember(goal, new Queue<Call>(alike));
        }
    }

    private void SendToMember(RouterTarget? target, Queue<Call> calls)
    {
        if (target is not null)
            Send(calls, target);
        else
            Rest(calls.Where(IsWaiting));
    }

    private int Remaining(Call call, long now)
    {
        int remaining = (int)Math.Max(1, call.Deadline - now);
        return _isLeaderless ? remaining - Math.Min(remaining / 5, CoordinatorMarginMillis) : remaining;
    }

    /// <summary>Another member is named, or this one cannot now: the next is asked, and after a few of them all, a while later.</summary>
    private void OnRejectedByMember(RouterTarget target, Call call, in Rejection why)
    {
        bool passing = why.Reason is RejectReason.NotLeader or RejectReason.Unavailable or RejectReason.Dropped;
        if (!passing || (why.OutcomeUnknown && HasEffect(call)))
        {
            Fail(call, why);
            return;
        }

        call.Goal = why.Reason == RejectReason.NotLeader && why.Leader != target.Node ? why.Leader : ReplicaId.None;
        call.Avoid = target.Node;
        if (++call.Hops % MaxHops != 0)
        {
            Return(call, why);
            return;
        }

        (call.Goal, call.Avoid) = (ReplicaId.None, ReplicaId.None);
        Rest(call, why);
    }

    private void OnMembersReport(ReplicaReport report, RouterTarget speaker)
    {
        if (report.Status is { Members: { } members } status && status.Term >= _term)
        {
            _term = status.Term;
            if (status.LeavingVoters.Count == 0)
                Learn(members);
            else
                Hear(members);
            speaker.HoldsState = members.Members.Contains(report.Node);
        }

        WakeResting();
        ScheduleFlush();
    }

    private void LookForMembers()
    {
        if (_calls.Count == 0)
            return;
        if (++_looks % LooksBeforeAskingAll == 0)
            FindAll();
        var question = new GetReplicaStatus(_group.Name, _shard);
        foreach (RouterTarget target in _targets.Values)
            target.Supervisor.Tell(question, _self);
        if (_forMembers.Count > 0 || _resting.Count > 0)
            ScheduleLook();
    }

    // An answer, whatever it says, is all that is needed: the question may have come before anybody was there, too.
    private void AskWhoIsUnheard(long now)
    {
        if (now - _askedUnheardAt < AskUnheardMillis)
            return;
        _askedUnheardAt = now;
        foreach (RouterTarget target in _targets.Values)
            AskIfUnheard(target);
    }

    private void AskIfUnheard(RouterTarget target)
    {
        if (_isLeaderless && !target.Heard)
            target.Supervisor.Tell(new GetReplicaStatus(_group.Name, _shard), _self);
    }

    private string WhichMembers()
    {
        RouterTarget[] silent = [.. _targets.Values.Where(target => target.Suspect || !target.Heard).OrderBy(target => target.Node)];
        return silent.Length == 0
            ? $"it has {_targets.Count} members"
            : $"of its {_targets.Count} members {string.Join(", ", silent.Select(target => target.Node))} {(silent.Length == 1 ? "does" : "do")} not answer";
    }
}
