using System.Runtime.InteropServices;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>
/// Client requests: the commands of one input become one batch, or a few where they are large. Who waits for a command is told when the log tells (kernel
/// rule 6), or at the deadline that nobody knows.
/// </summary>
public abstract partial class LogReplica
{
    private readonly List<ReadOnlyMemory<byte>> _payloads = [];
    private readonly List<long> _ids = [];
    private readonly List<long> _deadlines = [];
    private readonly Action<long> _rejectLost;
    private long _packedBytes;

    private protected readonly PendingCommands _commands = new();
    private protected readonly Action<long> _rejectPassedOver;
    private protected readonly Action<long> _rejectExpired;
    private protected long _earliestDeadline = NotArmed;

    /// <summary>Commands that wait for the log, or are about to.</summary>
    private protected int WaitingCommands => _commands.Waiting + _ids.Count;

    private protected virtual void Take(IReadOnlyList<ClientRequest> batch)
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

    private protected abstract void TakeChange(in ClientRequest request);

    private protected abstract void TakeTransfer(in ClientRequest request);

    /// <summary>Why a command or read is not taken at all; null: it is.</summary>
    private protected abstract Rejection? WhyNot(in ClientRequest request);

    /// <summary>It is a read that the state here answers as it is.</summary>
    private protected abstract bool IsServedAtOnce(in ClientRequest request);

    /// <summary>It waits for something.</summary>
    private protected abstract void Expect(in ClientRequest request);

    private protected Rejection? TooLate(in ClientRequest request) => request.Deadline <= _now.Monotonic
        ? new Rejection(RejectReason.NoQuorum, Detail: "the deadline had passed before the request was taken")
        : null;

    private protected Rejection? TooMany(int waiting) => waiting >= _limits.MaxPendingRequests
        ? new Rejection(RejectReason.Overloaded, Detail: $"{_limits.MaxPendingRequests} requests are waiting")
        : null;

    private protected Rejection? TooLarge(in ClientRequest command) => command.Payload.Length > _limits.MaxCommandBytes
        ? new Rejection(RejectReason.Invalid, Detail: $"the command has {command.Payload.Length} bytes of {_limits.MaxCommandBytes} allowed")
        : null;

    private protected Rejection? NoRoom()
    {
        if (_storageFull)
            return new Rejection(RejectReason.StorageUnavailable, Detail: $"the {LeaderNoun}'s disk is full");
        return _log.Bytes + _packedBytes > _limits.MaxLogBytes
            ? new Rejection(RejectReason.Overloaded, Detail: $"{_log.Bytes} bytes of log wait for a checkpoint")
            : null;
    }

    private protected static Rejection UnknownKind(in ClientRequest request) => new(RejectReason.Invalid, Detail: $"request kind {(byte)request.Kind} is unknown");

    private protected virtual void Gather(in ClientRequest command)
    {
        long size = EntryBatch.EntryOverhead + command.Payload.Length;
        if (_packedBytes + size > _limits.MaxBatchBytes - EntryBatch.HeaderSize)
            Pack();
        _packedBytes += size;
        _payloads.Add(command.Payload);
        _ids.Add(command.Id);
        _deadlines.Add(command.Deadline);
    }

    private protected void Pack()
    {
        if (_payloads.Count == 0)
            return;
        EntryBatch batch = Propose(EntryKind.Command, CollectionsMarshal.AsSpan(_payloads));
        _commands.Add(batch, [.. _ids], [.. _deadlines]);
        OnPacked(batch);
        _payloads.Clear();
        _ids.Clear();
        _deadlines.Clear();
        _packedBytes = 0;
    }

    /// <summary>What was gathered is in the log.</summary>
    private protected virtual void OnPacked(EntryBatch batch)
    {
    }

    private void OnCancel(IReadOnlyList<long> requestIds)
    {
        var ids = new HashSet<long>(requestIds);
        _commands.Cancel(ids);
        _reads.RemoveWhere(read => ids.Contains(read.Id));
        Cancel(ids);
    }

    /// <summary>Nobody waits for these any more, if they are none that the log or a confirmation will answer.</summary>
    private protected abstract void Cancel(HashSet<long> ids);

    private protected void ArmDeadlineTimer()
    {
        if (_earliestDeadline != NotArmed)
            EnsureArmed(DeadlineTimer, Math.Max(_earliestDeadline, _now.Monotonic + _limits.DeadlineResolutionMicros));
    }

    private void OnDeadlineTimer()
    {
        // What is expired may be looked at anew from here on.
        _earliestDeadline = NotArmed;
        long next = Expire(_now.Monotonic);
        _earliestDeadline = Math.Min(_earliestDeadline, next);
    }

    /// <summary>Ends whatever has waited for too long; says when the next one will have.</summary>
    private protected abstract long Expire(long now);

    private void RejectExpired(long requestId)
    {
        RejectReason reason = _storageFull ? RejectReason.StorageUnavailable : RejectReason.NoQuorum;
        Reject(requestId, new Rejection(reason, OutcomeUnknown: true, Leader, "the command is in the log and was not acknowledged in time"));
    }

    private void RejectLost(long requestId) =>
        Reject(requestId, new Rejection(RejectReason.Dropped, Leader: Leader, Detail: $"a later {LeaderNoun}'s entry took its place in the log"));

    private void RejectPassedOver(long requestId) =>
        Reject(requestId, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Leader, "a checkpoint took the place of its entry"));
}
