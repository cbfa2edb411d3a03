using System.Collections;
using System.Collections.Immutable;
using Akka.Cluster;
using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

/// <summary>What the dictionaries of one kind of value have in common: all is done by the <see cref="ORDictionary{TKey, TValue}"/> below.</summary>
/// <typeparam name="TSelf">The dictionary.</typeparam>
/// <typeparam name="TKey">Its keys.</typeparam>
/// <typeparam name="TNested">The replicated values it keeps.</typeparam>
/// <typeparam name="TValue">How it shows them.</typeparam>
public abstract class DictionaryOver<TSelf, TKey, TNested, TValue>
    : IOwnDeltaData<TSelf, ORDictionary<TKey, TNested>.IDeltaOperation>, IOwnPruning<TSelf>, IWireData, IDerivedData,
        IEquatable<TSelf>
    where TSelf : DictionaryOver<TSelf, TKey, TNested, TValue> where TNested : IReplicatedData<TNested>
{
    internal DictionaryOver(ORDictionary<TKey, TNested> underlying) => Underlying = underlying;

    internal ORDictionary<TKey, TNested> Underlying { get; }
    public int Count => Underlying.Count;
    public bool IsEmpty => Underlying.IsEmpty;
    public IEnumerable<TKey> Keys => Underlying.Keys;
    public IImmutableDictionary<TKey, TValue> Entries => Underlying.Entries.ToImmutableDictionary(entry => entry.Key, entry => Show(entry.Value));
    public TValue this[TKey key] => Show(Underlying[key]);
    public ORDictionary<TKey, TNested>.IDeltaOperation Delta => Underlying.DeltaOf(Nothing);
    bool IDerivedData.IsDerivedFrom(IReplicatedData other) => other is TSelf self && Underlying.IsDerivedFrom(self.Underlying);
    public ImmutableHashSet<UniqueAddress> ModifiedByNodes => Underlying.ModifiedByNodes;
    public bool ContainsKey(TKey key) => Underlying.ContainsKey(key);

    public bool TryGetValue(TKey key, out TValue value)
    {
        bool found = Underlying.TryGetValue(key, out TNested nested);
        value = found ? Show(nested) : default;
        return found;
    }

    public TSelf Remove(Cluster.Cluster node, TKey key) => Remove(node.SelfUniqueAddress, key);
    public TSelf Remove(UniqueAddress node, TKey key) => With(Underlying.Remove(node, key));
    public TSelf Merge(TSelf other) => With(Underlying.Merge(other.Underlying));
    public TSelf MergeDelta(ORDictionary<TKey, TNested>.IDeltaOperation delta) => With(Underlying.MergeDelta(delta));
    public TSelf ResetDelta() => With(Underlying.ResetDelta());
    public bool NeedPruningFrom(UniqueAddress removedNode) => Underlying.NeedPruningFrom(removedNode);
    public TSelf Prune(UniqueAddress removedNode, UniqueAddress collapseInto) => With(Underlying.Prune(removedNode, collapseInto));
    public TSelf PruningCleanup(UniqueAddress removedNode) => With(Underlying.PruningCleanup(removedNode));
    public IEnumerator<KeyValuePair<TKey, TValue>> GetEnumerator() => Entries.GetEnumerator();
    public bool Equals(TSelf other) => other is not null && Underlying.Equals(other.Underlying);
    public override bool Equals(object obj) => Equals(obj as TSelf);
    public override int GetHashCode() => Underlying.GetHashCode();
    public override string ToString() => $"{GetType().Name}({string.Join(", ", Entries.Select(entry => $"{entry.Key}: {entry.Value}"))})";
    void IWireData.Write(DataWriter to) => Underlying.Write(to);

    internal abstract TSelf Nothing { get; }
    internal abstract TSelf With(ORDictionary<TKey, TNested> underlying);
    internal abstract TValue Show(TNested nested);
}
