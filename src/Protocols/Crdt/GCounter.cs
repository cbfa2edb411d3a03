using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>A counter that only grows: one number per source, each raised by that source alone (Shapiro et al., INRIA RR-7506, specification 6).</summary>
public sealed class GCounter : ICrdt<GCounter>
{
    private SourceCounts _counts = new();

    public static CrdtKind Kind => CrdtKind.GCounter;

    /// <exception cref="OverflowException">The sum does not fit into 64 bits.</exception>
    public long Value => _counts.Sum;

    /// <summary>Adds and returns the delta.</summary>
    /// <param name="source">This replica.</param>
    /// <param name="amount">At least 1.</param>
    /// <exception cref="OverflowException">The source has added more than fits into 64 bits.</exception>
    public GCounter Increment(VersionSource source, long amount = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(amount, 1);
        var delta = new GCounter();
        delta._counts.Add(source, _counts.Add(source, amount));
        return delta;
    }

    public void Merge(GCounter other) => _counts.Join(other._counts);

    public GCounter Copy() => new() { _counts = _counts.Copy() };

    public void Write(CrdtWriter writer) => _counts.Write(writer);

    public static GCounter Read(ref CrdtReader reader) => new() { _counts = SourceCounts.Read(ref reader) };
}
