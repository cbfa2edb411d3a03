namespace ActorRepl.Protocols.Crdt;

/// <summary>A set from which an element can be removed once and for all: what was added and what was removed, each a set that only grows (Shapiro et al., INRIA RR-7506, specification 12).</summary>
public sealed class TwoPhaseSet : ICrdt<TwoPhaseSet>
{
    private GSet _added = new();
    private GSet _removed = new();

    public static CrdtKind Kind => CrdtKind.TwoPhaseSet;

    /// <summary>In no order that means anything.</summary>
    public IEnumerable<Datum> Elements => _added.Elements.Where(element => !_removed.Contains(element));

    public bool Contains(Datum element) => _added.Contains(element) && !_removed.Contains(element);

    /// <summary>Adds and returns the delta; an element that was ever removed stays out.</summary>
    public TwoPhaseSet Add(Datum element) => new() { _added = _added.Add(element) };

    /// <summary>Removes for ever what is there, and returns the delta; null: it is not there, and nothing is changed.</summary>
    public TwoPhaseSet? TryRemove(Datum element) => Contains(element) ? new TwoPhaseSet { _removed = _removed.Add(element) } : null;

    public void Merge(TwoPhaseSet other)
    {
        _added.Merge(other._added);
        _removed.Merge(other._removed);
    }

    public TwoPhaseSet Copy() => new() { _added = _added.Copy(), _removed = _removed.Copy() };

    public void Write(CrdtWriter writer)
    {
        _added.Write(writer);
        _removed.Write(writer);
    }

    public static TwoPhaseSet Read(ref CrdtReader reader) => new() { _added = GSet.Read(ref reader), _removed = GSet.Read(ref reader) };
}
