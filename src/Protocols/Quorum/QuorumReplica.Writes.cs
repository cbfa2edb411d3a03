using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Writes: coordinated here, or taken for another coordinator.</summary>
public sealed partial class QuorumReplica
{
    private readonly Queue<(long Index, Operation Operation)> _ownAcks = new();

    private void Coordinate(WriteOperation write, QuorumRequest request, KeyVersions stored, in Instant now, Effects effects)
    {
        UInt128 print = MerkleItem.Fingerprint(write.Key.Span);
        KeyVersions before = _coming.TryGetValue(print, out (KeyVersions Versions, long Index) coming) ? stored.Merge(coming.Versions) : stored;
        if (before.Knows(request.Id))
        {
            // The same write again: it is not done twice, only seen to that enough have it.
            Begin(write, before, now);
            return;
        }

        if (Settle(write, request, before, now, out KeyVersions after) is { } refusal)
        {
            write.IsAnswered = true;
            _operations.Remove(write.Token);
            effects.Add(new Effect.Reject(write.RequestId, refusal));
            return;
        }

        _coming[print] = (after, NextIndex);
        Begin(write, after, now);
    }

    /// <summary>Dot, time and context are decided here, once, for all replicas.</summary>
    private Rejection? Settle(WriteOperation write, QuorumRequest request, KeyVersions before, in Instant now, out KeyVersions after)
    {
        after = before;
        KeyContext context;
        try
        {
            context = KeyContext.FromToken(request.Context, write.Key.Span);
        }
        catch (InvalidDataException wrong)
        {
            return Invalid(wrong.Message);
        }

        var dot = new Dot(_source, _counter + 1);
        if (context.Clock.Covers(dot))
            return Invalid("the context is of writes that this replica has not given yet");
        if (_options.Resolution == Resolution.LastWriteWins)
            context = context with { Clock = context.Clock.Merge(before.Set.Clock) };
        if (before.Set.Siblings.Count(sibling => !context.Clock.Covers(sibling.Dot)) >= KeyVersions.MaxSiblings)
            return Invalid($"the key has {before.Set.Siblings.Count} concurrent values, {KeyVersions.MaxSiblings} are the most; read it and write with the context");
        // Not before what it replaces: where the last one wins, it must be this one.
        if (!_clock.TryObserve(before.Latest, now, out HybridTime time, out long skew))
            return new Rejection(RejectReason.Unavailable, Detail: $"the last write of the key is {skew} µs ahead of this replica's clock; {_options.MaxSkewMicros} is the most");
        _counter++;
        Invariant.That(dot.Counter >> StartShift == _hard.Starts, "a start has room for its writes");
        after = before.Write(context, dot, new StoredValue(time, request.Id, request.Operation == QuorumOperation.Delete, request.Value.ToArray()));
        return null;
    }

    private void Begin(WriteOperation write, KeyVersions versions, in Instant now)
    {
        write.Versions = versions;
        write.HintsAt = now.Monotonic + (write.Owners.Any(_down.Contains) ? 0 : _options.HintAfterMicros);
        Store(write, versions);
        foreach (ReplicaId owner in write.Owners.Where(owner => owner != Self))
            AddTo(_puts, owner, new Parcel(write.Token, default, write.Key, versions));
    }

    /// <summary>Here too; the operation hears of it when it is durable.</summary>
    private void Store(Operation operation, KeyVersions versions)
    {
        _ownAcks.Enqueue((NextIndex, operation));
        Update(new StoreUpdate.Merge(operation.Key, versions, PeersFor(operation.Key)));
    }

    private void AckOwn(Effects effects)
    {
        while (_ownAcks.TryPeek(out (long Index, Operation Operation) next) && next.Index <= _appliedIndex)
        {
            _ownAcks.Dequeue();
            Acked(next.Operation, Self, effects);
        }
    }

    private void Acked(Operation operation, ReplicaId from, Effects effects)
    {
        if (operation is WriteOperation write && write.Owners.Contains(from))
        {
            write.Acked.Add(from);
            AnswerWrite(write, effects);
        }
        else if (operation is ReadOperation read)
        {
            RepairAcked(read, from, effects);
        }
    }

    private void AnswerWrite(WriteOperation write, Effects effects)
    {
        bool isMet = write.Level.IsMet(write.Owners, write.Acked, _options.RegionOf, _options.RegionOf(Self))
            || (write.Level.Kind == ConsistencyKind.Any && write.Hinted.Count > 0);
        if (isMet && write.Acked.Count >= write.Durable && !write.IsAnswered)
        {
            write.IsAnswered = true;
            byte[] context = write.Versions.Context.ToToken(write.Key.Span);
            effects.Add(new Effect.Reply(write.RequestId, new QuorumReply(context, []).ToBytes()));
        }

        if (write.IsAnswered && write.Acked.Count == write.Owners.Count)
            _operations.Remove(write.Token);
    }

    /// <summary>As an owner or a stand-in: makes durable, then acknowledges.</summary>
    private void TakePut(ReplicaId from, Put put, in Instant now, Effects effects)
    {
        foreach (Parcel parcel in put.Parcels)
        {
            if (IsAhead(parcel.Versions, now, out long skew))
            {
                effects.Add(new Effect.Report($"a write from {from} is {skew} µs ahead of this replica's clock and is not taken; {_options.MaxSkewMicros} is the most"));
                continue;
            }

            if (!parcel.Owner.IsNone && parcel.Owner != Self)
            {
                if (!KeepHint(parcel.Owner, parcel.Key, parcel.Versions, now))
                    continue;
            }
            else
            {
                Update(new StoreUpdate.Merge(parcel.Key, parcel.Versions, PeersFor(parcel.Key), IsOld(parcel.Versions, now)));
            }

            AddTo(_acks, from, parcel.Token);
        }
    }

    private void TakeAck(ReplicaId from, PutAck ack, Effects effects)
    {
        foreach (long token in ack.Tokens)
        {
            if (_deliveries.Remove(token, out HintDelivery? delivered))
                Update(new StoreUpdate.DropHint(delivered.Owner, delivered.Key, delivered.Versions.Set.Clock));
            else if (_hintTokens.Remove(token, out (long Write, ReplicaId Owner) hint))
                Hinted(hint.Write, hint.Owner, effects);
            else if (_operations.TryGetValue(token, out Operation? operation))
                Acked(operation, from, effects);
        }
    }

    private IReadOnlyList<ReplicaId> PeersFor(ReadOnlyMemory<byte> key)
    {
        IReadOnlyList<ReplicaId> owners = _placement.Of(key).Owners;
        return owners.Contains(Self) ? [.. owners.Where(owner => owner != Self)] : [];
    }

    private bool IsAhead(KeyVersions versions, in Instant now, out long skew)
    {
        skew = versions.Latest.Micros - now.Wall;
        return skew > _options.MaxSkewMicros + now.WallError;
    }

    /// <summary>A deletion that may have been purged.</summary>
    private bool IsOld(KeyVersions versions, in Instant now) => versions.IsDeleted && versions.Latest.Micros < now.Wall - _options.GraceMicros;
}
