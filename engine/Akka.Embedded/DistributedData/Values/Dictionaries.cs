using System.Collections;
using System.Collections.Immutable;
using System.Numerics;
using Akka.Cluster;
using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

/// <summary>Counters by key.</summary>
public sealed class PNCounterDictionary<TKey>(ORDictionary<TKey, PNCounter> underlying)
    : DictionaryOver<PNCounterDictionary<TKey>, TKey, PNCounter, BigInteger>(underlying), IEnumerable<KeyValuePair<TKey, BigInteger>>
{
    public static readonly PNCounterDictionary<TKey> Empty = new(ORDictionary<TKey, PNCounter>.Empty);

    public IEnumerable<BigInteger> Values => Entries.Values;
    public PNCounterDictionary<TKey> Increment(Cluster.Cluster node, TKey key, long delta = 1) => Increment(node.SelfUniqueAddress, key, delta);
    public PNCounterDictionary<TKey> Decrement(Cluster.Cluster node, TKey key, long delta = 1) => Decrement(node.SelfUniqueAddress, key, delta);

    public PNCounterDictionary<TKey> Increment(UniqueAddress node, TKey key, long delta = 1) =>
        new(Underlying.AddOrUpdate(node, key, PNCounter.Empty, counter => counter.Increment(node, delta)));

    public PNCounterDictionary<TKey> Decrement(UniqueAddress node, TKey key, long delta = 1) =>
        new(Underlying.AddOrUpdate(node, key, PNCounter.Empty, counter => counter.Decrement(node, delta)));

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    internal override PNCounterDictionary<TKey> Nothing => Empty;
    internal override PNCounterDictionary<TKey> With(ORDictionary<TKey, PNCounter> underlying) => new(underlying);
    internal override BigInteger Show(PNCounter nested) => nested.Value;
    internal static PNCounterDictionary<TKey> Read(DataReader from) => new(ORDictionary<TKey, PNCounter>.Read(from));
}

/// <summary>Values by key, of which the last written wins: see <see cref="LWWRegister{T}"/>.</summary>
public sealed class LWWDictionary<TKey, TValue>(ORDictionary<TKey, LWWRegister<TValue>> underlying)
    : DictionaryOver<LWWDictionary<TKey, TValue>, TKey, LWWRegister<TValue>, TValue>(underlying), IEnumerable<KeyValuePair<TKey, TValue>>
{
    public static readonly LWWDictionary<TKey, TValue> Empty = new(ORDictionary<TKey, LWWRegister<TValue>>.Empty);

    public IEnumerable<TValue> Values => Entries.Values;

    public LWWDictionary<TKey, TValue> SetItem(Cluster.Cluster node, TKey key, TValue value, Clock<TValue> clock = null) =>
        SetItem(node.SelfUniqueAddress, key, value, clock);

    public LWWDictionary<TKey, TValue> SetItem(UniqueAddress node, TKey key, TValue value, Clock<TValue> clock = null)
    {
        clock ??= LWWRegister<TValue>.DefaultClock;
        var register = Underlying.TryGetValue(key, out LWWRegister<TValue> old) ? old.WithValue(node, value, clock) : new(node, value, clock);
        return new(Underlying.SetItem(node, key, register));
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    internal override LWWDictionary<TKey, TValue> Nothing => Empty;
    internal override LWWDictionary<TKey, TValue> With(ORDictionary<TKey, LWWRegister<TValue>> underlying) => new(underlying);
    internal override TValue Show(LWWRegister<TValue> nested) => nested.Value;
    internal static LWWDictionary<TKey, TValue> Read(DataReader from) => new(ORDictionary<TKey, LWWRegister<TValue>>.Read(from));
}

/// <summary>Several values by key: see <see cref="ORSet{T}"/>. A key without values is none.</summary>
public sealed class ORMultiValueDictionary<TKey, TValue>
    : DictionaryOver<ORMultiValueDictionary<TKey, TValue>, TKey, ORSet<TValue>, IImmutableSet<TValue>>,
        IEnumerable<KeyValuePair<TKey, IImmutableSet<TValue>>>
{
    public static readonly ORMultiValueDictionary<TKey, TValue> Empty = new(ORDictionary<TKey, ORSet<TValue>>.Empty);

    private ORMultiValueDictionary(ORDictionary<TKey, ORSet<TValue>> underlying) : base(underlying) { }

    public IEnumerable<TValue> Values => Underlying.Values.SelectMany(set => set.Elements);

    public ORMultiValueDictionary<TKey, TValue> AddItem(Cluster.Cluster node, TKey key, TValue element) => AddItem(node.SelfUniqueAddress, key, element);

    public ORMultiValueDictionary<TKey, TValue> AddItem(UniqueAddress node, TKey key, TValue element) =>
        Change(node, key, set => set.Add(node, element));

    public ORMultiValueDictionary<TKey, TValue> RemoveItem(Cluster.Cluster node, TKey key, TValue element) =>
        RemoveItem(node.SelfUniqueAddress, key, element);

    public ORMultiValueDictionary<TKey, TValue> RemoveItem(UniqueAddress node, TKey key, TValue element) =>
        Change(node, key, set => set.Remove(node, element));

    public ORMultiValueDictionary<TKey, TValue> ReplaceItem(Cluster.Cluster node, TKey key, TValue oldElement, TValue newElement) =>
        ReplaceItem(node.SelfUniqueAddress, key, oldElement, newElement);

    public ORMultiValueDictionary<TKey, TValue> ReplaceItem(UniqueAddress node, TKey key, TValue oldElement, TValue newElement) =>
        Equals(oldElement, newElement) ? this : Change(node, key, set => set.Add(node, newElement).Remove(node, oldElement));

    public ORMultiValueDictionary<TKey, TValue> SetItems(Cluster.Cluster node, TKey key, IImmutableSet<TValue> bucket) =>
        SetItems(node.SelfUniqueAddress, key, bucket);

    public ORMultiValueDictionary<TKey, TValue> SetItems(UniqueAddress node, TKey key, IImmutableSet<TValue> bucket) =>
        Change(node, key, set => bucket.Aggregate(set.Clear(node), (all, element) => all.Add(node, element)));

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    internal override ORMultiValueDictionary<TKey, TValue> Nothing => Empty;
    internal override ORMultiValueDictionary<TKey, TValue> With(ORDictionary<TKey, ORSet<TValue>> underlying) => new(underlying);
    internal override IImmutableSet<TValue> Show(ORSet<TValue> nested) => nested.Elements;
    internal static ORMultiValueDictionary<TKey, TValue> Read(DataReader from) => new(ORDictionary<TKey, ORSet<TValue>>.Read(from));

    private ORMultiValueDictionary<TKey, TValue> Change(UniqueAddress node, TKey key, Func<ORSet<TValue>, ORSet<TValue>> change)
    {
        var changed = Underlying.AddOrUpdate(node, key, ORSet<TValue>.Empty, change);
        return new(changed[key].IsEmpty ? changed.Remove(node, key) : changed);
    }
}
