using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;

namespace Akka.DistributedData.Replication;

/// <summary>How far the removal of a removed node's part from one value has come.</summary>
internal abstract record PruningState
{
    /// <summary>What both sides know. Done is after started; of two that started, the lowest node goes on.</summary>
    public static PruningState Merge(PruningState a, PruningState b) => (a, b) switch
    {
        (PruningDone left, PruningDone right) => left.ObsoleteAt >= right.ObsoleteAt ? left : right,
        (PruningDone, _) => a,
        (_, PruningDone) => b,
        (PruningStarted left, PruningStarted right) when left.Owner == right.Owner => left with { Seen = left.Seen.Union(right.Seen) },
        (PruningStarted left, PruningStarted right) => left.Owner.CompareTo(right.Owner) < 0 ? left : right,
        _ => throw new InvalidOperationException($"unknown pruning states {a} and {b}"),
    };
}

/// <summary>The owner will prune once all have seen that it will: from then on no one adds to the removed node's part.</summary>
internal sealed record PruningStarted(UniqueAddress Owner, ImmutableHashSet<Address> Seen) : PruningState;

/// <summary>Pruned; whoever still has the removed node's part drops it. Remembered until then (UTC).</summary>
internal sealed record PruningDone(DateTime ObsoleteAt) : PruningState;

/// <summary>A value with what is known of removed nodes' parts, and how many deltas of each node are in it. Also carries one delta.</summary>
internal sealed record DataEnvelope(
    IReplicatedData Data, ImmutableDictionary<UniqueAddress, PruningState> Pruning, VersionVector DeltaVersions)
{
    public static readonly DataEnvelope Deleted = new(DeletedData.Instance);

    public DataEnvelope(IReplicatedData data) : this(data, ImmutableDictionary<UniqueAddress, PruningState>.Empty, VersionVector.Empty) { }

    public bool IsDeleted => Data is DeletedData;

    /// <summary>This value with the other, or the other's delta, merged in.</summary>
    /// <exception cref="InvalidCastException">The other is of another type.</exception>
    public DataEnvelope Merge(DataEnvelope other)
    {
        if (other.IsDeleted || IsDeleted) return Deleted;
        var pruning = MergedPruning(other.Pruning, DateTime.UtcNow);
        IReplicatedData mine = WithoutPruned(pruning), theirs = other.WithoutPruned(pruning);
        var merged = theirs is IReplicatedDelta delta && mine is IDeltaReplicatedData whole ? whole.MergeDelta(delta) : mine.Merge(theirs);
        var versions = pruning.Keys.Aggregate(DeltaVersions.Merge(other.DeltaVersions), (vector, removed) => vector.PruningCleanup(removed));
        return new(merged, pruning, versions);
    }

    /// <summary>A delta made into the value it starts from nothing.</summary>
    public DataEnvelope Whole() => Data is IReplicatedDelta delta ? this with { Data = delta.Zero.MergeDelta(delta) } : this;

    public DataEnvelope AddSeen(Address node)
    {
        var pruning = Pruning;
        foreach ((UniqueAddress removed, PruningState state) in Pruning)
        {
            if (state is PruningStarted started && started.Owner.Address != node)
                pruning = pruning.SetItem(removed, started with { Seen = started.Seen.Add(node) });
        }

        return pruning == Pruning ? this : this with { Pruning = pruning };
    }

    public bool NeedsPruningFrom(UniqueAddress removed) => Data is IRemovedNodePruning data && data.NeedPruningFrom(removed);

    public DataEnvelope StartPruning(UniqueAddress removed, UniqueAddress owner) =>
        this with { Pruning = Pruning.SetItem(removed, new PruningStarted(owner, [])) };

    public DataEnvelope Prune(UniqueAddress removed, UniqueAddress owner, DateTime obsoleteAt) => new(
        NeedsPruningFrom(removed) ? ((IRemovedNodePruning)Data).Prune(removed, owner) : Data,
        Pruning.SetItem(removed, new PruningDone(obsoleteAt)),
        DeltaVersions.PruningCleanup(removed));

    private ImmutableDictionary<UniqueAddress, PruningState> MergedPruning(ImmutableDictionary<UniqueAddress, PruningState> other, DateTime now)
    {
        if (Pruning.IsEmpty && other.IsEmpty) return Pruning;
        var merged = Pruning.ToBuilder();
        foreach ((UniqueAddress removed, PruningState state) in other)
            merged[removed] = merged.TryGetValue(removed, out PruningState mine) ? PruningState.Merge(mine, state) : state;
        foreach ((UniqueAddress removed, PruningState state) in merged.ToArray())
        {
            if (state is PruningDone done && done.ObsoleteAt <= now) merged.Remove(removed);
        }

        return merged.ToImmutable();
    }

    /// <summary>The value without the parts that have been pruned elsewhere, but not yet here.</summary>
    private IReplicatedData WithoutPruned(ImmutableDictionary<UniqueAddress, PruningState> pruning)
    {
        var data = Data;
        foreach ((UniqueAddress removed, PruningState state) in pruning)
        {
            bool mustGo = state is PruningDone && Pruning.GetValueOrDefault(removed) is not PruningDone;
            if (mustGo && data is IRemovedNodePruning part && part.NeedPruningFrom(removed)) data = part.PruningCleanup(removed);
        }

        return data;
    }
}
