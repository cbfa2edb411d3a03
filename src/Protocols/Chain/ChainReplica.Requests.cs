using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Chain;

/// <summary>Which client requests are taken, and what becomes of those that wait.</summary>
public sealed partial class ChainReplica
{
    private protected override void Expect(in ClientRequest request)
    {
        // One that stays behind says so while there is time left to ask the tail.
        long deadline = request.Kind == RequestKind.SessionRead && !IsTail ? SessionReads.PatienceOf(request, _now.Monotonic) : request.Deadline;
        _earliestDeadline = Math.Min(_earliestDeadline, deadline);
        if (request.Kind == RequestKind.SessionRead)
            _sessionReads.Add(request with { Deadline = deadline });
        else if (request.Kind != RequestKind.Command)
            _reads.Add(request);
        else if (_switchover is not null)
            _held.Add(request);
        else
            Gather(request);
    }

    private protected override Rejection? WhyNot(in ClientRequest request)
    {
        if ((TooLate(request) ?? TooMany(WaitingCommands + _held.Count + _reads.Waiting + _sessionReads.Waiting)) is { } why)
            return why;
        return request.Kind switch
        {
            RequestKind.Command => WhyNoCommand(request),
            RequestKind.Read or RequestKind.StaleRead or RequestKind.FollowerRead or RequestKind.BoundedRead or RequestKind.SessionRead => WhyNoRead(request),
            _ => UnknownKind(request),
        };
    }

    private Rejection? WhyNoCommand(in ClientRequest command)
    {
        if (!Orders)
            return new Rejection(RejectReason.NotLeader, Leader: Head, Detail: "the head takes commands");
        if (TooLarge(command) is { } tooLarge)
            return tooLarge;
        if (!command.Concern.IsDefault)
            return new Rejection(RejectReason.Invalid, Detail: "a chain acknowledges every command in one way: when it is on the disk of every link");
        // Cut off at the last beat and confirmed since: the next beat will tell, and the command is asked again by then.
        if (IsCutOff || _modes is { MayNotLead: true })
            return CutOff;
        if (_view.Links.Length < _options.MinLinksToWrite)
            return new Rejection(RejectReason.NoQuorum, Detail: $"the chain has {_view.Links.Length} links; it takes {_options.MinLinksToWrite} to write");
        return _modes is { TakesCommands: false } modes
            ? new Rejection(RejectReason.NoQuorum, Detail: $"the shard takes no commands at its floor: {modes.Reason}")
            : NoRoom();
    }

    private protected override void Cancel(HashSet<long> ids)
    {
        _held.RemoveAll(command => ids.Contains(command.Id));
        _sessionReads.RemoveWhere(read => ids.Contains(read.Id));
        CancelControl(ids);
    }

    private protected override long Expire(long now)
    {
        long next = Math.Min(_commands.Expire(now, _rejectExpired), ExpireHeld(now));
        return Math.Min(next, Math.Min(ExpireReads(now), ExpireControl(now)));
    }
}
