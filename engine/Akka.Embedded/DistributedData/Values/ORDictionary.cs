using System.Collections;
using System.Collections.Immutable;
using Akka.Cluster;
using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

/// <inheritdoc cref="ORDictionary{TKey, TValue}"/>
public static class ORDictionary
{
    public static ORDictionary<TKey, TValue> Create<TKey, TValue>(UniqueAddress node, TKey key, TValue value)
        where TValue : IReplicatedData<TValue> => ORDictionary<TKey, TValue>.Empty.SetItem(node, key, value);
}

/// <summary>
/// Values by key. The keys are an <see cref="ORSet{T}"/>: an update wins over the removals that did not know of it. Values of the same
/// key are merged.
/// </summary>
public sealed partial class ORDictionary<TKey, TValue>
    : IOwnDeltaData<ORDictionary<TKey, TValue>, ORDictionary<TKey, TValue>.IDeltaOperation>, IOwnPruning<ORDictionary<TKey, TValue>>,
        IWireData, IDerivedData, IEquatable<ORDictionary<TKey, TValue>>, IEnumerable<KeyValuePair<TKey, TValue>>
    where TValue : IReplicatedData<TValue>
{
    public static readonly ORDictionary<TKey, TValue> Empty = new(ORSet<TKey>.Empty, ImmutableDictionary<TKey, TValue>.Empty);
    private readonly ORSet<TKey> _keys;
    private readonly ImmutableDictionary<TKey, TValue> _values;
    private readonly Changes _delta;
    private readonly ORDictionary<TKey, TValue> _ancestor;

    public ORDictionary(ORSet<TKey> keySet, IImmutableDictionary<TKey, TValue> valueMap)
        : this(keySet, valueMap as ImmutableDictionary<TKey, TValue> ?? valueMap.ToImmutableDictionary())
    {
    }

    private ORDictionary(
        ORSet<TKey> keys, ImmutableDictionary<TKey, TValue> values, Changes delta = null, ORDictionary<TKey, TValue> ancestor = null)
    {
        _keys = keys.ResetDelta();
        _values = values;
        _delta = delta;
        _ancestor = ancestor;
    }

    public IImmutableDictionary<TKey, TValue> Entries => _values;
    public IEnumerable<TKey> Keys => _values.Keys;
    public IEnumerable<TValue> Values => _values.Values;
    public int Count => _values.Count;
    public bool IsEmpty => _values.IsEmpty;
    public TValue this[TKey key] => _values[key];
    public IDeltaOperation Delta => _delta;
    public bool ContainsKey(TKey key) => _values.ContainsKey(key);
    public bool TryGetValue(TKey key, out TValue value) => _values.TryGetValue(key, out value);

    public ORDictionary<TKey, TValue> SetItem(Cluster.Cluster node, TKey key, TValue value) => SetItem(node.SelfUniqueAddress, key, value);
    public ORDictionary<TKey, TValue> Remove(Cluster.Cluster node, TKey key) => Remove(node.SelfUniqueAddress, key);

    public ORDictionary<TKey, TValue> AddOrUpdate(Cluster.Cluster node, TKey key, TValue initial, Func<TValue, TValue> modify) =>
        AddOrUpdate(node.SelfUniqueAddress, key, initial, modify);

    /// <summary>Replaces the value here. Elsewhere the new one is merged into the old.</summary>
    /// <exception cref="ArgumentException">The value is a set that replaces another, whose elements would come back.</exception>
    public ORDictionary<TKey, TValue> SetItem(UniqueAddress node, TKey key, TValue value)
    {
        if (typeof(TValue).IsGenericType && typeof(TValue).GetGenericTypeDefinition() == typeof(ORSet<>) && ContainsKey(key))
            throw new ArgumentException($"the set under '{key}' cannot be replaced, for its elements would come back; use {nameof(AddOrUpdate)}");
        return Put(node, key, Clean(value));
    }

    /// <summary>Changes the value, or the initial one where there is none.</summary>
    public ORDictionary<TKey, TValue> AddOrUpdate(UniqueAddress node, TKey key, TValue initial, Func<TValue, TValue> modify)
    {
        if (!_values.TryGetValue(key, out TValue old)) return Put(node, key, Clean(modify(initial)));
        TValue changed = modify(Clean(old));
        if (changed is not IDeltaReplicatedData { Delta: { } delta }) return Put(node, key, Clean(changed));
        var keys = _keys.Add(node, key);
        return new(keys, _values.SetItem(key, Clean(changed)), Changed(new(keys.Delta, key, default, delta)), _ancestor ?? this);
    }

    public ORDictionary<TKey, TValue> Remove(UniqueAddress node, TKey key)
    {
        var keys = _keys.Remove(node, key);
        return new(keys, _values.Remove(key), Changed(new(keys.Delta, key, default, null)), _ancestor ?? this);
    }

    public ORDictionary<TKey, TValue> Merge(ORDictionary<TKey, TValue> other)
    {
        var keys = _keys.Merge(other._keys);
        var values = _values.ToBuilder();
        values.RemoveRange(_values.Keys.Where(key => !keys.Contains(key)));
        foreach ((TKey key, TValue theirs) in other._values)
        {
            if (keys.Contains(key)) values[key] = values.TryGetValue(key, out TValue mine) ? mine.Merge(theirs) : theirs;
        }

        return new(keys, values.ToImmutable());
    }

    public ORDictionary<TKey, TValue> MergeDelta(IDeltaOperation delta) =>
        ((Changes)delta).Steps.Aggregate(this, (dictionary, step) => dictionary.Apply(step));

    public ORDictionary<TKey, TValue> ResetDelta() => _delta is null ? this : new(_keys, _values);

    public ImmutableHashSet<UniqueAddress> ModifiedByNodes => _values.Values.OfType<IRemovedNodePruning>()
        .Aggregate(_keys.ModifiedByNodes, (nodes, value) => nodes.Union(value.ModifiedByNodes));

    public bool NeedPruningFrom(UniqueAddress removedNode) =>
        _keys.NeedPruningFrom(removedNode) || _values.Values.Any(value => value is IRemovedNodePruning part && part.NeedPruningFrom(removedNode));

    public ORDictionary<TKey, TValue> Prune(UniqueAddress removedNode, UniqueAddress collapseInto) =>
        new(_keys.Prune(removedNode, collapseInto), Pruned(removedNode, part => part.Prune(removedNode, collapseInto)));

    public ORDictionary<TKey, TValue> PruningCleanup(UniqueAddress removedNode) =>
        new(_keys.PruningCleanup(removedNode), Pruned(removedNode, part => part.PruningCleanup(removedNode)));

    public IEnumerator<KeyValuePair<TKey, TValue>> GetEnumerator() => _values.GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public bool Equals(ORDictionary<TKey, TValue> other) =>
        other is not null && _keys.Equals(other._keys) && _values.Count == other._values.Count
        && _values.All(entry => other._values.TryGetValue(entry.Key, out TValue value) && value.Equals(entry.Value));

    public override bool Equals(object obj) => Equals(obj as ORDictionary<TKey, TValue>);
    public override int GetHashCode() => _keys.GetHashCode();
    public override string ToString() => $"ORDictionary({string.Join(", ", _values.Select(entry => $"{entry.Key}: {entry.Value}"))})";

    bool IDerivedData.IsDerivedFrom(IReplicatedData other) => IsDerivedFrom(other);
    internal bool IsDerivedFrom(IReplicatedData other) => _ancestor is not null && ReferenceEquals(_ancestor, other);
    void IWireData.Write(DataWriter to) => Write(to);

    internal void Write(DataWriter to)
    {
        _keys.Write(to);
        to.Count(_values.Count);
        foreach ((TKey key, byte[] bytes) in to.InOrder(_values.Keys))
        {
            to.Bytes(bytes);
            to.Message(_values[key]);
        }
    }

    internal static ORDictionary<TKey, TValue> Read(DataReader from)
    {
        var keys = ORSet<TKey>.Read(from);
        var values = ImmutableDictionary.CreateBuilder<TKey, TValue>();
        for (int left = from.Count(); left > 0; left--)
            values[from.Element<TKey>()] = (TValue)from.Message();
        return new(keys, values.ToImmutable());
    }

    /// <summary>The delta, as one of a dictionary of another kind that keeps its values in this one.</summary>
    internal IDeltaOperation DeltaOf(IDeltaReplicatedData zero) => _delta?.Of(zero);

    private ORDictionary<TKey, TValue> Put(UniqueAddress node, TKey key, TValue value)
    {
        var keys = _keys.Add(node, key);
        return new(keys, _values.SetItem(key, value), Changed(new(keys.Delta, key, value, null)), _ancestor ?? this);
    }

    private ORDictionary<TKey, TValue> Apply(Step step)
    {
        var keys = _keys.MergeDelta(step.Keys);
        bool has = _values.TryGetValue(step.Key, out TValue mine);
        var values = !keys.Contains(step.Key) ? _values.Remove(step.Key)
            : step.Value is { } theirs ? _values.SetItem(step.Key, has ? mine.Merge(theirs) : theirs)
            : step.Delta is { } delta
                ? _values.SetItem(step.Key, (TValue)(has ? (IDeltaReplicatedData)mine : delta.Zero).MergeDelta(delta))
            : _values;
        return new(keys, values);
    }

    private ImmutableDictionary<TKey, TValue> Pruned(UniqueAddress removed, Func<IRemovedNodePruning, IReplicatedData> prune) =>
        _values.SetItems(_values
            .Where(entry => entry.Value is IRemovedNodePruning part && part.NeedPruningFrom(removed))
            .Select(entry => KeyValuePair.Create(entry.Key, (TValue)prune((IRemovedNodePruning)entry.Value))).ToList());

    private Changes Changed(Step step) => new(_delta is null ? [step] : _delta.Steps.Add(step));

    private static TValue Clean(TValue value) => value is IDeltaReplicatedData withDelta ? (TValue)withDelta.ResetDelta() : value;
}
