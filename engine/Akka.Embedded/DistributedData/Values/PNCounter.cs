using System.Collections.Immutable;
using System.Numerics;
using Akka.Cluster;
using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

/// <summary>A counter that grows and shrinks: one counter of what was added less one of what was taken (Shapiro et al. 2011, 3.1.2).</summary>
public sealed class PNCounter(GCounter increments, GCounter decrements)
    : IOwnDeltaData<PNCounter, PNCounter>, IOwnPruning<PNCounter>, IWireData, IReplicatedDelta, IEquatable<PNCounter>
{
    public static readonly PNCounter Empty = new();

    public PNCounter() : this(GCounter.Empty, GCounter.Empty) { }

    public GCounter Increments { get; } = increments;
    public GCounter Decrements { get; } = decrements;
    public BigInteger Value => new BigInteger(Increments.Value) - Decrements.Value;
    IDeltaReplicatedData IReplicatedDelta.Zero => Empty;
    public ImmutableHashSet<UniqueAddress> ModifiedByNodes => Increments.ModifiedByNodes.Union(Decrements.ModifiedByNodes);

    public PNCounter Delta => Increments.Delta is null && Decrements.Delta is null
        ? null : new(Increments.Delta ?? GCounter.Empty, Decrements.Delta ?? GCounter.Empty);

    public PNCounter Increment(Cluster.Cluster node, long delta = 1) => Increment(node.SelfUniqueAddress, delta);
    public PNCounter Decrement(Cluster.Cluster node, long delta = 1) => Decrement(node.SelfUniqueAddress, delta);
    public PNCounter Increment(UniqueAddress address, long delta = 1) => Change(address, delta);
    public PNCounter Decrement(UniqueAddress address, long delta = 1) => Change(address, -(BigInteger)delta);
    public PNCounter Merge(PNCounter other) => new(Increments.Merge(other.Increments), Decrements.Merge(other.Decrements));
    public PNCounter MergeDelta(PNCounter delta) => Merge(delta);
    public PNCounter ResetDelta() => Delta is null ? this : new(Increments.ResetDelta(), Decrements.ResetDelta());
    public bool NeedPruningFrom(UniqueAddress removedNode) => Increments.NeedPruningFrom(removedNode) || Decrements.NeedPruningFrom(removedNode);

    public PNCounter Prune(UniqueAddress removedNode, UniqueAddress collapseInto) =>
        new(Increments.Prune(removedNode, collapseInto), Decrements.Prune(removedNode, collapseInto));

    public PNCounter PruningCleanup(UniqueAddress removedNode) =>
        new(Increments.PruningCleanup(removedNode), Decrements.PruningCleanup(removedNode));

    public bool Equals(PNCounter other) => other is not null && Increments.Equals(other.Increments) && Decrements.Equals(other.Decrements);
    public override bool Equals(object obj) => Equals(obj as PNCounter);
    public override int GetHashCode() => HashCode.Combine(Increments, Decrements);
    public override string ToString() => $"PNCounter({Value})";

    void IWireData.Write(DataWriter to)
    {
        Increments.Write(to);
        Decrements.Write(to);
    }

    internal static PNCounter Read(DataReader from) => new(GCounter.Read(from), GCounter.Read(from));

    private PNCounter Change(UniqueAddress node, BigInteger by) => by.Sign >= 0
        ? new(Increments.Increment(node, (ulong)by), Decrements)
        : new(Increments, Decrements.Increment(node, (ulong)-by));
}
