using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// Writes that replace whatever there is, in one round: the coordinator writes after what it knows itself, and each owner says, as it acknowledges, whether that was all it had. If as many as
/// a read asks had no more, the write has replaced all that was acknowledged before it began, and is done. Otherwise it is done once more as one that asks first, in place of
/// its own first attempt too: under another number, so that what a number replaces is settled when it is given, and no two writes ever replace each other.
/// <para>
/// Only where nobody can have sent the write before: a first attempt of long ago may have been done and replaced since, and would come back.
/// </para>
/// </summary>
public sealed partial class QuorumReplica
{
    // A replica that was sent what is ahead of its clock asks before it writes, for so long: what it would find out afterwards it could not refuse any more.
    private const long BehindMicros = 10 * Instant.Second;

    private readonly SortedDictionary<ReplicaId, List<Parcel>> _covers = [];
    // Taken for others: when each is applied, the store says whether it found more than that knew.
    private readonly Queue<CoverClaim> _claims = new();
    private long _behindUntil = long.MinValue;

    private bool MayBeginAtOnce(QuorumRequest request, Inquiry inquiry, ConsistencyLevel level, KeyOwners owners, in Instant now)
    {
        if (!request.First || IsRebuilding || now.Monotonic < _behindUntil || WriteName.IsProvisional(request.Id))
            return false;
        if (_down.Count == 0)
            return true;
        // With too few there, that nothing was done is worth more than a round.
        ulong there = owners.Without(_down);
        return owners.IsRead(inquiry.Level, there) && owners.IsWritten(level, there);
    }

    /// <summary>What of a write its owners are to make durable.</summary>
    private void PutTo(ReplicaId owner, WriteOperation write) =>
        AddTo(write is { Covering: not null, IsAnswered: false } ? _covers : _puts, owner, new Parcel(write.Token, default, write.Key, write.Versions));

    /// <summary>As an owner: makes durable, then acknowledges.</summary>
    private void TakeCover(ReplicaId from, Cover cover, in Instant now, Effects effects)
    {
        foreach (Parcel parcel in cover.Parcels)
        {
            KeyOwners owners = _placement.Of(parcel.Key);
            if (IsRefusedAsAhead(from, parcel.Versions, now, effects) || !owners.Contains(Self))
                continue;
            // Who is being filled has nothing that could have been covered; by the time that it is heard it may be one that reads ask.
            _claims.Enqueue(new CoverClaim(NextIndex, from, parcel.Token, owners.MayRead(Self)));
            Update(new StoreUpdate.Merge(parcel.Key, parcel.Versions, IsOld(parcel.Versions, now)));
        }
    }

    /// <summary>The store has applied some of them.</summary>
    private void AskAboutClaims(Effects effects)
    {
        if (!_claims.TryPeek(out CoverClaim first) || first.Index > _appliedIndex)
            return;
        var applied = new List<CoverClaim>();
        while (_claims.TryPeek(out CoverClaim next) && next.Index <= _appliedIndex)
            applied.Add(_claims.Dequeue());
        Lookup(new StoreQuery.Uncovered(first.Index), new Awaited.Claims(applied), effects);
    }

    private void AnswerClaims(List<CoverClaim> claims, UncoveredList uncovered, Effects effects)
    {
        var answers = new SortedDictionary<ReplicaId, (List<long> Covering, List<long> Others)>();
        foreach (CoverClaim claim in claims)
        {
            if (!answers.TryGetValue(claim.From, out (List<long> Covering, List<long> Others) answer))
                answers[claim.From] = answer = (new List<long>(claims.Count), []);
            // One that may lack something does not know what it should have had.
            bool isCovering = claim.IsReader && !IsRebuilding && !uncovered.Has(claim.Index);
            (isCovering ? answer.Covering : answer.Others).Add(claim.Token);
        }

        foreach ((ReplicaId to, (List<long> covering, List<long> others)) in answers)
            Tell(to, new CoverAck(covering, others), effects);
    }

    private void TakeCoverAck(ReplicaId from, CoverAck ack, in Instant now, Effects effects)
    {
        foreach (long token in ack.Covering)
            Covered(token, from, knewAll: true, now, effects);
        foreach (long token in ack.Others)
            Covered(token, from, knewAll: false, now, effects);
    }

    private void Covered(long token, ReplicaId from, bool knewAll, in Instant now, Effects effects)
    {
        if (!_operations.TryGetValue(token, out Operation? operation) || operation is not WriteOperation write)
            return;
        write.Covering?.Hear(write.Owners.BitOf(from) & write.Owners.Readers.Mask, knewAll);
        Acked(write, from, now, effects);
    }

    /// <summary>Enough have it, and too few of them had no more than it knew.</summary>
    private static bool HasToBeginAgain(WriteOperation write) => write is { IsAnswered: false, Covering: { Lacking: not 0 } covering }
        && write.Owners.IsWritten(write.Level, write.Acked) && write.Owners.IsRead(covering.Level, covering.Heard) && !write.Owners.IsRead(covering.Level, covering.Covered);

    private void BeginAgain(WriteOperation write, in Instant now, Effects effects)
    {
        Close(write);
        _operations.Remove(write.Token);
        Covering covering = write.Covering!;
        var again = new WriteOperation(NextToken(), write.RequestId, write.Key, write.Owners, write.Level, write.Durable, write.Deadline)
        {
            Batch = write.Batch,
            Place = write.Place,
            IsBlind = write.IsBlind,
            IsSecond = true,
            Inquiry = new Inquiry(covering.Request, covering.Level) { Fetches = true, Sent = SaysAll(write.Owners) },
        };
        Follow(again, now, effects);
        Inquire(again);
    }

    /// <summary>
    /// Of a write whose first attempt, under its provisional name, is known to the owners: whether it has replaced what it should nobody has said. What they have is
    /// <paramref name="before"/>, put together.
    /// </summary>
    /// <returns>False: it is written once more.</returns>
    private bool IsSettledBefore(WriteOperation write, QuorumRequest request, KeyVersions before, in Instant now, Effects effects)
    {
        Guid name = WriteName.ProvisionalOf(request.Id);
        if (write.Covering is not null || !request.Replace || !before.Knows(name))
            return false;
        bool isThere = before.Set.Siblings.Any(sibling => sibling.Value.Id == name);
        // What is there has replaced it, and nothing is beside that. Its coordinator, should it go on, is told by the name that it is done.
        if (!isThere && before.Set.Siblings.Count <= 1)
        {
            Begin(write, before.WithFinal(name), now, effects);
            return true;
        }

        if (isThere || write.IsSecond)
            return false;
        // Done and replaced long ago, or done in part: writing it again might bring it back.
        RefuseWrite(write, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Detail: "a coordinator that was lost has begun with this write, and others have written the key since"), effects);
        return true;
    }

    private readonly record struct CoverClaim(long Index, ReplicaId From, long Token, bool IsReader);
}
