namespace ActorRepl.Protocols.Crdt;

/// <summary>A set that only grows (Shapiro et al., INRIA RR-7506, specification 11).</summary>
public sealed class GSet : ICrdt<GSet>
{
    private readonly HashSet<Datum> _elements = [];

    public static CrdtKind Kind => CrdtKind.GSet;

    public int Count => _elements.Count;

    /// <summary>In no order that means anything.</summary>
    public IReadOnlyCollection<Datum> Elements => _elements;

    public bool Contains(Datum element) => _elements.Contains(element);

    /// <summary>Adds and returns the delta, which is empty where the element was there.</summary>
    public GSet Add(Datum element)
    {
        var delta = new GSet();
        if (_elements.Add(element))
            delta._elements.Add(element);
        return delta;
    }

    public void Merge(GSet other) => _elements.UnionWith(other._elements);

    public GSet Copy()
    {
        var copy = new GSet();
        copy.Merge(this);
        return copy;
    }

    /// <summary>count, then the elements, ascending.</summary>
    public void Write(CrdtWriter writer)
    {
        writer.Count(Count);
        foreach (Datum element in _elements.Order())
            writer.Datum(element);
    }

    public static GSet Read(ref CrdtReader reader)
    {
        var read = new GSet();
        Datum last = default;
        for (int left = reader.Count("elements"); left > 0; left--)
        {
            Datum element = reader.Datum();
            if (read.Count > 0 && element <= last)
                throw reader.Wrong("elements ascend");
            read._elements.Add(element);
            last = element;
        }

        return read;
    }
}
