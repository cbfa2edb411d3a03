using System.Diagnostics;
using ActorRepl.Actors.Messages;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Routing;

/// <summary>What comes back: results, rejections that mean another try, losses, and deadlines.</summary>
internal sealed partial class ShardRouter
{
    private readonly List<Call> _overdue = [];

    private void OnReplies(ReplyBatch batch)
    {
        if (!_targets.TryGetValue(batch.From, out RouterTarget? target))
            return;
        target.Suspect = false;
        target.Heard = true;
        target.StorageFailed = false;
        foreach (ref readonly RoutedReply reply in batch.Replies.AsSpan())
        {
            if (!_calls.TryGetValue(reply.Id, out Call? call) || call.SentTo != batch.From)
                continue;
            if (reply.Rejection is not { } why)
                OnResult(target, call, reply.Result, batch.Applied);
            else if (batch.ReplicaDown)
                OnReplicaDown(target, call, why);
            else
                OnRejected(target, call, why);
        }

        if (_returned.Count > 0)
            ScheduleFlushOrLook();
    }

    private void OnResult(RouterTarget target, Call call, ReadOnlyMemory<byte> result, LogPosition seen)
    {
        // How long a session's read waits says how far the replica is behind, not how near it is.
        if ((_isLeaderless ? !HasEffect(call) : call.IsForAny) && call.Kind != RequestKind.SessionRead)
            target.Answered(Stopwatch.GetElapsedTime(call.SentAt));
        Complete(call, result, seen);
    }

    private void OnRejected(RouterTarget target, Call call, in Rejection why)
    {
        if (_isLeaderless)
        {
            OnRejectedByMember(target, call, why);
            return;
        }

        // A replica that cannot confirm a linearizable read may be cut off for long, and would be the nearest again.
        bool isUnconfirmed = why.Reason == RejectReason.Unavailable && call.Kind == RequestKind.FollowerRead && !ReferenceEquals(target, Reader);
        if (call.IsForAny && (isUnconfirmed || why.Reason is RejectReason.TooStale or RejectReason.HistoryLost or RejectReason.NotLeader))
        {
            OnUnfit(target, call, why);
            return;
        }

        bool passing = why.Reason is RejectReason.NotLeader or RejectReason.Unavailable or RejectReason.Dropped;
        bool harmless = !why.OutcomeUnknown || !HasEffect(call);
        if (!passing || !harmless)
        {
            Fail(call, why);
            return;
        }

        Return(call, why);
        if (why.Reason == RejectReason.NotLeader)
            OnElsewhere(target, call, why.Leader);
        else if (why.Reason == RejectReason.Unavailable)
            Doubt(target);
    }

    /// <summary>Another replica is the one to ask, perhaps this one.</summary>
    private void OnElsewhere(RouterTarget target, Call call, ReplicaId hint)
    {
        if (IsForTail(call))
            OnNotTail(target, hint);
        else
            OnNotLeader(target, hint);
    }

    private void OnReplicaDown(RouterTarget target, Call call, in Rejection why)
    {
        target.Suspect = true;
        target.StorageFailed = why.Reason == RejectReason.StorageUnavailable;
        Doubt(target);
        if (_targets.Values.All(each => each.StorageFailed))
            Fail(call, why);
        else
            Return(call, why);
    }

    /// <summary>The node or the replica is gone: what it was sent up to that batch may or may not have been done.</summary>
    private void OnLost(ReplicaId node, long lastBatch, string what)
    {
        if (!_targets.TryGetValue(node, out RouterTarget? target))
            return;
        target.Suspect = true;
        Doubt(target);
        foreach (Call call in _calls.Values.Where(call => call.SentTo == node && call.Batch <= lastBatch).ToArray())
        {
            var why = new Rejection(RejectReason.Unavailable, IsUncertain(call), Detail: what);
            if (why.OutcomeUnknown)
                Fail(call, why);
            else
                Return(call, why);
        }

        if (_returned.Count > 0 || _waiting.Count > 0 || _forTail.Count > 0 || _forMembers.Count > 0)
            ScheduleFlushOrLook();
    }

    /// <summary>The call waits again.</summary>
    private void Return(Call call, in Rejection why)
    {
        call.SentTo = ReplicaId.None;
        call.LastRejection = why;
        _returned.Add(call);
    }

    // Rarely needed, so it may cost a sort: what came back goes in front, in the order of arrival.
    private void TakeBackReturned()
    {
        if (_returned.Count == 0)
            return;
        Call[] back = [.. _returned.Where(IsWaiting)];
        _returned.Clear();
        if (_isLeaderless)
        {
            _forMembers = InOrder(_forMembers, back);
            return;
        }

        _forAny.AddInFront([.. back.Where(call => call.IsForAny)]);
        _waiting = InOrder(_waiting, back.Where(call => !call.IsForAny && !IsForTail(call)));
        _forTail = InOrder(_forTail, back.Where(call => !call.IsForAny && IsForTail(call)));
    }

    private Queue<Call> InOrder(Queue<Call> waiting, IEnumerable<Call> back) => new(back.Concat(waiting.Where(IsWaiting)).OrderBy(call => call.Id));

    private string WhoIsAsked(Call call)
    {
        if (_isLeaderless)
            return WhichMembers();
        if (!IsForTail(call))
            return _leader is { } leader ? $"{leader.Node} leads" : "no leader is known";
        return _tail is { } tail ? $"{tail.Node} is the tail" : "no tail is known";
    }

    private void ScheduleDeadlineCheck()
    {
        if (_checking || _calls.Count == 0)
            return;
        _checking = true;
        Context.System.Scheduler.ScheduleTellOnce(_settings.Router.DeadlineCheck, _self, CheckDeadlines.Instance, ActorRefs.NoSender);
    }

    private void OnCheckDeadlines()
    {
        _checking = false;
        long now = Environment.TickCount64;
        foreach (Call call in _calls.Values)
        {
            if (call.Deadline <= now)
                _overdue.Add(call);
        }

        foreach (Call call in _overdue)
            OnOverdue(call);
        _overdue.Clear();
        AskWhoIsUnheard(now);
        ScheduleDeadlineCheck();
    }

    private void OnOverdue(Call call)
    {
        string whom = WhoIsAsked(call);
        // A leader or tail that has not answered by the deadline may be gone without a word.
        RouterTarget? final = _isLeaderless ? _targets.GetValueOrDefault(call.SentTo) : IsForTail(call) ? _tail : _leader;
        if (final is { Local: false } asked && call.SentTo == asked.Node)
        {
            asked.Suspect = true;
            Doubt(asked);
            ScheduleLook();
        }

        RejectReason reason = call.LastRejection?.Reason is RejectReason.StorageUnavailable or RejectReason.TooStale
            ? call.LastRejection.Value.Reason
            : RejectReason.NoQuorum;
        string last = call.LastRejection is { Detail.Length: > 0 } rejection ? $"; last heard: {rejection.Detail}" : "";
        Fail(call, new Rejection(reason, IsUncertain(call), Detail: $"{Place} did not answer within {call.TimeoutMillis} ms, {whom}{last}"));
    }

    private void OnCancel(CancelCall cancel)
    {
        Call call = cancel.Call;
        if (call.Use != cancel.Use || !_calls.TryGetValue(call.Id, out Call? known) || !ReferenceEquals(known, call))
            return;
        Forget(call);
        call.Cancel();
    }
}
