using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Versions;

/// <summary>A value that nothing known has replaced, and the write that brought it.</summary>
public readonly record struct Sibling<T>(Dot Dot, T Value);

/// <summary>
/// The versions of one key on one replica: a dotted version vector set (Preguiça et al. 2010, arXiv 1011.5808; Almeida et al., DAIS 2014). The clock is
/// every write that is known, the siblings are those of them that no known write has replaced; so a write that the clock covers and that is no sibling
/// has been replaced. That keeps siblings exactly the concurrent writes, whoever coordinates them, with one entry per replica and none per client.
/// <para>
/// Holds as long as what travels between replicas is always a whole set: then a clock that covers a write has seen that write or one in its place.
/// Immutable.
/// </para>
/// </summary>
public sealed class DottedVersions<T> : IEquatable<DottedVersions<T>>
{
    public static readonly DottedVersions<T> Empty = new(VersionVector.Empty, []);

    private readonly Sibling<T>[] _siblings;

    internal DottedVersions(VersionVector clock, Sibling<T>[] siblings)
    {
        Clock = clock;
        _siblings = siblings;
    }

    /// <summary>What a reader of these siblings knows: it travels as the context of the write that follows the read.</summary>
    public VersionVector Clock { get; }

    /// <summary>Ascending by dot.</summary>
    public IReadOnlyList<Sibling<T>> Siblings => _siblings;

    internal ReadOnlySpan<Sibling<T>> Span => _siblings;

    public bool IsEmpty => Clock.IsEmpty;

    /// <summary>
    /// A write by a client that had read <paramref name="context"/>, empty if it had read nothing: replaces what the client had seen, and stands beside
    /// what it had not.
    /// </summary>
    public DottedVersions<T> Write(VersionVector context, in Dot dot, T value)
    {
        Invariant.That(!Clock.Covers(dot) && !context.Covers(dot), "a dot is given to one write");
        return new DottedVersions<T>(Clock.Merge(context).With(dot), Insert(Without(context), new Sibling<T>(dot, value)));
    }

    /// <summary>What both replicas know together: commutes, associates, and changes nothing the second time.</summary>
    /// <param name="other">What the other replica knows.</param>
    /// <param name="order">A dot has one value; should damage give it two, the later of this order stays, on every replica. Null: it cannot.</param>
    public DottedVersions<T> Merge(DottedVersions<T> other, Comparison<T>? order = null)
    {
        if (ReferenceEquals(this, other) || other.IsEmpty)
            return this;
        if (IsEmpty)
            return other;
        var siblings = new List<Sibling<T>>(_siblings.Length + other._siblings.Length);
        foreach (Sibling<T> sibling in _siblings)
        {
            int there = Array.FindIndex(other._siblings, twin => twin.Dot == sibling.Dot);
            if (there >= 0)
                siblings.Add(order is not null && order(sibling.Value, other._siblings[there].Value) < 0 ? other._siblings[there] : sibling);
            else if (!other.Clock.Covers(sibling.Dot))
                siblings.Add(sibling);
        }

        foreach (Sibling<T> sibling in other._siblings)
        {
            if (!Clock.Covers(sibling.Dot))
                siblings.Add(sibling);
        }

        siblings.Sort(static (one, two) => one.Dot.CompareTo(two.Dot));
        return new DottedVersions<T>(Clock.Merge(other.Clock), [.. siblings]);
    }

    /// <summary>The same history with only some of its siblings: the others are as if one of these had replaced them.</summary>
    public DottedVersions<T> Keep(Func<Sibling<T>, bool> which) => Array.TrueForAll(_siblings, sibling => which(sibling)) ? this : new(Clock, [.. _siblings.Where(which)]);

    public bool Has(Dot dot) => Array.Exists(_siblings, sibling => sibling.Dot == dot);

    /// <summary>Equal clocks and equal dots: a dot has one value.</summary>
    public bool Equals(DottedVersions<T>? other) =>
        other is not null && Clock.Equals(other.Clock) && HasSameDots(other._siblings);

    public override bool Equals(object? obj) => Equals(obj as DottedVersions<T>);

    // For tables in memory only.
    public override int GetHashCode() => Clock.GetHashCode();

    public override string ToString() => $"{Clock} {{{string.Join(", ", _siblings.Select(sibling => $"{sibling.Dot}={sibling.Value}"))}}}";

    private bool HasSameDots(Sibling<T>[] others)
    {
        if (_siblings.Length != others.Length)
            return false;
        for (int i = 0; i < others.Length; i++)
        {
            if (_siblings[i].Dot != others[i].Dot)
                return false;
        }

        return true;
    }

    private Sibling<T>[] Without(VersionVector context) => Array.FindAll(_siblings, sibling => !context.Covers(sibling.Dot));

    private static Sibling<T>[] Insert(ReadOnlySpan<Sibling<T>> siblings, in Sibling<T> one)
    {
        int place = 0;
        while (place < siblings.Length && siblings[place].Dot < one.Dot)
            place++;
        return [.. siblings[..place], one, .. siblings[place..]];
    }
}

/// <summary>Makes sets of versions from their parts.</summary>
public static class DottedVersions
{
    /// <param name="clock">Every write that is known.</param>
    /// <param name="siblings">Those that are not replaced.</param>
    /// <exception cref="InvalidDataException">The siblings do not ascend, or the clock does not cover one.</exception>
    public static DottedVersions<T> Of<T>(VersionVector clock, IEnumerable<Sibling<T>> siblings) => Around(clock, [.. siblings]);

    /// <inheritdoc cref="Of"/>
    /// <param name="list">The siblings; nobody changes them any more.</param>
    internal static DottedVersions<T> Around<T>(VersionVector clock, Sibling<T>[] list)
    {
        for (int i = 0; i < list.Length; i++)
        {
            if (!clock.Covers(list[i].Dot))
                throw new InvalidDataException($"sibling {list[i].Dot} is not covered by its clock {clock}");
            if (i > 0 && list[i].Dot <= list[i - 1].Dot)
                throw new InvalidDataException($"siblings ascend; {list[i].Dot} follows {list[i - 1].Dot}");
        }

        return new DottedVersions<T>(clock, list);
    }
}
