using System.Runtime.InteropServices;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// Client requests: the commands of one input become one batch, or a few where they are large, each with what it asks for. Who waits
/// for a command is told when the log tells (kernel rule 6), or at the deadline that nobody knows.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    private readonly PendingCommands _commands = new();
    private readonly List<ReadOnlyMemory<byte>> _payloads = [];
    private readonly List<long> _ids = [];
    private readonly List<long> _deadlines = [];
    private readonly List<(int Count, Ask Ask)> _gathered = [];
    private readonly Action<long> _rejectLost;
    private readonly Action<long> _rejectPassedOver;
    private readonly Action<long> _rejectExpired;
    private long _packedBytes;
    private long _earliestDeadline = NotArmed;

    private void Take(IReadOnlyList<ClientRequest> batch)
    {
        List<ClientRequest>? now = null;
        for (int i = 0; i < batch.Count; i++)
        {
            ClientRequest request = batch[i];
            if (request.Kind == RequestKind.ChangeMembers)
                TakeChange(request);
            else if (request.Kind == RequestKind.Transfer)
                TakeTransfer(request);
            else if (WhyNot(request) is { } why)
                Reject(request.Id, why);
            else if (IsServedAtOnce(request))
                (now ??= []).Add(request);
            else
                Expect(request);
        }

        Pack();
        if (now is not null)
            _effects.Add(new Effect.Serve(now));
    }

    private void Expect(in ClientRequest request)
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

    /// <summary>Why a request is not taken at all; null: it is.</summary>
    private Rejection? WhyNot(in ClientRequest request)
    {
        if (request.Deadline <= _now.Monotonic)
            return new Rejection(RejectReason.NoQuorum, Detail: "the deadline had passed before the request was taken");
        if (_commands.Waiting + _ids.Count + _held.Count + _reads.Waiting + _sessionReads.Count >= _options.MaxPendingRequests)
            return new Rejection(RejectReason.Overloaded, Detail: $"{_options.MaxPendingRequests} requests are waiting");
        return request.Kind switch
        {
            RequestKind.Command => WhyNoCommand(request),
            RequestKind.Read or RequestKind.StaleRead or RequestKind.FollowerRead or RequestKind.BoundedRead or RequestKind.SessionRead => WhyNoRead(request),
            _ => new Rejection(RejectReason.Invalid, Detail: $"request kind {(byte)request.Kind} is unknown"),
        };
    }

    private Rejection? WhyNoCommand(in ClientRequest command)
    {
        if (_part != Part.Primary)
            return new Rejection(RejectReason.NotLeader, Leader: Leader);
        if (command.Payload.Length > _options.MaxCommandBytes)
            return new Rejection(RejectReason.Invalid, Detail: $"the command has {command.Payload.Length} bytes of {_options.MaxCommandBytes} allowed");
        if (WhyNoConcern(command.Concern) is { } unfit)
            return unfit;
        // Cut off at the last beat and confirmed since: the next beat will tell, and the command is asked again by then.
        if (IsCutOff || (_begun && _modes is { MayNotLead: true }))
            return CutOff;
        if (TooFewKeepUp() is { } tooFew)
            return tooFew;
        if (_storageFull)
            return new Rejection(RejectReason.StorageUnavailable, Detail: "the primary's disk is full");
        if (_log.Bytes + _packedBytes > _options.MaxLogBytes)
            return new Rejection(RejectReason.Overloaded, Detail: $"{_log.Bytes} bytes of log wait for a checkpoint");
        return null;
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

    private void Gather(in ClientRequest command)
    {
        long size = EntryBatch.EntryOverhead + command.Payload.Length;
        if (_packedBytes + size > _options.MaxBatchBytes - EntryBatch.HeaderSize)
            Pack();
        _packedBytes += size;
        _payloads.Add(command.Payload);
        _ids.Add(command.Id);
        _deadlines.Add(command.Deadline);
        Ask ask = Resolve(command.Concern);
        if (_gathered.Count > 0 && _gathered[^1].Ask == ask)
            _gathered[^1] = (_gathered[^1].Count + 1, ask);
        else
            _gathered.Add((1, ask));
    }

    private void Pack()
    {
        if (_payloads.Count == 0)
            return;
        EntryBatch batch = Propose(EntryKind.Command, CollectionsMarshal.AsSpan(_payloads));
        _commands.Add(batch, [.. _ids], [.. _deadlines]);
        long first = batch.FirstIndex;
        foreach ((int count, Ask ask) in _gathered)
        {
            AddRun(first, first + count - 1, ask);
            first += count;
        }

        _payloads.Clear();
        _ids.Clear();
        _deadlines.Clear();
        _gathered.Clear();
        _packedBytes = 0;
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

    private void OnCancel(IReadOnlyList<long> requestIds)
    {
        var ids = new HashSet<long>(requestIds);
        _commands.Cancel(ids);
        _held.RemoveAll(command => ids.Contains(command.Id));
        _sessionReads.RemoveAll(read => ids.Contains(read.Id));
        _reads.RemoveWhere(read => ids.Contains(read.Id));
        CancelControl(ids);
    }

    private void ArmDeadlineTimer()
    {
        if (_earliestDeadline != NotArmed)
            EnsureArmed(DeadlineTimer, Math.Max(_earliestDeadline, _now.Monotonic + _options.DeadlineResolutionMicros));
    }

    private void OnDeadlineTimer()
    {
        long now = _now.Monotonic;
        long next = _asks.Expire(now, _runIsLate);
        next = Math.Min(next, _commands.Expire(now, _rejectExpired));
        next = Math.Min(next, ExpireHeld(now));
        next = Math.Min(next, ExpireReads(now));
        _earliestDeadline = Math.Min(next, ExpireControl(now));
    }

    private void RejectExpired(long requestId)
    {
        RejectReason reason = _storageFull ? RejectReason.StorageUnavailable : RejectReason.NoQuorum;
        Reject(requestId, new Rejection(reason, OutcomeUnknown: true, Leader, "the command is in the log and was not acknowledged in time"));
    }

    private void RejectLost(long requestId) =>
        Reject(requestId, new Rejection(RejectReason.Dropped, Leader: Leader, Detail: "a later primary's entry took its place in the log"));

    private void RejectPassedOver(long requestId) =>
        Reject(requestId, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Leader, "a checkpoint took the place of its entry"));
}
