using System.Runtime.InteropServices;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Client requests: the commands of one input become one batch, or a few where they are large. Who waits for a command
/// is told when the log tells (kernel rule 6), or at the deadline that nobody knows.
/// </summary>
public sealed partial class RaftReplica
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
        List<ClientRequest>? stale = null;
        for (int i = 0; i < batch.Count; i++)
        {
            ClientRequest request = batch[i];
            if (request.Kind == RequestKind.ChangeMembers)
                TakeChange(request);
            else if (request.Kind == RequestKind.Transfer)
                TakeTransfer(request);
            else if (IsServedAtOnce(request))
                (stale ??= []).Add(request);
            else if (WhyNot(request) is { } why)
                Reject(request.Id, why);
            else
                Expect(request);
        }

        Pack();
        if (stale is not null)
            _effects.Add(new Effect.Serve(stale));
    }

    private bool IsServedAtOnce(in ClientRequest request) => request.Deadline > _now.Monotonic && !_hollow
        && (request.Kind == RequestKind.StaleRead
            || (request.Kind == RequestKind.BoundedRead && IsFresh(request.MaxStaleness))
            || (request.Kind == RequestKind.SessionRead && HasSeen(request.AtLeast) == Seen.Yes));

    private void Expect(in ClientRequest request)
    {
        _earliestDeadline = Math.Min(_earliestDeadline, request.Deadline);
        if (request.Kind == RequestKind.SessionRead && _role != RaftRole.Leader)
            WaitForSession(request);
        else if (request.Kind == RequestKind.Read || IsForAnyReplica(request.Kind))
            _reads.Add(request);
        else
            Gather(request);
    }

    /// <summary>Why a command or linearizable read is not taken at all; null: it is.</summary>
    private Rejection? WhyNot(in ClientRequest request)
    {
        if (request.Deadline <= _now.Monotonic)
            return new Rejection(RejectReason.NoQuorum, Detail: "the deadline had passed before the request was taken");
        if (request.Kind == RequestKind.SessionRead && !_hollow && HasSeen(request.AtLeast) == Seen.Lost)
            return HistoryLost(request.AtLeast);
        if (_role != RaftRole.Leader && (_leader.IsNone || _hollow || !IsForAnyReplica(request.Kind)))
            return new Rejection(RejectReason.NotLeader, Leader: _leader);
        if (_commands.Waiting + _ids.Count + _reads.Waiting + _sessionReads.Waiting >= _options.MaxPendingRequests)
            return new Rejection(RejectReason.Overloaded, Detail: $"{_options.MaxPendingRequests} requests are waiting");
        if (request.Kind == RequestKind.Read || IsForAnyReplica(request.Kind))
            return null;
        if (request.Kind != RequestKind.Command)
            return new Rejection(RejectReason.Invalid, Detail: $"request kind {(byte)request.Kind} is unknown");
        if (request.Payload.Length > _options.MaxCommandBytes)
            return new Rejection(RejectReason.Invalid, Detail: $"the command has {request.Payload.Length} bytes of {_options.MaxCommandBytes} allowed");
        if (_handOver is { HoldsCommands: true } handOver)
            return new Rejection(RejectReason.NotLeader, Leader: handOver.To, Detail: "leadership is being handed over");
        if (_storageFull)
            return new Rejection(RejectReason.StorageUnavailable, Detail: "the leader's disk is full");
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
        _reads.RemoveWhere(read => ids.Contains(read.Id));
        _sessionReads.RemoveWhere(read => ids.Contains(read.Id));
        if (_change is { } change && ids.Contains(change.RequestId))
            change.RequestId = 0;
    }

    private void ArmDeadlineTimer()
    {
        if (_earliestDeadline != NotArmed)
            EnsureArmed(DeadlineTimer, Math.Max(_earliestDeadline, _now.Monotonic + _options.DeadlineResolutionMicros));
    }

    private void OnDeadlineTimer()
    {
        long now = _now.Monotonic;
        long nextCommand = _commands.Expire(now, _rejectExpired);
        long nextRead = _reads.RemoveWhere(read =>
        {
            if (read.Deadline > now)
                return false;
            Reject(read.Id, new Rejection(RejectReason.NoQuorum, Leader: _leader, Detail: "the read was not confirmed by a majority and applied in time"));
            return true;
        });
        nextRead = Math.Min(nextRead, ExpireSessionReads(now));
        _earliestDeadline = Math.Min(Math.Min(ExpireChange(now), ExpireTransfer(now)), Math.Min(nextCommand, nextRead));
    }

    private void RejectExpired(long requestId)
    {
        RejectReason reason = _storageFull ? RejectReason.StorageUnavailable : RejectReason.NoQuorum;
        Reject(requestId, new Rejection(reason, OutcomeUnknown: true, _leader, "the command is in the log and was not committed in time"));
    }

    private void RejectLost(long requestId) =>
        Reject(requestId, new Rejection(RejectReason.Dropped, Leader: _leader, Detail: "a later leader's entry took its place in the log"));

    private void RejectPassedOver(long requestId) =>
        Reject(requestId, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, _leader, "a checkpoint took the place of its entry"));
}
