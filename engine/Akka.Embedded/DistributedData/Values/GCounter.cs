using System.Collections.Immutable;
using Akka.Cluster;
using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

/// <summary>A counter that only grows: each node counts for itself, and the value is the sum (Shapiro et al. 2011, 3.1.1).</summary>
public sealed class GCounter
    : IOwnDeltaData<GCounter, GCounter>, IOwnPruning<GCounter>, IWireData, IReplicatedDelta, IEquatable<GCounter>
{
    public GCounter() : this(ImmutableDictionary<UniqueAddress, ulong>.Empty) { }

    private GCounter(ImmutableDictionary<UniqueAddress, ulong> state, GCounter delta = null)
    {
        State = state;
        Delta = delta;
    }

    public static GCounter Empty { get; } = new();
    public ImmutableDictionary<UniqueAddress, ulong> State { get; }
    public GCounter Delta { get; }
    IDeltaReplicatedData IReplicatedDelta.Zero => Empty;
    public ImmutableHashSet<UniqueAddress> ModifiedByNodes => [.. State.Keys];
    public ulong Value => State.Values.Aggregate(0UL, (sum, count) => checked(sum + count));

    public GCounter Increment(Cluster.Cluster node, ulong delta = 1) => Increment(node.SelfUniqueAddress, delta);

    public GCounter Increment(UniqueAddress node, ulong n = 1)
    {
        if (n == 0) return this;
        ulong count = checked(State.GetValueOrDefault(node) + n);
        var changed = (Delta ?? Empty).State.SetItem(node, count);
        return new(State.SetItem(node, count), new(changed));
    }

    public GCounter Merge(GCounter other)
    {
        var merged = State.ToBuilder();
        foreach ((UniqueAddress node, ulong count) in other.State)
        {
            if (merged.GetValueOrDefault(node) < count) merged[node] = count;
        }

        return new(merged.ToImmutable());
    }

    public GCounter MergeDelta(GCounter delta) => Merge(delta);
    public GCounter ResetDelta() => Delta is null ? this : new(State);
    public bool NeedPruningFrom(UniqueAddress removedNode) => State.ContainsKey(removedNode);

    public GCounter Prune(UniqueAddress removedNode, UniqueAddress collapseInto) =>
        State.TryGetValue(removedNode, out ulong count) ? new GCounter(State.Remove(removedNode)).Increment(collapseInto, count) : this;

    public GCounter PruningCleanup(UniqueAddress removedNode) => new(State.Remove(removedNode));

    public bool Equals(GCounter other) =>
        other is not null && State.Count == other.State.Count
        && State.All(entry => other.State.TryGetValue(entry.Key, out ulong count) && count == entry.Value);

    public override bool Equals(object obj) => Equals(obj as GCounter);
    public override int GetHashCode() => State.Aggregate(0, (hash, entry) => hash ^ HashCode.Combine(entry.Key, entry.Value));
    public override string ToString() => $"GCounter({Value})";
    public static implicit operator ulong(GCounter counter) => counter.Value;

    void IWireData.Write(DataWriter to) => Write(to);

    internal void Write(DataWriter to)
    {
        to.Count(State.Count);
        foreach ((UniqueAddress node, ulong count) in State.OrderBy(entry => entry.Key))
        {
            to.Node(node);
            to.Number((long)count);
        }
    }

    internal static GCounter Read(DataReader from)
    {
        var state = ImmutableDictionary.CreateBuilder<UniqueAddress, ulong>();
        for (int left = from.Count(); left > 0; left--)
            state[from.Node()] = (ulong)from.Number();
        return new(state.ToImmutable());
    }
}
