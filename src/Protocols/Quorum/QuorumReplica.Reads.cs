using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Reads, and the repair of what they find stale.</summary>
public sealed partial class QuorumReplica
{
    private void AskOwners(ReadOperation read)
    {
        KeyOwners owners = read.Owners;
        for (int i = 0; i < owners.All.Length; i++)
        {
            if (owners.All[i] != Self && ((read.Answered >> i) & 1) == 0 && ((owners.Readers.Mask >> i) & 1) != 0)
                AddTo(_gets, owners.All[i], new Parcel(read.Token, default, read.Key, KeyVersions.Empty));
        }
    }

    /// <summary>As an owner: says what is durable here. One that may lack something says nothing.</summary>
    private void TakeGet(ReplicaId from, Get get, Effects effects)
    {
        if (IsRebuilding)
            return;
        foreach (Parcel[] some in get.Keys.Chunk(MostLookedUp))
            Lookup(new StoreQuery.Keys([.. some.Select(parcel => parcel.Key)]), new Awaited.PeerReads(from, some), effects);
    }

    private void TakeAnswer(ReplicaId from, GetAnswer answer, in Instant now, Effects effects)
    {
        foreach (Parcel parcel in answer.Parcels)
        {
            if (!_operations.TryGetValue(parcel.Token, out Operation? operation) || operation is SerialOperation)
                continue;
            if (IsRefusedAsAhead(from, parcel.Versions, now, effects))
            {
                if (operation is WriteOperation { Inquiry: { Fetches: true, IsOver: false }, IsAnswered: false } behind)
                    FetchedAhead(behind, from, parcel.Versions, now, effects);
            }
            else if (operation is ReadOperation read)
            {
                Hear(read, from, now);
                Answered(read, from, parcel.Versions, effects);
            }
            else if (operation is WriteOperation { Inquiry: { Fetches: true, IsOver: false } } write)
            {
                Fetched(write, from, parcel.Versions);
            }
        }
    }

    private void Answered(ReadOperation read, ReplicaId from, KeyVersions versions, Effects effects)
    {
        if (!read.TryAdd(from, versions))
            return;
        if (!read.IsDecided && read.Owners.IsRead(read.Level, read.Answered))
        {
            read.IsDecided = true;
            read.Result = read.Merged;
        }

        if (read.IsDecided)
            RepairStale(read);
        AnswerRead(read, effects);
    }

    // Who answered less than all that is known gets that, once: what is found later is left to the next read, or to anti-entropy.
    private void RepairStale(ReadOperation read)
    {
        KeyOwners owners = read.Owners;
        for (int i = 0; i < owners.All.Length; i++)
        {
            ulong bit = 1UL << i;
            if (read.AnswerOf(i) is not { } versions)
                continue;
            bool isSame = versions.IsSame(read.Merged);
            if (isSame || ReferenceEquals(versions.Merge(read.Result), versions))
                read.Has |= bit;
            if (isSame || (read.Repaired & bit) != 0)
                continue;
            read.Repaired |= bit;
            if (owners.All[i] == Self)
                Store(read, read.Merged);
            else
                AddTo(_puts, owners.All[i], new Parcel(read.Token, default, read.Key, read.Merged));
        }
    }

    private void RepairAcked(ReadOperation read, ReplicaId from, Effects effects)
    {
        read.Has |= read.Owners.BitOf(from);
        AnswerRead(read, effects);
    }

    /// <summary>
    /// A read that asks several owners is answered once as many have what it returns: no later one of that level finds less (monotonic quorum reads). One that
    /// asks a single owner does not wait.
    /// </summary>
    private void AnswerRead(ReadOperation read, Effects effects)
    {
        bool isKept = read.Level is { Kind: ConsistencyKind.Count, Owners: 1 } || read.Owners.IsRead(read.Level, read.Has);
        if (read.IsDecided && isKept && !read.IsAnswered)
        {
            Close(read);
            Watch(read, EndOf(read));
            Answer(read, new QuorumReply(read.Result.Context.ToToken(read.Key.Span), Resolve(read.Result)), effects);
        }

        if (read.IsOver)
            _operations.Remove(read.Token);
    }

    private IReadOnlyList<ReadOnlyMemory<byte>> Resolve(KeyVersions versions)
    {
        Sibling<StoredValue>[] siblings = [.. versions.Set.Siblings];
        if (_options.Resolution is Resolution.LastWriteWins && siblings.Length > 1)
            siblings = [siblings.MaxBy(sibling => (sibling.Value.Time, sibling.Dot))];
        if (_options.Resolution is Resolution.RegionPriority && siblings.Length > 1)
            siblings = [siblings.OrderBy(sibling => RankOf(sibling.Dot)).ThenByDescending(sibling => (sibling.Value.Time, sibling.Dot)).First()];
        ReadOnlyMemory<byte>[] values = [.. siblings.Where(sibling => !sibling.Value.IsTombstone).Select(sibling => sibling.Value.Bytes)];
        return _options.Resolution is Resolution.Merge && values.Length > 1 ? [_options.Merge!(values)] : values;
    }

    private int RankOf(in Dot dot)
    {
        string region = _view.RegionOf(dot.Source.Replica);
        for (int rank = 0; rank < _options.RegionOrder.Count; rank++)
        {
            if (_options.RegionOrder[rank] == region)
                return rank;
        }

        return int.MaxValue;
    }
}
