using System.Collections;
using System.Collections.Immutable;
using Akka.DistributedData.Serialization;

namespace Akka.DistributedData;

/// <inheritdoc cref="GSet{T}"/>
public static class GSet
{
    public static GSet<T> Create<T>(params T[] elements) => new(ImmutableHashSet.CreateRange(elements));
    public static GSet<T> Create<T>(IImmutableSet<T> elements) => new(elements);
}

/// <summary>A set that only grows (Shapiro et al. 2011, 3.3.1).</summary>
public sealed class GSet<T>
    : IOwnDeltaData<GSet<T>, GSet<T>>, IWireData, IReplicatedDelta, IEquatable<GSet<T>>, IEnumerable<T>
{
    public static readonly GSet<T> Empty = new();
    private readonly ImmutableHashSet<T> _elements;

    public GSet() : this(ImmutableHashSet<T>.Empty) { }
    public GSet(IImmutableSet<T> elements) : this(elements, null) { }

    public GSet(IImmutableSet<T> elements, GSet<T> delta)
    {
        _elements = elements as ImmutableHashSet<T> ?? [.. elements];
        Delta = delta;
    }

    public IImmutableSet<T> Elements => _elements;
    public GSet<T> Delta { get; }
    IDeltaReplicatedData IReplicatedDelta.Zero => Empty;
    public int Count => _elements.Count;
    public bool IsEmpty => _elements.IsEmpty;
    public bool Contains(T element) => _elements.Contains(element);
    public GSet<T> Add(T element) => new(_elements.Add(element), new((Delta ?? Empty)._elements.Add(element)));
    public GSet<T> Merge(GSet<T> other) => new(_elements.Union(other._elements));
    public GSet<T> MergeDelta(GSet<T> delta) => Merge(delta);
    public GSet<T> ResetDelta() => Delta is null ? this : new(_elements);
    public IEnumerator<T> GetEnumerator() => _elements.GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    public bool Equals(GSet<T> other) => other is not null && _elements.SetEquals(other._elements);
    public override bool Equals(object obj) => Equals(obj as GSet<T>);
    public override int GetHashCode() => _elements.Aggregate(0, (hash, element) => hash ^ element.GetHashCode());
    public override string ToString() => $"GSet({string.Join(", ", _elements)})";

    void IWireData.Write(DataWriter to)
    {
        to.Count(Count);
        foreach ((_, byte[] bytes) in to.InOrder(_elements)) to.Bytes(bytes);
    }

    internal static GSet<T> Read(DataReader from)
    {
        var elements = ImmutableHashSet.CreateBuilder<T>();
        for (int left = from.Count(); left > 0; left--)
            elements.Add(from.Element<T>());
        return new(elements.ToImmutable());
    }
}
