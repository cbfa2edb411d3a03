using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// Which entry of a large store holds a dot, so that merging a small delta costs what the delta has and not what the store has. Built when first of use,
/// dropped where a merge goes over everything anyway. It may name entries that no longer hold the dot; it never misses one that does.
/// </summary>
internal struct DotIndex<TKey>
{
    // Below so many entries going over all of them is as fast.
    private const int SmallStore = 16;

    private Dictionary<Dot, TKey>? _keys;

    public readonly bool IsBuilt => _keys is not null;

    /// <summary>Looking up every dot of the context is less work than going over as many entries.</summary>
    public readonly bool IsWorthwhile(CausalContext context, int entries) => entries > SmallStore && context.DotCount < entries / 4;

    public void Build(IEnumerable<(DotStore Store, TKey Key)> entries)
    {
        _keys = [];
        foreach ((DotStore store, TKey key) in entries)
            Add(store, key);
    }

    public void Build(IEnumerable<(Dots, TKey)> entries)
    {
        _keys = [];
        foreach ((Dots dots, TKey key) in entries)
            Add(dots, key);
    }

    public readonly void Add(Dots dots, TKey key)
    {
        for (int i = 0; _keys is not null && i < dots.Count; i++)
            _keys[dots[i]] = key;
    }

    public readonly void Add(DotStore store, TKey key)
    {
        if (_keys is null)
            return;
        var dots = new CausalContext();
        store.CoverBy(dots);
        foreach (DotRange range in dots.Ranges)
        {
            for (long counter = range.From; counter <= range.To; counter++)
                _keys[new Dot(range.Source, counter)] = key;
        }
    }

    /// <summary>The entries that hold, or held, dots of the context; those dots are forgotten unless added again.</summary>
    public readonly List<TKey> Take(CausalContext context)
    {
        List<TKey> taken = [];
        foreach (DotRange range in context.Ranges)
        {
            for (long counter = range.From; counter <= range.To; counter++)
            {
                if (_keys!.Remove(new Dot(range.Source, counter), out TKey? key))
                    taken.Add(key);
            }
        }

        return taken;
    }

    public void Drop() => _keys = null;
}
