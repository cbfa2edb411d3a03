using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>Which client requests are taken, what each command asks for, and what becomes of those that wait.</summary>
public sealed partial class PrimaryBackupReplica
{
    private readonly List<(int Count, Ask Ask)> _gathered = [];

    private protected override void Expect(in ClientRequest request)
    {
        // A backup that stays behind says so while there is time left to ask the primary.
        long deadline = request.Kind == RequestKind.SessionRead && _part != Part.Primary ? SessionReads.PatienceOf(request, _now.Monotonic) : request.Deadline;
        _earliestDeadline = Math.Min(_earliestDeadline, deadline);
        if (request.Kind == RequestKind.SessionRead)
            _sessionReads.Add(request with { Deadline = deadline });
        else if (request.Kind != RequestKind.Command)
            _reads.Add(request);
        else if (HoldsCommands)
            _held.Add(request);
        else
            Gather(request);
    }

    private protected override Rejection? WhyNot(in ClientRequest request)
    {
        if ((TooLate(request) ?? TooMany(WaitingCommands + _held.Count + _reads.Waiting + _sessionReads.Count)) is { } why)
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
        if (_part != Part.Primary)
            return new Rejection(RejectReason.NotLeader, Leader: Leader);
        if ((TooLarge(command) ?? WhyNoConcern(command.Concern)) is { } unfit)
            return unfit;
        // Cut off at the last beat and confirmed since: the next beat will tell, and the command is asked again by then.
        if (IsCutOff || (_begun && _modes is { MayNotLead: true }))
            return CutOff;
        return TooFewKeepUp() ?? NoRoom();
    }

    private Rejection? WhyNoConcern(in WriteConcern concern)
    {
        if (concern.IsDefault)
            return null;
        if (concern.Level > AckLevel.Quorum || concern.Reach > AckReach.Applied || concern.OnTimeout > OnAckTimeout.Refuse || concern.TimeoutMillis < 0)
            return new Rejection(RejectReason.Invalid, Detail: $"the write concern {concern} is unknown");
        int others = _view.VoterCount - 1;
        return concern.Level == AckLevel.SemiSync && concern.Backups > others
            ? new Rejection(RejectReason.Invalid, Detail: $"{concern.Backups} backups are asked for; the shard has {others}")
            : null;
    }

    /// <summary>What a command asks for, what it leaves open filled in by the group.</summary>
    private Ask Resolve(in WriteConcern concern)
    {
        WriteConcern group = _options.Concern;
        AckLevel level = concern.Level == AckLevel.Default ? group.Level : concern.Level;
        int backups = concern.Backups > 0 ? concern.Backups : Math.Max((byte)1, group.Backups);
        AckReach reach = concern.Reach == AckReach.Default ? group.Reach : concern.Reach;
        int timeout = concern.TimeoutMillis > 0 ? concern.TimeoutMillis : group.TimeoutMillis;
        OnAckTimeout then = concern.OnTimeout == OnAckTimeout.Default ? group.OnTimeout : concern.OnTimeout;
        if (level != AckLevel.SemiSync)
            backups = 0;
        // A shard that is made with fewer replicas than the group asks for asks all of them.
        bool isGroupsOwn = concern.Level == AckLevel.Default;
        return new Ask(level, isGroupsOwn ? Math.Min(backups, _view.VoterCount - 1) : backups, reach, timeout * Instant.Millisecond, then == OnAckTimeout.Degrade);
    }

    private protected override void Gather(in ClientRequest command)
    {
        base.Gather(command);
        Ask ask = Resolve(command.Concern);
        if (_gathered.Count > 0 && _gathered[^1].Ask == ask)
            _gathered[^1] = (_gathered[^1].Count + 1, ask);
        else
            _gathered.Add((1, ask));
    }

    private protected override void OnPacked(EntryBatch batch)
    {
        long first = batch.FirstIndex;
        foreach ((int count, Ask ask) in _gathered)
        {
            AddRun(first, first + count - 1, ask);
            first += count;
        }

        _gathered.Clear();
    }

    private void AddRun(long first, long last, in Ask ask)
    {
        bool waits = ask.Level != AckLevel.Async;
        long deadline = waits ? _now.Monotonic + ask.TimeoutMicros : long.MaxValue;
        var run = new AskRun(Epoch, first, last, ask, deadline);
        if (waits && _isDegraded && ask.Degrades)
        {
            // The backups are known not to keep up.
            _degradedAcks += last - first + 1;
            run.GiveUp();
        }

        _asks.Add(run);
        _earliestDeadline = Math.Min(_earliestDeadline, run.Deadline);
    }

    private protected override void Cancel(HashSet<long> ids)
    {
        _held.RemoveAll(command => ids.Contains(command.Id));
        _sessionReads.RemoveAll(read => ids.Contains(read.Id));
        CancelControl(ids);
    }

    private protected override long Expire(long now)
    {
        long next = _asks.Expire(now, _runIsLate);
        next = Math.Min(next, _commands.Expire(now, _rejectExpired));
        next = Math.Min(next, ExpireHeld(now));
        next = Math.Min(next, ExpireReads(now));
        return Math.Min(next, ExpireControl(now));
    }
}
