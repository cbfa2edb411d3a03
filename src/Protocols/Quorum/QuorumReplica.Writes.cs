using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Writes: coordinated here, or taken for another coordinator.</summary>
public sealed partial class QuorumReplica
{
    private const int SourcesOfOthers = 2 * Membership.MaxMembers;
    // Of a context: what its reader had found and is still on its way here. Far more than that is invented.
    private const int MostUnknownSources = 64;

    private readonly Queue<(long Index, Operation Operation)> _ownAcks = new();

    private void Coordinate(WriteOperation write, QuorumRequest request, KeyVersions stored, in Instant now, Effects effects)
    {
        UInt128 print = _prints.Of(write.Key);
        KeyVersions before = _coming.TryGetValue(print, out (KeyVersions Versions, long Index) coming) ? stored.Merge(coming.Versions) : stored;
        if (write.Inquiry is not null)
        {
            // Much may have happened since it was admitted.
            if (RefusalHere(write.Owners, isSerial: false) is { } why)
            {
                RefuseWrite(write, why, effects);
                return;
            }

            if (!HasAllOf(write, ref before))
                return;
        }

        if (before.Knows(request.Id))
        {
            // The same write again: it is not done twice, only seen to that enough have it.
            Begin(write, before, now, effects);
            return;
        }

        if (IsSettledBefore(write, request, before, now, effects))
            return;
        if (Settle(write, request, before, now, out KeyVersions after) is { } refusal)
        {
            RefuseWrite(write, refusal, effects);
            return;
        }

        _coming[print] = (after, NextIndex);
        _comingOrder.Enqueue((print, NextIndex));
        Begin(write, after, now, effects);
    }

    private void RefuseWrite(WriteOperation write, in Rejection why, Effects effects)
    {
        Close(write);
        _operations.Remove(write.Token);
        Refuse(write, write.IsSecond ? why with { OutcomeUnknown = true } : why, effects);
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

        if (before.Set.Clock.Covers(new Dot(_source, _counter + 1)) && !TryTakeNewNumbers())
            return NumbersNotGiven;
        var dot = new Dot(_source, _counter + 1);
        if (context.Clock.Covers(dot))
            return Invalid("the context is of writes that this replica has not given yet");
        if (TooManySources(before, context) is { } many)
            return many;
        if (request.Replace || _options.Resolution == Resolution.LastWriteWins)
            context = context with { Clock = context.Clock.Merge(before.Set.Clock) };
        if (before.Set.Siblings.Count >= KeyVersions.MaxSiblings && before.Set.Siblings.Count(sibling => !context.Clock.Covers(sibling.Dot)) >= KeyVersions.MaxSiblings)
            return Invalid($"the key has {before.Set.Siblings.Count} concurrent values, {KeyVersions.MaxSiblings} are the most; read it and write with the context");
        // Not before what it replaces: where the last one wins, it must be this one.
        if (!_clock.TryObserve(LatestOf(before, context), now, out HybridTime time, out long skew))
            return TooFarBehind(skew);
        _counter++;
        Invariant.That(dot.Counter >> StartShift == _hard.Starts, "a start has room for its writes");
        Guid name = write.Covering is null ? request.Id : WriteName.ProvisionalOf(request.Id);
        after = before.Write(context, dot, new StoredValue(time, name, request.Operation == QuorumOperation.Delete, request.Value.ToArray()));
        return TooLarge(after);
    }

    private static HybridTime LatestOf(KeyVersions before, KeyContext context)
    {
        HybridTime latest = before.Latest;
        foreach ((HybridTime time, _) in context.Writes)
            latest = time > latest ? time : latest;
        return latest;
    }

    /// <summary>Every start of a replica after a lost disk, and every one that a change of the ring made anew, is a source of its own; with room for what others add meanwhile.</summary>
    private static Rejection? TooManySources(KeyVersions before, in KeyContext context)
    {
        int unknown = context.Clock.Last.Count(dot => before.Set.Clock[dot.Source] == 0), sources = before.Set.Clock.Last.Count + unknown;
        if (unknown > MostUnknownSources)
            return Invalid($"the context is of {unknown} sources that this replica knows nothing of, {MostUnknownSources} are the most; read the key again");
        return sources < VersionVector.MaxSources - SourcesOfOthers
            ? null
            : Invalid($"the key has been written by {sources} sources, {VersionVector.MaxSources - SourcesOfOthers} are the most; write under another key");
    }

    private Rejection? TooLarge(KeyVersions versions) => versions.EncodedSize <= _options.MaxVersionsBytes
        ? null
        : Invalid($"the key's {versions.Set.Siblings.Count} concurrent values would have {versions.EncodedSize} bytes; {_options.MaxVersionsBytes} is the most; read it and write with the context");

    private Rejection TooFarBehind(long skew) =>
        new(RejectReason.Unavailable, Detail: $"the last write of the key is {skew} µs ahead of this replica's clock; {_options.MaxSkewMicros} is the most");

    private void Begin(WriteOperation write, KeyVersions versions, in Instant now, Effects effects)
    {
        write.Versions = versions;
        KeyOwners owners = write.Owners;
        bool isAnyDown = false;
        for (int i = 0; i < owners.All.Length; i++)
            isAnyDown |= _down.Count > 0 && _down.Contains(owners.All[i]);
        // Those that are there are to have it before hints are kept for whoever is not.
        bool isGathered = write.IsOwnEnough && !isAnyDown && _options.GatherMicros > 0;
        for (int i = 0; i < owners.All.Length; i++)
        {
            if (owners.All[i] == Self)
                Store(write, versions);
            else if (isGathered)
                Gather(owners.All[i], write, now, effects);
            else
                PutTo(owners.All[i], write);
        }

        write.HintsAt = now.Monotonic + (isAnyDown ? 0 : _options.HintAfterMicros);
        Watch(write, write.HintsAt);
    }

    /// <summary>Here too; the operation hears of it when it is durable.</summary>
    private void Store(Operation operation, KeyVersions versions)
    {
        _ownAcks.Enqueue((NextIndex, operation));
        Update(new StoreUpdate.Merge(operation.Key, versions));
    }

    private void AckOwn(in Instant now, Effects effects)
    {
        while (_ownAcks.TryPeek(out (long Index, Operation Operation) next) && next.Index <= _appliedIndex)
        {
            _ownAcks.Dequeue();
            Acked(next.Operation, Self, now, effects);
        }
    }

    private void Acked(Operation operation, ReplicaId from, in Instant now, Effects effects)
    {
        if (operation is WriteOperation write)
        {
            Hear(write, from, now);
            if (from == Self)
                write.Covering?.Hear(write.Owners.BitOf(Self) & write.Owners.Readers.Mask, knewAll: !IsRebuilding);
            write.Acked |= write.Owners.BitOf(from);
            AnswerWrite(write, now, effects);
        }
        else if (operation is ReadOperation read)
        {
            RepairAcked(read, from, effects);
        }
    }

    private void AnswerWrite(WriteOperation write, in Instant now, Effects effects)
    {
        if (!write.IsAnswered && IsDone(write))
        {
            Close(write);
            if (write.RequestId != 0)
                Answer(write, new QuorumReply(write.IsBlind ? default : write.Versions.Context.ToToken(write.Key.Span), []), effects);
            Committed(write, now, effects);
        }
        else if (HasToBeginAgain(write))
        {
            BeginAgain(write, now, effects);
            return;
        }

        if (write.IsOver)
            _operations.Remove(write.Token);
    }

    private static bool IsDone(WriteOperation write)
    {
        if (write.Level.Kind == ConsistencyKind.Any && write.Hinted != 0)
            return true;
        if (write.Covering is { } covering && !write.Owners.IsRead(covering.Level, covering.Covered))
            return false;
        return write.Owners.IsWritten(write.Level, write.Acked) && (write.Durable == 0 || System.Numerics.BitOperations.PopCount(write.Acked) >= write.Durable);
    }

    /// <summary>As an owner or a stand-in: makes durable, then acknowledges.</summary>
    private void TakePut(ReplicaId from, Put put, in Instant now, Effects effects)
    {
        foreach (Parcel parcel in put.Parcels)
        {
            if (IsRefusedAsAhead(from, parcel.Versions, now, effects))
                continue;

            if (!parcel.Owner.IsNone && parcel.Owner != Self)
            {
                if (!KeepHint(parcel.Owner, parcel.Key, parcel.Versions, now))
                    continue;
            }
            else
            {
                if (!_placement.Of(parcel.Key).Contains(Self))
                    continue;
                Update(new StoreUpdate.Merge(parcel.Key, parcel.Versions, IsOld(parcel.Versions, now)));
            }

            AddTo(_acks, from, parcel.Token);
        }
    }

    private void TakeAck(ReplicaId from, PutAck ack, in Instant now, Effects effects)
    {
        foreach (long token in ack.Tokens)
        {
            if (_deliveries.Remove(token, out HintDelivery? delivered))
                Update(new StoreUpdate.DropHint(delivered.Owner, delivered.Key, delivered.Versions.Set.Clock));
            else if (_hintTokens.Remove(token, out (long Write, ReplicaId Owner) hint))
                Hinted(hint.Write, hint.Owner, now, effects);
            else if (_operations.TryGetValue(token, out Operation? operation))
                Acked(operation, from, now, effects);
        }
    }

    // Not taken from wherever it comes: one clock that runs away must not carry the others with it.
    private bool IsRefusedAsAhead(ReplicaId from, KeyVersions versions, in Instant now, Effects effects)
    {
        if (!IsAhead(versions, now, out long skew))
            return false;
        _refusedAsAhead++;
        _behindUntil = now.Monotonic + BehindMicros;
        effects.Add(new Effect.Report($"what {from} has is {skew} µs ahead of this replica's clock and is not taken; {_options.MaxSkewMicros} is the most"));
        return true;
    }

    private bool IsAhead(KeyVersions versions, in Instant now, out long skew)
    {
        skew = versions.Latest.Micros - now.Wall;
        return skew > _options.MaxSkewMicros + now.WallError;
    }

    /// <summary>A deletion that may have been purged.</summary>
    private bool IsOld(KeyVersions versions, in Instant now) => versions.IsDeleted && versions.SinceMicros < now.Wall - _options.GraceMicros;
}
