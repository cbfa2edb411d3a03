namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// A map whose values are CRDTs. Of an update and a removal of one key that knew nothing of each other, the removal wins: after the merge the key is not
/// there. A later update, by one who knows of the removal, ends it, and with it whatever that one saw hidden there. A removal therefore leaves a dot, until
/// it is ended or stable (the remove-wins set of Almeida et al. 2018, with values).
/// </summary>
public sealed class RemoveWinsMap : DotMap<Datum>, INestingMap<RemoveWinsMap>
{
    public override StoreKind Kind => StoreKind.RemoveWinsMap;

    /// <summary>Ascending, without those removed.</summary>
    public IEnumerable<Datum> Keys => Unordered.Order();

    /// <summary>Likewise, in no order that means anything.</summary>
    internal IEnumerable<Datum> Unordered => Children.Where(child => !((RemovableEntry)child.Value).IsRemoved).Select(child => child.Key);

    /// <summary>Keys whose removal is still remembered.</summary>
    public int Removals => Children.Values.Count(child => ((RemovableEntry)child).IsRemoved);

    /// <summary>The value of a key, to be read; null: there is none of this kind.</summary>
    public T? Get<T>(Datum key) where T : DotStore, new() => Children.GetValueOrDefault(key) is RemovableEntry { IsRemoved: false } entry ? entry.Values.Get<T>(default) : null;

    /// <summary>The values of a key, one of each kind under an empty key; null: it is not there.</summary>
    internal AddWinsMap? ValuesOf(Datum key) => Children.GetValueOrDefault(key) is RemovableEntry { IsRemoved: false } entry ? entry.Values : null;

    /// <summary>Changes a key's value, which is a new one where there is none or the key was removed.</summary>
    public RemoveWinsMap Update<T>(Change change, Datum key, Func<T, Change, T> mutator) where T : DotStore, new()
    {
        var entry = (RemovableEntry?)Children.GetValueOrDefault(key);
        if (entry is { IsRemoved: true })
        {
            // The removal, and what it hides, end here.
            change.Remove(entry);
            entry = null;
        }

        return Holding(key, new RemovableEntry(default, (entry?.Values ?? new AddWinsMap()).Update(change, default, mutator)));
    }

    /// <summary>Removes a key, be it there or not: an update elsewhere that does not know of it loses.</summary>
    public RemoveWinsMap Remove(Change change, Datum key)
    {
        if (Children.TryGetValue(key, out DotStore? entry))
            change.Remove(entry);
        return Holding(key, new RemovableEntry(new Dots(change.NextDot()), new AddWinsMap()));
    }

    private protected override DotStore NewChild(Datum key) => new RemovableEntry(default, new AddWinsMap());

    private protected override void WriteKey(CrdtWriter writer, Datum key) => writer.Datum(key);

    private protected override Datum ReadKey(ref CrdtReader reader) => reader.Datum();

    private static RemoveWinsMap Holding(Datum key, RemovableEntry entry)
    {
        var delta = new RemoveWinsMap();
        if (!entry.IsEmpty)
            delta.Children.Add(key, entry);
        return delta;
    }

    /// <summary>The values of a key, one of each kind under an empty key, and the dots of its removals: while there are any, the key is not there.</summary>
    private sealed class RemovableEntry(Dots removals, AddWinsMap values) : DotStore
    {
        private Dots _removals = removals;

        public AddWinsMap Values { get; } = values;

        public bool IsRemoved => !_removals.IsEmpty;

        public override StoreKind Kind => StoreKind.RemoveWinsMap;

        public override bool IsEmpty => _removals.IsEmpty && Values.IsEmpty;

        internal override int Depth => Values.Depth - 1;

        internal override void Join(DotStore other, CausalContext mine, CausalContext theirs)
        {
            var that = (RemovableEntry)other;
            _removals = Dots.Join(_removals, that._removals, mine, theirs);
            Values.Join(that.Values, mine, theirs);
        }

        internal override void CoverBy(CausalContext context)
        {
            _removals.CoverBy(context);
            Values.CoverBy(context);
        }

        /// <summary>
        /// Every update that did not know of a stable removal is here, hidden by it. Once those are stable too nobody will end the removal without ending
        /// them: all can go.
        /// </summary>
        internal override void Stabilize(CausalContext stable)
        {
            if (!IsRemoved)
            {
                Values.Stabilize(stable);
                return;
            }

            var all = new CausalContext();
            CoverBy(all);
            if (stable.Includes(all))
                Join(new RemovableEntry(default, new AddWinsMap()), all, all);
        }

        internal override void Write(CrdtWriter writer)
        {
            _removals.Write(writer);
            Values.Write(writer);
        }

        internal override void Fill(ref CrdtReader reader, int depth)
        {
            _removals = Dots.Read(ref reader);
            Values.Fill(ref reader, depth - 1);
        }
    }
}
