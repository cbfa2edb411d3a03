using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>A dot store of dot stores: <em>DotMap</em> of Almeida et al. 2018. An entry that is empty is not there.</summary>
public abstract class DotMap<TKey> : DotStore where TKey : struct, IComparable<TKey>, IEquatable<TKey>
{
    private protected Dictionary<TKey, DotStore> Children { get; } = [];

    private DotIndex<TKey> _index;

    private protected DotMap()
    {
    }

    public override bool IsEmpty => Children.Count == 0;

    internal override int Depth => 1 + Children.Values.Select(child => child.Depth).DefaultIfEmpty().Max();

    private protected abstract DotStore NewChild(TKey key);

    private protected abstract void WriteKey(CrdtWriter writer, TKey key);

    private protected abstract TKey ReadKey(ref CrdtReader reader);

    internal override void Join(DotStore other, CausalContext mine, CausalContext theirs)
    {
        var that = (DotMap<TKey>)other;
        // What I alone have loses what they have seen and no longer have.
        if (_index.IsWorthwhile(theirs, Children.Count))
        {
            if (!_index.IsBuilt)
                _index.Build(Children.Keys.Select(key => (Children[key], key)));
            foreach (TKey key in _index.Take(theirs))
                JoinWithout(key, that, mine, theirs);
        }
        else if (!IsEmpty)
        {
            _index.Drop();
            foreach (TKey key in Children.Keys)
                JoinWithout(key, that, mine, theirs);
        }

        foreach ((TKey key, DotStore theirChild) in that.Children)
        {
            DotStore child = Children.GetValueOrDefault(key) ?? NewChild(key);
            child.Join(theirChild, mine, theirs);
            Keep(key, child);
            _index.Add(theirChild, key);
        }
    }

    internal override void CoverBy(CausalContext context)
    {
        foreach (DotStore child in Children.Values)
            child.CoverBy(context);
    }

    internal override void Stabilize(CausalContext stable)
    {
        foreach ((TKey key, DotStore child) in Children)
        {
            child.Stabilize(stable);
            if (child.IsEmpty)
                Children.Remove(key);
        }
    }

    /// <summary>count, then (key, store) each, ascending.</summary>
    internal override void Write(CrdtWriter writer)
    {
        writer.Count(Children.Count);
        foreach ((TKey key, DotStore child) in Children.OrderBy(pair => pair.Key))
        {
            WriteKey(writer, key);
            child.Write(writer);
        }
    }

    internal override void Fill(ref CrdtReader reader, int depth)
    {
        if (depth >= CrdtLimits.MapDepth)
            throw reader.Wrong($"maps lie deeper than the {CrdtLimits.MapDepth} that are allowed");
        TKey last = default;
        for (int left = reader.Count("entries of a map", minimumSize: 3); left > 0; left--)
        {
            TKey key = ReadKey(ref reader);
            if (Children.Count > 0 && key.CompareTo(last) <= 0)
                throw reader.Wrong("the keys of a map ascend");
            DotStore child = NewChild(key);
            child.Fill(ref reader, depth + 1);
            if (child.IsEmpty)
                throw reader.Wrong("an entry of a map is empty");
            Children.Add(key, child);
            last = key;
        }
    }

    private void JoinWithout(TKey key, DotMap<TKey> that, CausalContext mine, CausalContext theirs)
    {
        if (that.Children.ContainsKey(key) || !Children.TryGetValue(key, out DotStore? child))
            return;
        child.Join(NewChild(key), mine, theirs);
        Keep(key, child);
    }

    private void Keep(TKey key, DotStore child)
    {
        if (child.IsEmpty)
            Children.Remove(key);
        else
            Children[key] = child;
    }
}
