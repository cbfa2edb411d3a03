using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// A set of which any element may be added and removed again and again; of an adding and a removing of one element that knew nothing of each other,
/// adding wins. No tombstones: the optimized OR-Set of Bieniusa et al. (arXiv 1210.3368), as the add-wins set of Almeida et al. 2018
/// </summary>
public sealed class OrSet : DotStore
{
    private readonly Dictionary<Datum, Dots> _elements = [];
    private DotIndex<Datum> _index;

    public override StoreKind Kind => StoreKind.OrSet;

    public override bool IsEmpty => _elements.Count == 0;

    public int Count => _elements.Count;

    /// <summary>In no order that means anything.</summary>
    public IReadOnlyCollection<Datum> Elements => _elements.Keys;

    public bool Contains(Datum element) => _elements.ContainsKey(element);

    public OrSet Add(Change change, Datum element)
    {
        Remove(change, element);
        var delta = new OrSet();
        delta._elements.Add(element, new Dots(change.NextDot()));
        return delta;
    }

    public OrSet Add(Change change, params IEnumerable<Datum> elements)
    {
        var delta = new OrSet();
        foreach (Datum element in elements)
        {
            if (delta.Contains(element))
                continue;
            Remove(change, element);
            delta._elements.Add(element, new Dots(change.NextDot()));
        }

        return delta;
    }

    /// <summary>Removes what is seen of an element.</summary>
    public OrSet Remove(Change change, Datum element)
    {
        change.Remove(_elements.GetValueOrDefault(element));
        return new OrSet();
    }

    public OrSet Clear(Change change)
    {
        change.Remove(this);
        return new OrSet();
    }

    internal override void Join(DotStore other, CausalContext mine, CausalContext theirs)
    {
        var that = (OrSet)other;
        // What I alone have goes if they have seen it.
        if (_index.IsWorthwhile(theirs, _elements.Count))
        {
            if (!_index.IsBuilt)
                _index.Build(_elements.Select(pair => (pair.Value, pair.Key)));
            foreach (Datum element in _index.Take(theirs))
                JoinWithout(element, that, mine, theirs);
        }
        else if (!IsEmpty)
        {
            _index.Drop();
            foreach (Datum element in _elements.Keys)
                JoinWithout(element, that, mine, theirs);
        }

        // What both have, or they alone.
        foreach ((Datum element, Dots theirDots) in that._elements)
        {
            ref Dots dots = ref CollectionsMarshal.GetValueRefOrAddDefault(_elements, element, out _);
            dots = Dots.Join(dots, theirDots, mine, theirs);
            if (dots.IsEmpty)
                _elements.Remove(element);
            else
                _index.Add(dots, element);
        }
    }

    internal override void CoverBy(CausalContext context)
    {
        var dots = new List<Dot>(_elements.Count);
        foreach (Dots of in _elements.Values)
        {
            for (int i = 0; i < of.Count; i++)
                dots.Add(of[i]);
        }

        dots.Sort();
        foreach (Dot dot in dots)
            context.Add(dot);
    }

    /// <summary>count, then (element, dots) each, ascending.</summary>
    internal override void Write(CrdtWriter writer)
    {
        writer.Count(Count);
        foreach ((Datum element, Dots dots) in _elements.OrderBy(pair => pair.Key))
        {
            writer.Datum(element);
            dots.Write(writer);
        }
    }

    internal override void Fill(ref CrdtReader reader, int depth)
    {
        int count = reader.Count("elements", minimumSize: 5);
        _elements.EnsureCapacity(count);
        for (Datum last = default; count > 0; count--)
        {
            Datum element = reader.Datum();
            if (Count > 0 && element <= last)
                throw reader.Wrong("elements ascend");
            Dots dots = Dots.Read(ref reader);
            if (dots.IsEmpty)
                throw reader.Wrong("an element has no dots");
            _elements.Add(element, dots);
            last = element;
        }
    }

    private void JoinWithout(Datum element, OrSet that, CausalContext mine, CausalContext theirs)
    {
        if (that._elements.ContainsKey(element))
            return;
        ref Dots dots = ref CollectionsMarshal.GetValueRefOrNullRef(_elements, element);
        if (Unsafe.IsNullRef(ref dots))
            return;
        dots = Dots.Join(dots, default, mine, theirs);
        if (dots.IsEmpty)
            _elements.Remove(element);
    }
}
