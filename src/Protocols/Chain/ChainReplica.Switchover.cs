using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// Another head, by order: commands wait until all that is on its way is acknowledged and everybody here is answered, then the same links are proposed in
/// another order. No command fails: what waited is sent on. A link that is about to stop leaves the chain instead.
/// </summary>
public sealed partial class ChainReplica
{
    private const int LeavesFor = 5;

    private SwitchoverState? _switchover;

    private sealed class SwitchoverState(ReplicaId to, bool leaves, long requestId, long deadline)
    {
        public ReplicaId To => to;

        /// <summary>The old head is no link afterwards.</summary>
        public bool Leaves => leaves;
        public long RequestId { get; set; } = requestId;

        /// <summary>If the next view is not in force by then, everything goes on as before.</summary>
        public long Deadline => deadline;
        public bool IsProposed { get; set; }
    }

    private protected override void OnHandOver(ReplicaId to)
    {
        if (!Acts || _switchover is not null)
            return;
        if (!IsHead)
        {
            // It stops: the chain is not to wait for it.
            _leavesUntil = _now.Monotonic + LeavesFor * _options.SwitchoverMicros;
            _viewMayBeDue = true;
        }
        else if (Successor(to) is { } successor)
        {
            BeginSwitchover(successor, leaves: to.IsNone, requestId: 0, _now.Monotonic + _options.SwitchoverMicros);
        }
        else
        {
            Report(to.IsNone ? "nobody to hand over to" : $"cannot hand over to {to}: it is no link that answers");
        }
    }

    private protected override void TakeTransfer(in ClientRequest request)
    {
        bool isOrder = TransferOrder.TryRead(request.Payload.Span, out ReplicaId to, out bool isForced);
        if (to == Self && IsHead)
            Answer(request.Id, null);
        else if (WhyNoControl(request) is { } why)
            Reject(request.Id, why);
        else if (!isOrder || isForced)
            Reject(request.Id, new Rejection(RejectReason.Invalid, Detail: isForced
                ? "a chain has no forced transfer: any link that is left takes over by itself"
                : $"a transfer names a replica in 4 bytes, 0 for whoever is best; these are {request.Payload.Length}"));
        else if (Successor(to) is { } successor)
            BeginSwitchover(successor, leaves: false, request.Id, request.Deadline);
        else
            Reject(request.Id, new Rejection(RejectReason.NoQuorum, Detail: to.IsNone ? "there is no other link that answers" : $"{to} cannot be the head: the chain is {string.Join(" > ", _view.Links)}"));
    }

    /// <summary>The one that was asked for or, if none was, the next link; null: it is none that answers.</summary>
    private ReplicaId? Successor(ReplicaId to)
    {
        foreach (ReplicaId id in _view.Links)
        {
            if (id != Self && (to.IsNone || id == to) && !IsToGo(id))
                return id;
        }

        return null;
    }

    private void BeginSwitchover(ReplicaId to, bool leaves, long requestId, long deadline)
    {
        Report($"hands over to {to}");
        _switchover = new SwitchoverState(to, leaves, requestId, Math.Min(deadline, _now.Monotonic + _options.SwitchoverMicros));
        _earliestDeadline = Math.Min(_earliestDeadline, _switchover.Deadline);
    }

    private void ContinueSwitchover()
    {
        if (_switchover is not { } switchover || !IsHead)
            return;
        // Who waits here is answered first.
        bool isDone = _commit >= _log.LastIndex && _applied >= _log.LastIndex;
        if (!isDone || IsToGo(switchover.To) || (switchover.Leaves && !OthersGoOn))
            return;
        ReplicaId[] others = [.. _view.Links.Where(id => id != switchover.To && !(switchover.Leaves && id == Self))];
        if (TryPropose(ChainView.Create(Epoch + 1, [switchover.To, .. others], _view.Members)))
            switchover.IsProposed = true;
    }

    /// <summary>A later view is in force.</summary>
    private void EndSwitchover()
    {
        if (_switchover is not { } switchover)
            return;
        if (switchover.Leaves && !_view.IsLink(Self))
            _leavesUntil = _now.Monotonic + LeavesFor * _options.SwitchoverMicros;
        _switchover = null;
        Answer(switchover.RequestId, _view.Head == switchover.To
            ? null
            : new Rejection(RejectReason.NoQuorum, Leader: Head, Detail: $"{_view.Head} is the head now instead of {switchover.To}"));
        ReleaseHeld();
    }

    private long ExpireSwitchover(long now)
    {
        if (_switchover is not { } switchover)
            return NotArmed;
        if (switchover.Deadline > now)
            return switchover.Deadline;
        // A view that was proposed may yet come into force; nothing binds this head to it.
        Report($"stays the head: {switchover.To} did not take over in time");
        _switchover = null;
        Answer(switchover.RequestId, new Rejection(RejectReason.NoQuorum, switchover.IsProposed, Self, "another head was not agreed on in time"));
        ReleaseHeld();
        return NotArmed;
    }
}
