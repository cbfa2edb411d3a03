using System.Runtime.InteropServices;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// Client requests: the commands of one input become one batch, or a few where they are large. Who waits for a command is told when the
/// log tells (kernel rule 6), or at the deadline that nobody knows.
/// </summary>
public sealed partial class ChainReplica
{
    private readonly PendingCommands _commands = new();
    private readonly List<ReadOnlyMemory<byte>> _payloads = [];
    private readonly List<long> _ids = [];
    private readonly List<long> _deadlines = [];
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

    /// <summary>Why a request is not taken at all; null: it is.</summary>
    private Rejection? WhyNot(in ClientRequest request)
    {
        if (request.Deadline <= _now.Monotonic)
            return new Rejection(RejectReason.NoQuorum, Detail: "the deadline had passed before the request was taken");
        if (_commands.Waiting + _ids.Count + _held.Count + _reads.Waiting + _sessionReads.Waiting >= _options.MaxPendingRequests)
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
        if (!Orders)
            return new Rejection(RejectReason.NotLeader, Leader: Head, Detail: "the head takes commands");
        if (command.Payload.Length > _options.MaxCommandBytes)
            return new Rejection(RejectReason.Invalid, Detail: $"the command has {command.Payload.Length} bytes of {_options.MaxCommandBytes} allowed");
        if (!command.Concern.IsDefault)
            return new Rejection(RejectReason.Invalid, Detail: "a chain acknowledges every command in one way: when it is on the disk of every link");
        // Cut off at the last beat and confirmed since: the next beat will tell, and the command is asked again by then.
        if (IsCutOff || _modes is { MayNotLead: true })
            return CutOff;
        if (_view.Links.Length < _options.MinLinksToWrite)
            return new Rejection(RejectReason.NoQuorum, Detail: $"the chain has {_view.Links.Length} links; it takes {_options.MinLinksToWrite} to write");
        if (_modes is { TakesCommands: false } modes)
            return new Rejection(RejectReason.NoQuorum, Detail: $"the shard takes no commands at its floor: {modes.Reason}");
        if (_storageFull)
            return new Rejection(RejectReason.StorageUnavailable, Detail: "the head's disk is full");
        if (_log.Bytes + _packedBytes > _options.MaxLogBytes)
            return new Rejection(RejectReason.Overloaded, Detail: $"{_log.Bytes} bytes of log wait for a checkpoint");
        return null;
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
    }

    private void Pack()
    {
        if (_payloads.Count == 0)
            return;
        EntryBatch batch = Propose(EntryKind.Command, CollectionsMarshal.AsSpan(_payloads));
        _commands.Add(batch, [.. _ids], [.. _deadlines]);
        _payloads.Clear();
        _ids.Clear();
        _deadlines.Clear();
        _packedBytes = 0;
    }

    private void OnCancel(IReadOnlyList<long> requestIds)
    {
        var ids = new HashSet<long>(requestIds);
        _commands.Cancel(ids);
        _held.RemoveAll(command => ids.Contains(command.Id));
        _sessionReads.RemoveWhere(read => ids.Contains(read.Id));
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
        // What is expired may be looked at anew from here on.
        _earliestDeadline = NotArmed;
        long next = Math.Min(_commands.Expire(now, _rejectExpired), ExpireHeld(now));
        next = Math.Min(next, Math.Min(ExpireReads(now), ExpireControl(now)));
        _earliestDeadline = Math.Min(_earliestDeadline, next);
    }

    private void RejectExpired(long requestId)
    {
        RejectReason reason = _storageFull ? RejectReason.StorageUnavailable : RejectReason.NoQuorum;
        Reject(requestId, new Rejection(reason, OutcomeUnknown: true, Head, "the command is in the log and was not acknowledged in time"));
    }

    private void RejectLost(long requestId) =>
        Reject(requestId, new Rejection(RejectReason.Dropped, Leader: Head, Detail: "a later head's entry took its place in the log"));

    private void RejectPassedOver(long requestId) =>
        Reject(requestId, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Head, "a checkpoint took the place of its entry"));
}
