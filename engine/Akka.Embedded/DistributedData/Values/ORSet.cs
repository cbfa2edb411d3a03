using System.Collections;
using System.Collections.Immutable;
using Akka.Cluster;
using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

/// <inheritdoc cref="ORSet{T}"/>
public static class ORSet
{
    public static ORSet<T> Create<T>(UniqueAddress node, T element) => ORSet<T>.Empty.Add(node, element);
    public static ORSet<T> Create<T>(params KeyValuePair<UniqueAddress, T>[] elements) => Create(elements.AsEnumerable());
    public static ORSet<T> Create<T>(IEnumerable<KeyValuePair<UniqueAddress, T>> elements) =>
        elements.Aggregate(ORSet<T>.Empty, (set, element) => set.Add(element.Key, element.Value));
}

/// <summary>
/// A set in which an addition wins over the removals that did not know of it. Each element has the events (dots) that added it; the set
/// knows which events it has seen, so that removed elements leave nothing behind (Bieniusa et al. 2012, "An optimized conflict-free
/// replicated set").
/// </summary>
public sealed partial class ORSet<T>
    : IOwnDeltaData<ORSet<T>, ORSet<T>.IDeltaOperation>, IOwnPruning<ORSet<T>>, IWireData, IDerivedData,
        IEquatable<ORSet<T>>, IEnumerable<T>
{
    public static readonly ORSet<T> Empty = new();
    private readonly ImmutableDictionary<T, VersionVector> _dots;
    private readonly VersionVector _seen;
    private readonly DeltaGroup _delta;
    private readonly ORSet<T> _ancestor;

    public ORSet() : this(ImmutableDictionary<T, VersionVector>.Empty, VersionVector.Empty) { }
    public ORSet(ImmutableDictionary<T, VersionVector> elementsMap, VersionVector versionVector) : this(elementsMap, versionVector, null, null) { }

    private ORSet(ImmutableDictionary<T, VersionVector> dots, VersionVector seen, DeltaGroup delta, ORSet<T> ancestor)
    {
        _dots = dots;
        _seen = seen;
        _delta = delta;
        _ancestor = ancestor;
    }

    public IImmutableSet<T> Elements => _dots.Keys.ToImmutableHashSet();
    public int Count => _dots.Count;
    public bool IsEmpty => _dots.IsEmpty;
    public IDeltaOperation Delta => _delta;
    bool IDerivedData.IsDerivedFrom(IReplicatedData other) => _ancestor is not null && ReferenceEquals(_ancestor, other);
    public ImmutableHashSet<UniqueAddress> ModifiedByNodes => _seen.ModifiedByNodes;
    public bool Contains(T elem) => _dots.ContainsKey(elem);

    public ORSet<T> Add(Cluster.Cluster cluster, T element) => Add(cluster.SelfUniqueAddress, element);
    public ORSet<T> Remove(Cluster.Cluster node, T element) => Remove(node.SelfUniqueAddress, element);
    public ORSet<T> Clear(Cluster.Cluster node) => Clear(node.SelfUniqueAddress);

    public ORSet<T> Add(UniqueAddress node, T element)
    {
        var seen = _seen.Increment(node);
        var dot = VersionVector.Create(node, seen.VersionAt(node));
        var added = new ORSet<T>(ImmutableDictionary<T, VersionVector>.Empty.Add(element, dot), dot);
        return new(_dots.SetItem(element, dot), seen, Changed(Operation.Add, added), _ancestor ?? this);
    }

    public ORSet<T> Remove(UniqueAddress node, T element)
    {
        var removed = new ORSet<T>(ImmutableDictionary<T, VersionVector>.Empty.Add(element, VersionVector.Empty), _seen);
        return new(_dots.Remove(element), _seen, Changed(Operation.Remove, removed), _ancestor ?? this);
    }

    /// <summary>Removes all elements that are known here.</summary>
    public ORSet<T> Clear(UniqueAddress node)
    {
        var cleared = new ORSet<T>(ImmutableDictionary<T, VersionVector>.Empty, _seen);
        return new(cleared._dots, _seen, Changed(Operation.Full, cleared), _ancestor ?? this);
    }

    public ORSet<T> Merge(ORSet<T> other)
    {
        if (ReferenceEquals(this, other)) return ResetDelta();
        var merged = _dots.ToBuilder();
        foreach ((T element, VersionVector dots) in _dots)
            Set(merged, element, dots, VersionVector.Surviving(dots, _seen, other.DotsOf(element), other._seen));
        foreach ((T element, VersionVector dots) in other._dots)
        {
            if (!_dots.ContainsKey(element))
                Set(merged, element, VersionVector.Empty, VersionVector.Surviving(VersionVector.Empty, _seen, dots, other._seen));
        }

        return new(merged.ToImmutable(), _seen.Merge(other._seen));
    }

    public ORSet<T> MergeDelta(IDeltaOperation delta) =>
        ((DeltaGroup)delta).Steps.Aggregate(this, (set, step) => step.Operation switch
        {
            Operation.Add => set.MergeAdded(step.Set),
            Operation.Remove => set.MergeRemoved(step.Set),
            _ => set.Merge(step.Set),
        });

    public ORSet<T> ResetDelta() => _delta is null ? this : new(_dots, _seen);

    public bool NeedPruningFrom(UniqueAddress removedNode) => _seen.NeedPruningFrom(removedNode);

    public ORSet<T> Prune(UniqueAddress removedNode, UniqueAddress collapseInto)
    {
        var seen = _seen.Prune(removedNode, collapseInto);
        var dot = VersionVector.Create(collapseInto, seen.VersionAt(collapseInto));
        var dots = _dots.ToBuilder();
        foreach ((T element, VersionVector old) in _dots)
        {
            if (old.Contains(removedNode)) dots[element] = old.PruningCleanup(removedNode).Merge(dot);
        }

        return new(dots.ToImmutable(), seen);
    }

    public ORSet<T> PruningCleanup(UniqueAddress removedNode)
    {
        var dots = _dots.ToBuilder();
        foreach ((T element, VersionVector old) in _dots)
            Set(dots, element, old, old.PruningCleanup(removedNode));
        return new(dots.ToImmutable(), _seen.PruningCleanup(removedNode));
    }

    public IEnumerator<T> GetEnumerator() => _dots.Keys.GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public bool Equals(ORSet<T> other) =>
        other is not null && _dots.Count == other._dots.Count && _seen.Equals(other._seen)
        && _dots.All(entry => other.DotsOf(entry.Key).Equals(entry.Value));

    public override bool Equals(object obj) => Equals(obj as ORSet<T>);
    public override int GetHashCode() => _seen.GetHashCode();
    public override string ToString() => $"ORSet({string.Join(", ", _dots.Keys)})";

    void IWireData.Write(DataWriter to) => Write(to);

    internal void Write(DataWriter to)
    {
        _seen.Write(to);
        to.Count(_dots.Count);
        foreach ((T element, byte[] bytes) in to.InOrder(_dots.Keys))
        {
            to.Bytes(bytes);
            _dots[element].Write(to);
        }
    }

    internal static ORSet<T> Read(DataReader from)
    {
        var seen = VersionVector.Read(from);
        var dots = ImmutableDictionary.CreateBuilder<T, VersionVector>();
        for (int left = from.Count(); left > 0; left--)
            dots[from.Element<T>()] = VersionVector.Read(from);
        return new(dots.ToImmutable(), seen);
    }

    private ORSet<T> MergeAdded(ORSet<T> added)
    {
        var merged = _dots.ToBuilder();
        foreach ((T element, VersionVector dots) in added._dots)
            Set(merged, element, DotsOf(element), VersionVector.Surviving(DotsOf(element), _seen, dots, added._seen));
        return new(merged.ToImmutable(), _seen.Merge(added._seen));
    }

    private ORSet<T> MergeRemoved(ORSet<T> removed)
    {
        var merged = _dots.ToBuilder();
        foreach (T element in removed._dots.Keys)
            Set(merged, element, DotsOf(element), VersionVector.Surviving(DotsOf(element), _seen, VersionVector.Empty, removed._seen));
        return new(merged.ToImmutable(), _seen);
    }

    private VersionVector DotsOf(T element) => _dots.TryGetValue(element, out VersionVector dots) ? dots : VersionVector.Empty;

    private DeltaGroup Changed(Operation operation, ORSet<T> set)
    {
        var step = new DeltaGroup([(operation, set)]);
        return _delta is null ? step : _delta.Merge(step);
    }

    private static void Set(ImmutableDictionary<T, VersionVector>.Builder dots, T element, VersionVector before, VersionVector after)
    {
        if (after.IsEmpty) dots.Remove(element);
        else if (!ReferenceEquals(before, after)) dots[element] = after;
    }
}
