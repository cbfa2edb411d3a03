using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;

namespace ActorRepl.Protocols.Quorum;

/// <summary>What clients ask, and what the store answers.</summary>
public sealed partial class QuorumReplica
{
    // Keys at a time, each of which may have some MB.
    private const int MostLookedUp = 64;

    private readonly Dictionary<long, Operation> _operations = [];
    private readonly KeyPrints _prints = new();
    // Those of them that have no answer yet.
    private int _open;
    private readonly Dictionary<long, Awaited> _awaited = [];

    /// <summary>For what the store was asked.</summary>
    private abstract record Awaited
    {
        /// <summary>As it stands once this is applied.</summary>
        public sealed record Standing(long Index) : Awaited;

        public sealed record Writes(IReadOnlyList<(WriteOperation Write, QuorumRequest Request)> List) : Awaited;

        public sealed record Reads(IReadOnlyList<ReadOperation> List) : Awaited;

        public sealed record PeerReads(ReplicaId From, IReadOnlyList<Parcel> Keys) : Awaited;

        public sealed record PeerAsks(ReplicaId From, IReadOnlyList<AskedKey> Keys) : Awaited;

        public sealed record Claims(List<CoverClaim> List) : Awaited;

        public sealed record Hints(ReplicaId Owner) : Awaited;

        public sealed record Deleted : Awaited;

        public sealed record PeerCompares(ReplicaId From) : Awaited;

        public sealed record Judged(Repair Repair) : Awaited;

        public sealed record Listed(Repair Repair) : Awaited;

        public sealed record Offered(Repair Repair, IReadOnlyList<UInt128> Prints) : Awaited;

        public sealed record Unfinished : Awaited;

        public sealed record Prepared(ReplicaId From, long Token, Ballot Ballot) : Awaited;

        public sealed record Proposed(ReplicaId From, long Token, Ballot Ballot) : Awaited;

        public sealed record PeerStreams(ReplicaId From, long Token) : Awaited;

        public sealed record PeerExchanges(ReplicaId From, long Token, bool TookAll) : Awaited;
    }

    private void Lookup(StoreQuery query, Awaited awaited, Effects effects)
    {
        long token = NextToken();
        _awaited[token] = awaited;
        effects.Add(new Effect.Lookup(token, query.ToBytes()));
    }

    /// <summary>Once all that was taken so far is durable and applied.</summary>
    private void LookupOnceApplied(StoreQuery query, Awaited awaited, Effects effects)
    {
        if (NextIndex - 1 <= _appliedIndex)
            Lookup(query, awaited, effects);
        else
            _onceApplied.Enqueue((NextIndex - 1, query, awaited));
    }

    private void LookedUp(long token, ReadOnlyMemory<byte> result, in Instant now, Effects effects)
    {
        bool isAwaited = _awaited.Remove(token, out Awaited? awaited);
        Invariant.That(isAwaited, "the store answers what it was asked");
        switch (awaited!)
        {
            case Awaited.Standing asked:
                _standingIndex = asked.Index;
                TakeStanding(StoreStanding.Decode(result));
                ConsiderAbsence(now, effects);
                ConsiderWhole(effects);
                break;
            case Awaited.Writes writes:
                (ReadOnlyMemory<byte>, KeyVersions Versions)[] before = KeyList.Decode(result);
                for (int i = 0; i < before.Length; i++)
                    Coordinate(writes.List[i].Write, writes.List[i].Request, before[i].Versions, now, effects);
                break;
            case Awaited.Reads reads:
                (ReadOnlyMemory<byte>, KeyVersions Versions)[] found = KeyList.Decode(result);
                for (int i = 0; i < found.Length; i++)
                    Answered(reads.List[i], Self, found[i].Versions, effects);
                break;
            case Awaited.PeerReads peer:
                (ReadOnlyMemory<byte>, KeyVersions Versions)[] own = KeyList.Decode(result);
                var answers = new List<Parcel>(own.Length);
                for (int i = 0; i < own.Length; i++)
                    answers.Add(peer.Keys[i] with { Versions = own[i].Versions });
                foreach (IReadOnlyList<Parcel> some in InParts(answers, effects))
                    Tell(peer.From, new GetAnswer(some), effects);
                break;
            case Awaited.PeerAsks peer:
                AnswerAsk(peer.From, peer.Keys, result, effects);
                break;
            case Awaited.Claims claims:
                AnswerClaims(claims.List, new UncoveredList(result), effects);
                break;
            case Awaited.Unfinished:
                FinishOthers(PaxosList.Decode(result), now, effects);
                break;
            case Awaited.Prepared or Awaited.Proposed:
                AnswerPaxos(awaited!, result, now, effects);
                break;
            case Awaited.PeerStreams peer:
                StreamSlice slice = StreamSlice.Decode(result);
                Tell(peer.From, new Streamed(peer.Token, slice.Next, slice.After, slice.Total, slice.TotalBytes, slice.Floor, slice.Items), effects);
                break;
            case Awaited.Hints hints:
                Deliver(hints.Owner, KeyList.Decode(result), now, effects);
                break;
            case Awaited.Deleted:
                Purge(DeletedKeys.Decode(result));
                break;
            default:
                RepairLookedUp(awaited!, result, now, effects);
                break;
        }
    }

    private void TakeStanding(StoreStanding standing)
    {
        _standing = standing;
        _comingHintBytes = 0;
        // What came before this start.
        if (standing.View is { } view && view.Epoch == Epoch)
            _copied.UnionWith(standing.Copied);
    }

    private void Take(IReadOnlyList<ClientRequest> batch, in Instant now, Effects effects)
    {
        var writes = new List<(WriteOperation Write, QuorumRequest Request)>();
        var reads = new List<ReadOperation>();
        foreach (ClientRequest request in batch)
        {
            if (request.Kind == RequestKind.ChangeMembers)
                TakeChange(request, now, effects);
            else if (request.Kind == RequestKind.Repair)
                TakeRepair(request, now, effects);
            else if (request.Deadline <= now.Monotonic)
                // Nobody waits for it any more; what is begun now might come after what its client did instead.
                effects.Add(new Effect.Reject(request.Id, new Rejection(RejectReason.NoQuorum, Detail: "its time had passed when its coordinator came to it")));
            else
                Take(request, writes, reads, now, effects);
        }

        CoordinateAll(writes, effects);
        if (reads.Count == 0)
            return;
        ReadOperation[] here = [.. reads.Where(read => read.Owners.MayRead(Self) && !IsRebuilding)];
        foreach (ReadOperation[] some in here.Chunk(MostLookedUp))
            Lookup(new StoreQuery.Keys([.. some.Select(read => read.Key)]), new Awaited.Reads(some), effects);
        foreach (ReadOperation read in reads)
            AskOwners(read);
    }

    /// <summary>What is here of their keys decides how they are written.</summary>
    private void CoordinateAll(List<(WriteOperation Write, QuorumRequest Request)> writes, Effects effects)
    {
        foreach ((WriteOperation Write, QuorumRequest Request)[] some in writes.Chunk(MostLookedUp))
            Lookup(new StoreQuery.Keys([.. some.Select(each => each.Write.Key)]), new Awaited.Writes(some), effects);
    }

    private void Take(in ClientRequest asked, List<(WriteOperation Write, QuorumRequest Request)> writes, List<ReadOperation> reads, in Instant now, Effects effects)
    {
        QuorumRequest[] requests;
        bool isBatch = QuorumBatch.Is(asked.Payload);
        try
        {
            requests = isBatch ? QuorumBatch.Decode(asked.Payload) : [QuorumRequest.Decode(asked.Payload)];
        }
        catch (InvalidDataException wrong)
        {
            effects.Add(new Effect.Reject(asked.Id, Invalid(wrong.Message)));
            return;
        }

        PendingBatch? batch = isBatch ? new PendingBatch(asked.Id, requests.Length) : null;
        for (int i = 0; i < requests.Length; i++)
        {
            Operation operation = Begin(asked, requests[i], batch, i, now, out Rejection? refusal);
            if (refusal is { } why)
            {
                Refuse(operation, why, effects);
                continue;
            }

            Follow(operation, now, effects);
            if (operation is WriteOperation { Inquiry: null } write)
                writes.Add((write, requests[i]));
            else if (operation is WriteOperation replacing)
                Inquire(replacing);
            else if (operation is ReadOperation read)
                reads.Add(read);
            else
                BeginSerial((SerialOperation)operation, now, effects);
        }
    }

    private Operation Begin(in ClientRequest asked, QuorumRequest request, PendingBatch? batch, int place, in Instant now, out Rejection? refusal)
    {
        KeyOwners owners = _placement.Of(request.Key);
        ConsistencyLevel chosen = !request.Level.IsDefault ? request.Level : asked.Level;
        ConsistencyLevel level = !chosen.IsDefault ? chosen : request.IsWrite ? _options.Write : _options.Read;
        refusal = Refusal(asked, request, level, owners, now);
        // The buffer that they came in is the host's.
        byte[] key = request.Key.ToArray();
        if (request.IsConditional || level.Kind == ConsistencyKind.Serial)
            return new SerialOperation(NextToken(), asked.Id, key, owners, level, request, asked.Deadline) { Batch = batch, Place = place };
        if (!request.IsWrite)
            return new ReadOperation(NextToken(), asked.Id, key, owners, level, asked.Deadline) { Batch = batch, Place = place };
        Inquiry? inquiry = refusal is null ? InquiryOf(request, chosen, owners) : null;
        bool isAtOnce = inquiry is not null && MayBeginAtOnce(request, inquiry, level, owners, now);
        return new WriteOperation(NextToken(), asked.Id, key, owners, level, request.DurableAcks, asked.Deadline)
        {
            Batch = batch,
            Place = place,
            IsBlind = request.Replace && batch is not null,
            Inquiry = isAtOnce ? null : inquiry,
            Covering = isAtOnce ? new Covering(request, inquiry!.Level) : null,
            IsOwnEnough = inquiry is null && IsOwnEnough(request, level, owners),
        };
    }

    /// <summary>An answer to whoever asks, if anybody does.</summary>
    private void Answer(Operation operation, QuorumReply reply, Effects effects)
    {
        if (operation.Batch is { } batch)
            Answer(batch, operation, new QuorumPart(reply, default), effects);
        else if (operation.RequestId != 0)
            effects.Add(new Effect.Reply(operation.RequestId, reply.ToBytes()));
    }

    private void Refuse(Operation operation, in Rejection why, Effects effects)
    {
        if (operation.Batch is { } batch)
            Answer(batch, operation, new QuorumPart(null, why), effects);
        else if (operation.RequestId != 0)
            effects.Add(new Effect.Reject(operation.RequestId, why));
    }

    private void Answer(PendingBatch batch, Operation operation, in QuorumPart part, Effects effects)
    {
        if (!batch.Take(operation.Place, part, operation is not ReadOperation))
            return;
        if (batch.Refusal is { } refusal)
            effects.Add(new Effect.Reject(batch.RequestId, refusal));
        else
            effects.Add(new Effect.Reply(batch.RequestId, batch.ToBytes(_options.MaxMessageBytes)));
    }

    private void Follow(Operation operation, in Instant now, Effects effects)
    {
        operation.BegunAt = now.Monotonic;
        operation.AskAgainAfter = _options.HintAfterMicros;
        // Past a percentile of answers one that is still to come is asked for again: a message may be lost.
        bool isAwaited = operation is not WriteOperation { IsOwnEnough: true };
        operation.AskAgainAt = now.Monotonic + (!isAwaited ? _options.HintAfterMicros / 2 : _latency.IsOn ? Math.Min(_latency.Micros, _options.HintAfterMicros) : _options.HintAfterMicros);
        _operations[operation.Token] = operation;
        _open++;
        Watch(operation, Math.Min(operation.AskAgainAt, operation.Deadline));
        ArmTick(now, effects);
    }

    /// <summary>All of them, in the order in which they began.</summary>
    private IEnumerable<Operation> InOrder() => _operations.Values.OrderBy(operation => operation.Token);

    private void Close(Operation operation)
    {
        if (!operation.Close())
            return;
        _open--;
        // Who is late with what is done is not asked for it again; hints and repair are for those who have lost it. A serial operation may still have to be committed.
        if (operation is not SerialOperation)
            operation.AskAgainAt = long.MaxValue;
    }

    /// <summary>An owner's first answer to an operation.</summary>
    private void Hear(Operation operation, ReplicaId from, in Instant now)
    {
        ulong bit = operation.Owners.BitOf(from);
        if ((operation.Heard & bit) != 0)
            return;
        operation.Heard |= bit;
        // What was gathered says nothing about how fast the others are.
        if (from != Self && operation is not WriteOperation { IsOwnEnough: true })
            _latency.Add(now.Monotonic - operation.BegunAt);
    }

    private Rejection? Refusal(in ClientRequest asked, QuorumRequest request, ConsistencyLevel level, KeyOwners owners, in Instant now)
    {
        if (asked.Kind != (request.IsWrite ? RequestKind.Command : RequestKind.Read))
            return Invalid($"a quorum group does not know requests of kind {asked.Kind} for {request.Operation}");
        if (_hard.Lost || !_view.IsMember(Self))
            return new Rejection(RejectReason.Unavailable, Detail: _hard.Lost ? "the replica does not know which ring is in force" : "the replica is not on the ring");
        if (request.Key.Length > _options.MaxKeyBytes || request.Value.Length > _options.MaxValueBytes)
            return Invalid($"the key has {request.Key.Length} bytes and the value {request.Value.Length}; {_options.MaxKeyBytes} and {_options.MaxValueBytes} are the most");
        if (owners.Impossible(level, _view.RegionOf(Self)) is { } impossible)
            return Invalid(impossible);
        if (request.DurableAcks > owners.After.Count)
            return Invalid($"{request.DurableAcks} durable acknowledgements are asked for; a key has {owners.After.Count} owners");
        if (request.IsWrite ? level.Kind == ConsistencyKind.Serial || (request.IsConditional && level.Kind == ConsistencyKind.Any) : level.Kind == ConsistencyKind.Any)
            return Invalid($"{level} is not for {request.Operation}");
        if (request.Condition == QuorumCondition.Unchanged && WhyNoContext(request) is { } wrong)
            return Invalid(wrong);
        if (IsFull)
            return new Rejection(RejectReason.Overloaded, Detail: $"{_open} requests are under way, and {_operations.Count - _open} wait for the last owners");
        bool isSerial = request.IsConditional || level.Kind == ConsistencyKind.Serial;
        return (request.IsWrite || isSerial ? RefusalHere(owners, isSerial) : null) ?? TooFewAlive(request, isSerial, level, owners, now);
    }

    /// <summary>
    /// What could only wait for its deadline is not begun, and so certainly not done. Who is taken for gone by mistake is heard again within a moment, so that nobody counts as gone before
    /// it is over; a request may still be refused that would have been served, nothing worse.
    /// </summary>
    private Rejection? TooFewAlive(QuorumRequest request, bool isSerial, ConsistencyLevel level, KeyOwners owners, in Instant now)
    {
        if (_gone.Count == 0 || (level.Kind == ConsistencyKind.Any && !isSerial))
            return null;
        long goneSince = now.Monotonic - GoneAfterMicros;
        ulong alive = owners.Without(_gone.Where(gone => gone.Value <= goneSince).Select(gone => gone.Key));
        ulong asked = request.IsWrite || isSerial ? owners.Everybody : owners.Readers.Mask;
        bool isEnough = isSerial ? owners.IsWritten(ConsistencyLevel.Quorum, alive)
            : request.IsWrite ? owners.IsWritten(level, alive) && System.Numerics.BitOperations.PopCount(alive) >= request.DurableAcks
            : owners.IsRead(level, alive);
        return isEnough ? null : new Rejection(RejectReason.NoQuorum,
            Detail: $"{level} of {owners.Those(asked).Count()} owners must answer; {string.Join(", ", owners.Those(asked & ~alive).Order())} are down: nothing was asked of the others");
    }

    /// <summary>Of what only an owner coordinates.</summary>
    private Rejection? RefusalHere(KeyOwners owners, bool isSerial)
    {
        if (_hard.Lost || !_view.IsMember(Self))
            return new Rejection(RejectReason.Unavailable, Detail: _hard.Lost ? "the replica does not know which ring is in force" : "the replica is not on the ring");
        if (!_isReady || _standingIndex < _rebuildIndex)
            return new Rejection(RejectReason.Unavailable, Detail: "the replica is starting");
        if (_storageFull)
            return new Rejection(RejectReason.StorageUnavailable, Detail: "the disk is full");
        // Only an owner knows which of its own numbers a key has.
        if (!owners.MayRead(Self) || (isSerial && IsRebuilding))
            return new Rejection(RejectReason.NotLeader, Leader: OtherOwner(owners), Detail: "another member owns the key");
        return null;
    }

    // Those that are answered stay for a moment only, but nothing is without a limit.
    private bool IsFull => _open >= _options.MaxPendingRequests || _operations.Count - _open >= 2L * _options.MaxPendingRequests;

    private ReplicaId OtherOwner(KeyOwners owners)
    {
        ReplicaId[] others = [.. owners.Those(owners.Readers.Mask).Where(owner => owner != Self)];
        return others.FirstOrDefault(owner => !_down.Contains(owner), others.FirstOrDefault());
    }

    private static string? WhyNoContext(QuorumRequest request)
    {
        try
        {
            KeyContext.FromToken(request.Context, request.Key.Span);
            return null;
        }
        catch (InvalidDataException wrong)
        {
            return wrong.Message;
        }
    }

    private static Rejection Invalid(string what) => new(RejectReason.Invalid, Detail: what);

    private void Cancel(IReadOnlyList<long> requests)
    {
        foreach (Operation operation in InOrder().Where(operation => requests.Contains(operation.RequestId)))
            Close(operation);
    }

    /// <summary>What its deadline has come for, with the names of those who did not answer.</summary>
    private void Expire(Operation operation, Effects effects)
    {
        if (operation.IsAnswered)
            return;
        Close(operation);
        if (operation.RequestId == 0)
            return;
        KeyOwners owners = operation.Owners;
        (ulong answered, ulong asked, bool isUnknown) = operation switch
        {
            WriteOperation { Inquiry: { } inquiry } write => (inquiry.Heard, owners.Readers.Mask, write.IsSecond),
            WriteOperation write => (write.Acked, owners.Everybody, true),
            ReadOperation read => (read.Answered, owners.Readers.Mask, false),
            SerialOperation serial => (serial.Heard, owners.Everybody, serial.MayBeDone),
            _ => default,
        };
        string detail = $"{operation.Level} of {owners.Those(asked).Count()} owners must answer; {Split(owners, asked, answered)}{WhyNot(operation, answered)}";
        Refuse(operation, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: isUnknown, Detail: detail), effects);
    }

    /// <summary>What else was in the way than owners that are silent.</summary>
    private string WhyNot(Operation operation, ulong answered)
    {
        KeyOwners owners = operation.Owners;
        if (operation is SerialOperation && owners.IsWritten(ConsistencyLevel.Quorum, answered))
            return "; attempts of others, or another ring, were in the way";
        if (operation is not ReadOperation read)
            return "";
        if (read.IsDecided)
            return $"; not enough have taken the latest that was found: {Split(owners, owners.Readers.Mask, read.Has)}; their clocks may be behind, or their disks full";
        return IsRebuilding && owners.MayRead(Self) ? $"; {Self}, which was asked, is being rebuilt and answers once it was compared with enough of the others{WhoIsMissing}" : "";
    }

    private static string Split(KeyOwners owners, ulong asked, ulong those)
    {
        ReplicaId[] yes = [.. owners.Those(asked & those).Order()], no = [.. owners.Those(asked & ~those).Order()];
        return $"{yes.Length} did{(yes.Length > 0 ? $" ({string.Join(", ", yes)})" : "")}{(no.Length > 0 ? $", not {string.Join(", ", no)}" : "")}";
    }
}
