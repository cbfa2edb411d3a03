using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Ring;

namespace ActorRepl.Protocols.Quorum;

/// <summary>What clients ask, and what the store answers.</summary>
public sealed partial class QuorumReplica
{
    private readonly SortedDictionary<long, Operation> _operations = [];
    private readonly Dictionary<long, Awaited> _awaited = [];

    /// <summary>For what the store was asked.</summary>
    private abstract record Awaited
    {
        public sealed record Standing : Awaited;

        public sealed record Writes(IReadOnlyList<(WriteOperation Write, QuorumRequest Request)> List) : Awaited;

        public sealed record Reads(IReadOnlyList<ReadOperation> List) : Awaited;

        public sealed record PeerReads(ReplicaId From, IReadOnlyList<Parcel> Keys) : Awaited;

        public sealed record Hints(ReplicaId Owner) : Awaited;

        public sealed record Deleted : Awaited;

        public sealed record PeerCompares(ReplicaId From) : Awaited;

        public sealed record Judged(Repair Repair) : Awaited;

        public sealed record Listed(Repair Repair) : Awaited;

        public sealed record Offered(Repair Repair, IReadOnlyList<UInt128> Prints) : Awaited;

        public sealed record PeerExchanges(ReplicaId From, long Token, bool TookAll) : Awaited;
    }

    private void Lookup(StoreQuery query, Awaited awaited, Effects effects)
    {
        long token = NextToken();
        _awaited[token] = awaited;
        effects.Add(new Effect.Lookup(token, query.ToBytes()));
    }

    private void LookedUp(long token, ReadOnlyMemory<byte> result, in Instant now, Effects effects)
    {
        bool isAwaited = _awaited.Remove(token, out Awaited? awaited);
        Invariant.That(isAwaited, "the store answers what it was asked");
        switch (awaited!)
        {
            case Awaited.Standing:
                _standing = StoreStanding.Decode(result);
                _comingHintBytes = 0;
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
                effects.Send(peer.From, new GetAnswer([.. peer.Keys.Select((key, i) => key with { Versions = own[i].Versions })]));
                break;
            case Awaited.Hints hints:
                Deliver(hints.Owner, KeyList.Decode(result), now, effects);
                break;
            case Awaited.Deleted:
                Purge(KeyList.Decode(result));
                break;
            default:
                RepairLookedUp(awaited!, result, now, effects);
                break;
        }
    }

    private void Take(IReadOnlyList<ClientRequest> batch, in Instant now, Effects effects)
    {
        var writes = new List<(WriteOperation Write, QuorumRequest Request)>();
        var reads = new List<ReadOperation>();
        foreach (ClientRequest request in batch)
        {
            if (Begin(request, now, effects) is not { } begun)
                continue;
            if (begun.Operation is WriteOperation write)
                writes.Add((write, begun.Request));
            else
                reads.Add((ReadOperation)begun.Operation);
        }

        if (writes.Count > 0)
            Lookup(new StoreQuery.Keys([.. writes.Select(each => each.Write.Key)]), new Awaited.Writes(writes), effects);
        ReadOperation[] here = [.. reads.Where(read => read.Owners.Contains(Self) && !IsRebuilding)];
        if (here.Length > 0)
            Lookup(new StoreQuery.Keys([.. here.Select(read => read.Key)]), new Awaited.Reads(here), effects);
        foreach (ReadOperation read in reads)
            AskOwners(read);
    }

    private (Operation Operation, QuorumRequest Request)? Begin(in ClientRequest asked, in Instant now, Effects effects)
    {
        QuorumRequest request;
        try
        {
            request = QuorumRequest.Decode(asked.Payload);
        }
        catch (InvalidDataException wrong)
        {
            effects.Add(new Effect.Reject(asked.Id, new Rejection(RejectReason.Invalid, Detail: wrong.Message)));
            return null;
        }

        PreferenceList placed = _placement.Of(request.Key);
        Consistency level = request.Level.Kind != ConsistencyKind.Default ? request.Level : request.IsWrite ? _options.Write : _options.Read;
        if (Refusal(asked, request, level, placed) is { } refusal)
        {
            effects.Add(new Effect.Reject(asked.Id, refusal));
            return null;
        }

        Operation operation = request.IsWrite
            ? new WriteOperation(NextToken(), asked.Id, request.Key.ToArray(), placed.Owners, placed.StandIns, level, request.DurableAcks, asked.Deadline)
            : new ReadOperation(NextToken(), asked.Id, request.Key.ToArray(), placed.Owners, level, asked.Deadline);
        operation.AskAgainAfter = _options.HintAfterMicros;
        operation.AskAgainAt = now.Monotonic + operation.AskAgainAfter;
        _operations[operation.Token] = operation;
        ArmTick(effects);
        return (operation, request);
    }

    private Rejection? Refusal(in ClientRequest asked, QuorumRequest request, Consistency level, PreferenceList placed)
    {
        if (asked.Kind != (request.IsWrite ? RequestKind.Command : RequestKind.Read))
            return Invalid($"a quorum group does not know requests of kind {asked.Kind} for {request.Operation}");
        if (request.Key.Length > _options.MaxKeyBytes || request.Value.Length > _options.MaxValueBytes)
            return Invalid($"the key has {request.Key.Length} bytes and the value {request.Value.Length}; {_options.MaxKeyBytes} and {_options.MaxValueBytes} are the most");
        if (level.Impossible(placed.Owners, _options.RegionOf, _options.RegionOf(Self)) is { } impossible)
            return Invalid(impossible);
        if (request.DurableAcks > placed.Owners.Count || (!request.IsWrite && level.Kind == ConsistencyKind.Any))
            return Invalid($"{request.DurableAcks} durable acknowledgements of {placed.Owners.Count} owners, or a read of {level}, cannot be had");
        if (_operations.Count >= _options.MaxPendingRequests)
            return new Rejection(RejectReason.Overloaded, Detail: $"{_operations.Count} requests are under way");
        if (!request.IsWrite)
            return null;
        if (!_isReady)
            return new Rejection(RejectReason.Unavailable, Detail: "the replica is starting");
        if (_storageFull)
            return new Rejection(RejectReason.StorageUnavailable, Detail: "the disk is full");
        // Only an owner knows which of its own numbers a key has.
        if (!placed.Owners.Contains(Self))
            return new Rejection(RejectReason.NotLeader, Leader: placed.Owners.FirstOrDefault(owner => !_down.Contains(owner), placed.Owners[0]), Detail: "another member owns the key");
        return null;
    }

    private static Rejection Invalid(string what) => new(RejectReason.Invalid, Detail: what);

    private void Cancel(IReadOnlyList<long> requests)
    {
        foreach (Operation operation in _operations.Values.Where(operation => requests.Contains(operation.RequestId)))
            operation.IsAnswered = true;
    }

    /// <summary>What its deadline has come for, with the names of those who did not answer.</summary>
    private void Expire(Operation operation, Effects effects)
    {
        if (operation.IsAnswered)
            return;
        operation.IsAnswered = true;
        IEnumerable<ReplicaId> answered = operation is WriteOperation write ? write.Acked : ((ReadOperation)operation).Answers.Keys;
        ReplicaId[] did = [.. operation.Owners.Where(answered.Contains)], not = [.. operation.Owners.Except(did)];
        string detail = $"{operation.Level} of {operation.Owners.Count} owners must answer; {did.Length} did{(did.Length > 0 ? $" ({string.Join(", ", did)})" : "")}, not {string.Join(", ", not)}";
        effects.Add(new Effect.Reject(operation.RequestId, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: operation is WriteOperation, Detail: detail)));
    }
}
