using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Reads, and the repair of what they find stale.</summary>
public sealed partial class QuorumReplica
{
    private void AskOwners(ReadOperation read)
    {
        foreach (ReplicaId owner in read.Owners.Where(owner => owner != Self && !read.Answers.ContainsKey(owner)))
            AddTo(_gets, owner, new Parcel(read.Token, default, read.Key, KeyVersions.Empty));
    }

    /// <summary>As an owner: says what is durable here. One that may lack something says nothing.</summary>
    private void TakeGet(ReplicaId from, Get get, Effects effects)
    {
        if (!IsRebuilding)
            Lookup(new StoreQuery.Keys([.. get.Keys.Select(parcel => parcel.Key)]), new Awaited.PeerReads(from, get.Keys), effects);
    }

    private void TakeAnswer(ReplicaId from, GetAnswer answer, Effects effects)
    {
        foreach (Parcel parcel in answer.Parcels)
        {
            if (_operations.TryGetValue(parcel.Token, out Operation? operation) && operation is ReadOperation read)
                Answered(read, from, parcel.Versions, effects);
        }
    }

    private void Answered(ReadOperation read, ReplicaId from, KeyVersions versions, Effects effects)
    {
        if (!read.Owners.Contains(from) || !read.Answers.TryAdd(from, versions))
            return;
        read.Merged = read.Merged.Merge(versions);
        if (!read.IsDecided && read.Level.IsMet(read.Owners, read.Answers.Keys.ToHashSet(), _options.RegionOf, _options.RegionOf(Self)))
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
        foreach ((ReplicaId owner, KeyVersions versions) in read.Answers)
        {
            if (versions.Merge(read.Result).IsSame(versions))
                read.Has.Add(owner);
            if (versions.IsSame(read.Merged) || !read.Repaired.Add(owner))
                continue;
            if (owner == Self)
                Store(read, read.Merged);
            else
                AddTo(_puts, owner, new Parcel(read.Token, default, read.Key, read.Merged));
        }
    }

    private void RepairAcked(ReadOperation read, ReplicaId from, Effects effects)
    {
        read.Has.Add(from);
        AnswerRead(read, effects);
    }

    /// <summary>
    /// A read that asks several owners is answered once as many have what it returns: no later one of that level finds less (monotonic quorum reads). One that
    /// asks a single owner does not wait.
    /// </summary>
    private void AnswerRead(ReadOperation read, Effects effects)
    {
        bool isKept = read.Level is { Kind: ConsistencyKind.Count, Owners: 1 } || read.Level.IsMet(read.Owners, read.Has, _options.RegionOf, _options.RegionOf(Self));
        if (read.IsDecided && isKept && !read.IsAnswered)
        {
            read.IsAnswered = true;
            effects.Add(new Effect.Reply(read.RequestId, new QuorumReply(read.Result.Context.ToToken(read.Key.Span), Resolve(read.Result)).ToBytes()));
        }

        if (read.IsAnswered && read.Answers.Count == read.Owners.Count)
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
        string region = _options.RegionOf(dot.Source.Replica);
        for (int rank = 0; rank < _options.RegionOrder.Count; rank++)
        {
            if (_options.RegionOrder[rank] == region)
                return rank;
        }

        return int.MaxValue;
    }
}
