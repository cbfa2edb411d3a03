using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// Conditional writes and Serial reads: single-key Paxos (Lamport, "Paxos Made Simple", 2001) as in Cassandra's lightweight transactions. Prepare reads a quorum
/// with the promises; an attempt that is found accepted and not committed is finished first; then the own proposal, all of the key's versions after the write,
/// is accepted and committed, which is an ordinary write. Whoever changes nothing proposes what there is, so that what it has not seen does not come after it
/// (CASSANDRA-12126); where all owners have answered that nothing is under way, there is nothing it has not seen. A proposal so always holds all that was
/// decided before it, and an acceptor that takes it forgets nothing.
/// </summary>
public sealed partial class QuorumReplica
{
    private readonly Dictionary<long, SerialOperation> _rounds = [];
    // One at a time of a key: those of one coordinator need not fight each other.
    private readonly Dictionary<UInt128, Queue<SerialOperation>> _turns = [];
    private long _retriesAt = long.MaxValue;

    private void BeginSerial(SerialOperation operation, in Instant now, Effects effects)
    {
        UInt128 print = MerkleItem.Fingerprint(operation.Key.Span);
        if (!_turns.TryGetValue(print, out Queue<SerialOperation>? turns))
            _turns[print] = turns = [];
        turns.Enqueue(operation);
        if (turns.Count == 1)
            Prepare(operation, now, effects);
    }

    /// <summary>It is over for this key: whoever waits for its turn has it.</summary>
    private void EndSerial(SerialOperation operation, in Instant now, Effects effects)
    {
        Close(operation);
        _operations.Remove(operation.Token);
        _rounds.Remove(operation.RoundToken);
        UInt128 print = MerkleItem.Fingerprint(operation.Key.Span);
        if (!_turns.TryGetValue(print, out Queue<SerialOperation>? turns))
            return;
        bool hadTurn = turns.Peek() == operation;
        // Those whose time is over meanwhile have gone.
        SerialOperation[] left = [.. turns.Where(each => each != operation && _operations.ContainsKey(each.Token))];
        turns.Clear();
        foreach (SerialOperation each in left)
            turns.Enqueue(each);
        if (turns.Count == 0)
            _turns.Remove(print);
        else if (hadTurn)
            Prepare(turns.Peek(), now, effects);
    }

    // ---- the proposer ----

    private void Prepare(SerialOperation operation, in Instant now, Effects effects)
    {
        if (!_placement.Of(operation.Key).MayRead(Self) || IsRebuilding)
        {
            Fail(operation, new Rejection(RejectReason.Unavailable, operation.MayBeDone, Detail: "this replica does not own the key any more"), now, effects);
            return;
        }

        NewRound(operation, SerialStage.Preparing);
        operation.Attempts++;
        operation.Ballot = new Ballot(Math.Max(now.Wall, operation.AtLeast + 1), new Dot(_source, ++_counter));
        (operation.Highest, operation.WaitsForAll, operation.Finishes, operation.Changes) = (null, false, false, false);
        operation.Merged = KeyVersions.Empty;
        AskAcceptors(operation, now, effects);
    }

    private void NewRound(SerialOperation operation, SerialStage stage)
    {
        _rounds.Remove(operation.RoundToken);
        operation.RoundToken = NextToken();
        _rounds[operation.RoundToken] = operation;
        operation.Stage = stage;
        operation.Agreed = operation.Refused = 0;
    }

    private void AskAcceptors(SerialOperation operation, in Instant now, Effects effects)
    {
        foreach (ReplicaId owner in operation.Owners.Those(operation.Owners.Everybody & ~operation.Agreed))
        {
            QuorumMessage message = operation.Stage == SerialStage.Preparing
                ? new Prepare(operation.RoundToken, operation.Key, operation.Ballot)
                : new Propose(operation.RoundToken, new PaxosState(operation.Key, operation.Ballot, operation.Ballot, operation.Proposal));
            if (owner != Self)
                Tell(owner, message, effects);
            else if (message is Prepare prepare)
                TakePrepare(Self, prepare, effects);
            else
                TakePropose(Self, (Propose)message, now, effects);
        }
    }

    private void TakePromise(ReplicaId from, Promise promise, in Instant now, Effects effects)
    {
        if (!_rounds.TryGetValue(promise.Token, out SerialOperation? operation) || operation.Stage != SerialStage.Preparing)
            return;
        // As if it had not answered: what it has others would not take.
        if (IsRefusedAsAhead(from, promise.Versions, now, effects) || IsRefusedAsAhead(from, promise.State.Proposal, now, effects))
            return;
        Hear(operation, from, now);
        operation.Merged = operation.Merged.Merge(promise.Versions);
        if (!promise.IsPromised)
        {
            Refused(operation, from, promise.AtLeast, now, effects);
            return;
        }

        operation.Agreed |= operation.Owners.BitOf(from);
        if (!promise.State.Accepted.IsNone && (operation.Highest is null || promise.State.Accepted > operation.Highest.Accepted))
            operation.Highest = promise.State;
        if (IsAgreed(operation))
            Decide(operation, now, effects);
    }

    private static bool IsAgreed(SerialOperation operation) => operation.Owners.IsWritten(ConsistencyLevel.Quorum, operation.Agreed);

    /// <summary>A quorum has promised: what is there, and what is to be proposed?</summary>
    private void Decide(SerialOperation operation, in Instant now, Effects effects)
    {
        if (operation.Highest is { Proposal.IsEmpty: false } highest && highest.Accepted > operation.Merged.Committed)
        {
            operation.Finishes = true;
            Offer(operation, highest.Proposal, now, effects);
            return;
        }

        KeyVersions there = operation.Merged;
        if (operation.Request is { IsConditional: true } request)
        {
            if (there.Knows(request.Id))
            {
                Commit(operation, there, now, effects);
                return;
            }

            if (operation.MayBeDone && (request.Id == Guid.Empty || !there.KnowsAllSince(operation.ProposedAt)))
            {
                // Somebody may have finished it, and so many have written since that its id is forgotten: neither done nor not done is true for certain.
                Fail(operation, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Detail: "others were in the way, and have written the key so often since that it is not known whether this write was done"), now, effects);
                return;
            }

            if (Holds(request, there))
            {
                if (TryWrite(request, there, now, out KeyVersions after) is { } refusal)
                {
                    Fail(operation, refusal with { OutcomeUnknown = operation.MayBeDone }, now, effects);
                    return;
                }

                operation.Changes = true;
                operation.ProposedAt = Math.Min(operation.ProposedAt, after.Latest.Micros);
                Offer(operation, after, now, effects);
                return;
            }
        }

        bool isAll = operation.Agreed == operation.Owners.Everybody;
        if (isAll && operation.Highest is null)
            AnswerUnchanged(operation, there, now, effects);
        else if (isAll || operation.Owners.All.Any(owner => _down.Contains(owner)) || operation.Highest is not null)
            Offer(operation, there, now, effects);
        else
            WaitForAll(operation, now);
    }

    private void WaitForAll(SerialOperation operation, in Instant now)
    {
        operation.WaitsForAll = true;
        Watch(operation, now.Monotonic);
    }

    private bool Holds(QuorumRequest request, KeyVersions there) => request.Condition switch
    {
        QuorumCondition.Absent => there.IsDeleted,
        QuorumCondition.Equals => Resolve(there) is [var only] && only.Span.SequenceEqual(request.Expected.Span),
        _ => IsUnchanged(KeyContext.FromToken(request.Context, request.Key.Span), there),
    };

    private static bool IsUnchanged(KeyContext context, KeyVersions there)
    {
        foreach (Sibling<StoredValue> sibling in there.Set.Siblings)
        {
            if (!context.Clock.Covers(sibling.Dot) && !context.Writes.Any(write => sibling.Value.Id != Guid.Empty && write.Id == sibling.Value.Id))
                return false;
        }

        return true;
    }

    // Other than that of writes without a condition: the next of those covers all numbers before its own, and may not know of this one yet.
    private VersionSource SerialSource => new(Self, _hard.Generation == 0 ? 2 : _hard.Generation & ~1u);

    /// <summary>Replaces all that there is.</summary>
    private Rejection? TryWrite(QuorumRequest request, KeyVersions there, in Instant now, out KeyVersions after)
    {
        after = there;
        if (!_clock.TryObserve(there.Latest, now, out HybridTime time, out long skew))
            return TooFarBehind(skew);
        if (TooManySources(there, there.Context) is { } many)
            return many;
        if (there.Set.Clock.Covers(new Dot(SerialSource, _counter + 1)) && !TryTakeNewNumbers())
            return NumbersNotGiven;
        after = there.Write(there.Context, new Dot(SerialSource, ++_counter), new StoredValue(time, request.Id, request.IsDelete, request.Value.ToArray()));
        return TooLarge(after);
    }

    private void Offer(SerialOperation operation, KeyVersions proposal, in Instant now, Effects effects)
    {
        operation.Proposal = proposal;
        operation.WaitsForAll = false;
        operation.MayBeDone |= operation.Changes;
        NewRound(operation, SerialStage.Proposing);
        AskAcceptors(operation, now, effects);
    }

    private void TakeAccepted(ReplicaId from, Accepted accepted, in Instant now, Effects effects)
    {
        if (!_rounds.TryGetValue(accepted.Token, out SerialOperation? operation) || operation.Stage != SerialStage.Proposing)
            return;
        Hear(operation, from, now);
        if (!accepted.IsAccepted)
        {
            Refused(operation, from, accepted.AtLeast, now, effects);
            return;
        }

        operation.Agreed |= operation.Owners.BitOf(from);
        if (!IsAgreed(operation))
            return;
        if (!operation.Finishes && !operation.Changes)
            AnswerUnchanged(operation, operation.Proposal, now, effects);
        else
            Commit(operation, operation.Proposal.WithCommitted(operation.Ballot), now, effects);
    }

    /// <summary>What was decided goes to the owners as a write, which answers the client; of another's, this one goes on once a quorum has it.</summary>
    private void Commit(SerialOperation operation, KeyVersions versions, in Instant now, Effects effects)
    {
        _rounds.Remove(operation.RoundToken);
        operation.Stage = SerialStage.Committing;
        bool isOwn = !operation.Finishes;
        var write = new WriteOperation(NextToken(), isOwn ? operation.RequestId : 0, operation.Key, operation.Owners, isOwn ? operation.Level : ConsistencyLevel.Quorum,
            isOwn ? operation.Request!.DurableAcks : 0, operation.Deadline) { Serial = operation };
        Follow(write, now, effects);
        if (isOwn)
            Close(operation);
        Begin(write, versions, now, effects);
    }

    /// <summary>Called once a write that commits has its level.</summary>
    private void Committed(WriteOperation write, in Instant now, Effects effects)
    {
        if (write.Serial is not { } operation || !_operations.ContainsKey(operation.Token))
            return;
        write.Serial = null;
        if (!operation.Finishes)
            EndSerial(operation, now, effects);
        else if (operation.Request is null)
            EndSerial(operation, now, effects);
        else
            Prepare(operation, now, effects);
    }

    /// <summary>Nothing changes. That attempts up to this one are of the past is told to all, but nobody waits for it.</summary>
    private void AnswerUnchanged(SerialOperation operation, KeyVersions there, in Instant now, Effects effects)
    {
        if (operation.Stage == SerialStage.Proposing)
        {
            KeyVersions known = there.WithCommitted(operation.Ballot);
            Update(new StoreUpdate.Merge(operation.Key, known));
            foreach (ReplicaId owner in operation.Owners.All)
            {
                if (owner != Self)
                    AddTo(_puts, owner, new Parcel(0, default, operation.Key, known));
            }
        }

        else if (operation.Request is null)
        {
            // It had missed that what it had accepted is of the past.
            Update(new StoreUpdate.Merge(operation.Key, there));
        }

        if (!operation.IsAnswered)
            Answer(operation, new QuorumReply(there.Context.ToToken(operation.Key.Span), Resolve(there), Applied: !operation.IsWrite), effects);
        EndSerial(operation, now, effects);
    }

    private void Fail(SerialOperation operation, Rejection why, in Instant now, Effects effects)
    {
        if (!operation.IsAnswered)
            Refuse(operation, why, effects);
        EndSerial(operation, now, effects);
    }

    // Another's attempt is in the way, at too many for this one. The waits are random and grow, so that one of two gets through.
    private void Refused(SerialOperation operation, ReplicaId from, long atLeast, in Instant now, Effects effects)
    {
        operation.AtLeast = Math.Max(operation.AtLeast, atLeast);
        operation.Refused |= operation.Owners.BitOf(from);
        if (operation.Owners.IsWritten(ConsistencyLevel.Quorum, ~operation.Refused))
            return;
        _rounds.Remove(operation.RoundToken);
        operation.Stage = SerialStage.Waiting;
        operation.RetryAt = now.Monotonic + 1 + _random.Next(_options.PaxosBackoffMicros << Math.Min(operation.Attempts, 4));
        ArmRetries(operation.RetryAt, now, effects);
    }

    private void ArmRetries(long at, in Instant now, Effects effects)
    {
        if (at >= _retriesAt)
            return;
        _retriesAt = at;
        Arm(Rounds, Math.Max(1, at - now.Monotonic), effects);
    }

    private void RetriesFired(in Instant now, Effects effects)
    {
        _retriesAt = long.MaxValue;
        foreach (SerialOperation operation in InOrder().OfType<SerialOperation>().Where(each => each is { Stage: SerialStage.Waiting, RetryAt: > 0 }).ToArray())
        {
            if (operation.RetryAt > now.Monotonic)
            {
                ArmRetries(operation.RetryAt, now, effects);
                continue;
            }

            operation.RetryAt = 0;
            Prepare(operation, now, effects);
        }
    }

    /// <summary>At a beat of the timer: answers that do not come.</summary>
    private void AskAgain(SerialOperation operation, in Instant now, Effects effects)
    {
        if (operation.Stage is SerialStage.Preparing && operation.WaitsForAll)
            Offer(operation, operation.Merged, now, effects);
        else if (operation.Stage is SerialStage.Preparing or SerialStage.Proposing)
            AskAcceptors(operation, now, effects);
        else if (operation is { Stage: SerialStage.Committing, Finishes: true, IsAnswered: false } && !_operations.Values.OfType<WriteOperation>().Any(write => write.Serial == operation))
            Prepare(operation, now, effects);
    }

    /// <summary>Attempts that nobody has finished for a while are finished here; what was promised long ago is forgotten.</summary>
    private void TidySerial(in Instant now, Effects effects)
    {
        if (_standing.Paxos == 0 || IsRebuilding || _hard.Lost || !_isReady)
            return;
        Lookup(new StoreQuery.Unfinished(now.Wall - _options.PaxosFinishMicros, 16), new Awaited.Unfinished(), effects);
        long floor = now.Wall - _options.PaxosKeepMicros;
        if (floor - _standing.Floor > _options.PaxosKeepMicros / 4)
            Update(new StoreUpdate.Floor(floor));
    }

    private void FinishOthers(PaxosState[] unfinished, in Instant now, Effects effects)
    {
        foreach (PaxosState state in unfinished)
        {
            KeyOwners owners = _placement.Of(state.Key);
            if (_turns.ContainsKey(MerkleItem.Fingerprint(state.Key.Span)) || !owners.MayRead(Self) || IsFull)
                continue;
            var operation = new SerialOperation(NextToken(), 0, state.Key.ToArray(), owners, ConsistencyLevel.Quorum, null, now.Monotonic + _options.PaxosFinishMicros);
            Follow(operation, now, effects);
            BeginSerial(operation, now, effects);
        }
    }

    // ---- the acceptor ----

    private void TakePrepare(ReplicaId from, Prepare prepare, Effects effects)
    {
        if (IsRebuilding || prepare.Ballot.IsNone || !_placement.Of(prepare.Key).Contains(Self))
            return;
        Update(new StoreUpdate.Promise(prepare.Key, prepare.Ballot));
        LookupOnceApplied(new StoreQuery.Paxos([prepare.Key]), new Awaited.Prepared(from, prepare.Token, prepare.Ballot), effects);
    }

    private void TakePropose(ReplicaId from, Propose propose, in Instant now, Effects effects)
    {
        if (IsRebuilding || propose.State.Accepted.IsNone || !_placement.Of(propose.State.Key).Contains(Self) || IsRefusedAsAhead(from, propose.State.Proposal, now, effects))
            return;
        Update(new StoreUpdate.Accept(propose.State));
        LookupOnceApplied(new StoreQuery.Paxos([propose.State.Key]), new Awaited.Proposed(from, propose.Token, propose.State.Accepted), effects);
    }

    private void AnswerPaxos(Awaited awaited, ReadOnlyMemory<byte> result, in Instant now, Effects effects)
    {
        var reader = new ByteReader(result);
        long floor = reader.Int64();
        PaxosState state = PaxosList.Decode(reader.Bytes())[0];
        KeyVersions versions = KeyList.Decode(reader.Bytes())[0].Versions;
        long atLeast = Math.Max(Math.Max(floor, state.Promised.Round), versions.Committed.Round);
        if (awaited is Awaited.Prepared prepared)
        {
            var promise = new Promise(prepared.Token, state.Promised == prepared.Ballot, atLeast, state, versions);
            if (prepared.From == Self)
                TakePromise(Self, promise, now, effects);
            else
                Tell(prepared.From, promise, effects);
        }
        else if (awaited is Awaited.Proposed proposed)
        {
            var accepted = new Accepted(proposed.Token, state.Accepted == proposed.Ballot || versions.Committed == proposed.Ballot, atLeast);
            if (proposed.From == Self)
                TakeAccepted(Self, accepted, now, effects);
            else
                Tell(proposed.From, accepted, effects);
        }
    }
}
