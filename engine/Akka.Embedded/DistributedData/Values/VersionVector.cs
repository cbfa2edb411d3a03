using System.Collections.Immutable;
using Akka.Cluster;
using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

/// <summary>How many events of each node are known; nodes in order, none with version 0.</summary>
public sealed class VersionVector : IOwnData<VersionVector>, IWireData, IOwnPruning<VersionVector>, IEquatable<VersionVector>
{
    public static readonly VersionVector Empty = new([]);

    private static long _counter;
    private readonly KeyValuePair<UniqueAddress, long>[] _entries;

    private VersionVector(KeyValuePair<UniqueAddress, long>[] entries) => _entries = entries;

    public enum Ordering
    {
        After,
        Before,
        Same,
        Concurrent,
        FullOrder,
    }

    public int Count => _entries.Length;
    public bool IsEmpty => _entries.Length == 0;
    public ImmutableHashSet<UniqueAddress> ModifiedByNodes => [.. _entries.Select(entry => entry.Key)];
    public IEnumerator<KeyValuePair<UniqueAddress, long>> VersionEnumerator => Entries.GetEnumerator();
    internal IReadOnlyList<KeyValuePair<UniqueAddress, long>> Entries => _entries;

    public static VersionVector Create(UniqueAddress node, long version) => new([new(node, version)]);

    public static VersionVector Create(ImmutableDictionary<UniqueAddress, long> versions) => Of(versions);

    internal static VersionVector Of(IEnumerable<KeyValuePair<UniqueAddress, long>> versions)
    {
        KeyValuePair<UniqueAddress, long>[] entries = [.. versions.OrderBy(entry => entry.Key)];
        return entries.Length == 0 ? Empty : new(entries);
    }

    public bool Contains(UniqueAddress node) => IndexOf(node) >= 0;

    /// <summary>The node's version; 0 if nothing of it is known.</summary>
    public long VersionAt(UniqueAddress node) => IndexOf(node) is var at and >= 0 ? _entries[at].Value : 0;

    /// <summary>One more event of the node. Versions of a process grow over all vectors, so that none is used twice.</summary>
    public VersionVector Increment(UniqueAddress node) =>
        With(node, Math.Max(VersionAt(node) + 1, Interlocked.Increment(ref _counter)));

    public VersionVector Merge(VersionVector other)
    {
        if (IsEmpty || ReferenceEquals(this, other)) return other;
        if (other.IsEmpty) return this;
        var merged = new List<KeyValuePair<UniqueAddress, long>>(Math.Max(Count, other.Count));
        int i = 0, j = 0;
        while (i < Count && j < other.Count)
        {
            int order = _entries[i].Key.CompareTo(other._entries[j].Key);
            merged.Add(order < 0 ? _entries[i] : order > 0 ? other._entries[j]
                : _entries[i].Value >= other._entries[j].Value ? _entries[i] : other._entries[j]);
            if (order <= 0) i++;
            if (order >= 0) j++;
        }

        merged.AddRange(_entries[i..]);
        merged.AddRange(other._entries[j..]);
        return new([.. merged]);
    }

    public Ordering Compare(VersionVector other)
    {
        bool below = Covers(other, this), above = Covers(this, other);
        return below && above ? Ordering.Same : below ? Ordering.Before : above ? Ordering.After : Ordering.Concurrent;
    }

    public bool IsSame(VersionVector y) => Compare(y) == Ordering.Same;
    public bool IsAfter(VersionVector y) => Compare(y) == Ordering.After;
    public bool IsBefore(VersionVector y) => Compare(y) == Ordering.Before;
    public bool IsConcurrent(VersionVector y) => Compare(y) == Ordering.Concurrent;

    public bool NeedPruningFrom(UniqueAddress removedNode) => Contains(removedNode);

    /// <summary>The removed node's events count as one of the other's.</summary>
    public VersionVector Prune(UniqueAddress removedNode, UniqueAddress collapseInto) =>
        PruningCleanup(removedNode).Increment(collapseInto);

    public VersionVector PruningCleanup(UniqueAddress removedNode) =>
        Contains(removedNode) ? Of(_entries.Where(entry => entry.Key != removedNode)) : this;

    /// <summary>The events of an element that both sides hold, or that one holds and the other has not heard of.</summary>
    internal static VersionVector Surviving(VersionVector left, VersionVector leftKnows, VersionVector right, VersionVector rightKnows)
    {
        if (left.Equals(right)) return left;
        return Of(Kept(left, right, rightKnows)).Merge(Of(Kept(right, left, leftKnows)));
    }

    private static IEnumerable<KeyValuePair<UniqueAddress, long>> Kept(VersionVector mine, VersionVector theirs, VersionVector theyKnow) =>
        mine._entries.Where(dot => theirs.VersionAt(dot.Key) == dot.Value || theyKnow.VersionAt(dot.Key) < dot.Value);

    private static bool Covers(VersionVector large, VersionVector small) =>
        Array.TrueForAll(small._entries, entry => large.VersionAt(entry.Key) >= entry.Value);

    void IWireData.Write(DataWriter to) => Write(to);

    internal void Write(DataWriter to)
    {
        to.Count(_entries.Length);
        foreach ((UniqueAddress node, long version) in _entries)
        {
            to.Node(node);
            to.Number(version);
        }
    }

    internal static VersionVector Read(DataReader from)
    {
        var entries = new KeyValuePair<UniqueAddress, long>[from.Count()];
        for (int i = 0; i < entries.Length; i++)
            entries[i] = new(from.Node(), from.Number());
        return Of(entries);
    }

    private VersionVector With(UniqueAddress node, long version)
    {
        int at = IndexOf(node);
        var entry = KeyValuePair.Create(node, version);
        if (at >= 0)
        {
            var changed = (KeyValuePair<UniqueAddress, long>[])_entries.Clone();
            changed[at] = entry;
            return new(changed);
        }

        return new([.. _entries[..~at], entry, .. _entries[~at..]]);
    }

    private int IndexOf(UniqueAddress node)
    {
        int low = 0, high = _entries.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            int order = _entries[middle].Key.CompareTo(node);
            if (order == 0) return middle;
            if (order < 0) low = middle + 1;
            else high = middle - 1;
        }

        return ~low;
    }

    public bool Equals(VersionVector other) => other is not null && _entries.AsSpan().SequenceEqual(other._entries);
    public override bool Equals(object obj) => Equals(obj as VersionVector);
    public override int GetHashCode() => _entries.Aggregate(0, (hash, entry) => HashCode.Combine(hash, entry.Key, entry.Value));
    public override string ToString() => $"VersionVector({string.Join(", ", _entries.Select(entry => $"{entry.Key}->{entry.Value}"))})";
    public static bool operator ==(VersionVector x, VersionVector y) => x is null ? y is null : x.Equals(y);
    public static bool operator !=(VersionVector x, VersionVector y) => !(x == y);
    public static bool operator <(VersionVector x, VersionVector y) => x.IsBefore(y);
    public static bool operator >(VersionVector x, VersionVector y) => x.IsAfter(y);
}
