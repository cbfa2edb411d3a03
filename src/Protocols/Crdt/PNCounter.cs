using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>A counter that goes up and down: what was added and what was taken, each a counter that only grows (Shapiro et al., INRIA RR-7506, specification 7).</summary>
public sealed class PNCounter : ICrdt<PNCounter>
{
    private SourceCounts _added = new();
    private SourceCounts _taken = new();

    public static CrdtKind Kind => CrdtKind.PNCounter;

    /// <exception cref="OverflowException">All that was added, or all that was taken, does not fit into 64 bits.</exception>
    public long Value => _added.Sum - _taken.Sum;

    /// <summary>Adds, or takes where the amount is below 0, and returns the delta.</summary>
    /// <exception cref="OverflowException">The source has added or taken more than fits into 64 bits.</exception>
    public PNCounter Add(VersionSource source, long amount)
    {
        var delta = new PNCounter();
        if (amount > 0)
            delta._added.Add(source, _added.Add(source, amount));
        else if (amount < 0)
            delta._taken.Add(source, _taken.Add(source, checked(-amount)));
        return delta;
    }

    public PNCounter Increment(VersionSource source) => Add(source, 1);

    public PNCounter Decrement(VersionSource source) => Add(source, -1);

    public void Merge(PNCounter other)
    {
        _added.Join(other._added);
        _taken.Join(other._taken);
    }

    public PNCounter Copy() => new() { _added = _added.Copy(), _taken = _taken.Copy() };

    public void Write(CrdtWriter writer)
    {
        _added.Write(writer);
        _taken.Write(writer);
    }

    public static PNCounter Read(ref CrdtReader reader) => new() { _added = SourceCounts.Read(ref reader), _taken = SourceCounts.Read(ref reader) };
}
