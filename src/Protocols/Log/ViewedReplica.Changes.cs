using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>Orders about the shard's members and its leader, one of a kind at a time, and the commands that wait meanwhile.</summary>
public abstract partial class ViewedReplica
{
    private protected readonly List<ClientRequest> _held = [];
    private protected MemberChange? _change;

    private protected sealed class MemberChange(long requestId, Membership target, long deadline)
    {
        /// <summary>0: nobody waits any more.</summary>
        public long RequestId { get; set; } = requestId;
        public Membership Target => target;
        public long Deadline => deadline;
        public bool IsProposed { get; set; }
    }

    /// <summary>What holds for changes and transfers alike.</summary>
    private protected abstract Rejection? WhyNoControl(in ClientRequest request);

    /// <summary>Why the shard cannot have these members; null: it can.</summary>
    private protected abstract Rejection? WhyNoMembers(Membership next, long deadline);

    private protected override void TakeChange(in ClientRequest request)
    {
        if (WhyNoChange(request, out Membership? target) is { } why)
        {
            Reject(request.Id, why);
            return;
        }

        _earliestDeadline = Math.Min(_earliestDeadline, request.Deadline);
        _change = new MemberChange(request.Id, target!, request.Deadline);
        _viewMayBeDue = true;
        Report($"members are to be {target}");
    }

    private Rejection? WhyNoChange(in ClientRequest request, out Membership? target)
    {
        target = null;
        if (WhyNoControl(request) is { } why)
            return why;
        if (_change is not null)
            return new Rejection(RejectReason.Overloaded, Detail: $"another change of members is under way: {_change.Target}");
        try
        {
            target = Membership.Decode(request.Payload);
        }
        catch (InvalidDataException problem)
        {
            return new Rejection(RejectReason.Invalid, Detail: problem.Message);
        }

        return target.Witnesses.Count > 0
            ? new Rejection(RejectReason.Invalid, Detail: "such a shard has no witnesses: the control group decides in their place")
            : WhyNoMembers(target, request.Deadline);
    }

    private protected void EndChangeIfDone()
    {
        if (_change is { } change && Members!.Equals(change.Target))
            EndChange(null);
    }

    private protected void EndChange(Rejection? why)
    {
        long request = _change!.RequestId;
        Report(why is { } reason ? $"members do not become {_change.Target}: {reason.Detail}" : $"members are {Members}");
        _change = null;
        Answer(request, why);
    }

    /// <param name="requestId">0: nobody waits.</param>
    /// <param name="why">Null: it is done.</param>
    private protected void Answer(long requestId, Rejection? why)
    {
        if (requestId == 0)
            return;
        if (why is { } reason)
            Reject(requestId, reason);
        else
            _effects.Add(new Effect.Reply(requestId, default));
    }

    private protected void CancelChange(HashSet<long> ids)
    {
        if (_change is { } change && ids.Contains(change.RequestId))
            change.RequestId = 0;
    }

    private protected long ExpireChange(long now, string notProposed)
    {
        if (_change is not { } change)
            return NotArmed;
        if (change.Deadline > now)
            return change.Deadline;
        if (change.IsProposed)
        {
            Answer(change.RequestId, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Leader, "the view with these members is proposed and was not installed in time"));
            change.RequestId = 0;
        }
        else
        {
            EndChange(new Rejection(RejectReason.NoQuorum, Leader: Leader, Detail: notProposed));
        }

        return NotArmed;
    }

    /// <summary>Commands that waited are packed where this replica goes on, and sent on where it does not.</summary>
    private protected void ReleaseHeld()
    {
        if (_held.Count == 0)
            return;
        ClientRequest[] held = [.. _held];
        _held.Clear();
        foreach (ClientRequest command in held)
        {
            if (MayPropose)
                Gather(command);
            else
                Reject(command.Id, new Rejection(RejectReason.NotLeader, Leader: Leader, Detail: $"there is another {LeaderNoun} since the command waits"));
        }

        Pack();
    }

    private protected long ExpireHeld(long now)
    {
        long next = NotArmed;
        _held.RemoveAll(command =>
        {
            if (command.Deadline <= now)
                Reject(command.Id, new Rejection(RejectReason.NoQuorum, Leader: Leader, Detail: $"the command waited for another {LeaderNoun}; nothing was done"));
            else
                next = Math.Min(next, command.Deadline);
            return command.Deadline <= now;
        });
        return next;
    }
}
