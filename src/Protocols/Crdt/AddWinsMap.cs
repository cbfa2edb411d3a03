namespace ActorRepl.Protocols.Crdt;

/// <summary>A field of a map: its key and the kind of its value, so that one key made a set here and a counter there is two fields.</summary>
public readonly record struct MapField(Datum Key, StoreKind Kind) : IComparable<MapField>
{
    public int CompareTo(MapField other) => Key == other.Key ? Kind.CompareTo(other.Kind) : Key.CompareTo(other.Key);

    public static bool operator <(MapField left, MapField right) => left.CompareTo(right) < 0;
    public static bool operator >(MapField left, MapField right) => left.CompareTo(right) > 0;
    public static bool operator <=(MapField left, MapField right) => left.CompareTo(right) <= 0;
    public static bool operator >=(MapField left, MapField right) => left.CompareTo(right) >= 0;
}

/// <summary>
/// A map whose values are CRDTs, maps too. Of an update and a removal of one field that knew nothing of each other, the update wins: what it did stays,
/// and what the removal had seen is gone (the OR-Map of Almeida et al. 2018). A field is there while its value holds something.
/// </summary>
public sealed class AddWinsMap : DotMap<MapField>, INestingMap<AddWinsMap>
{
    public override StoreKind Kind => StoreKind.AddWinsMap;

    public int Count => Children.Count;

    /// <summary>Ascending.</summary>
    public IEnumerable<MapField> Fields => Children.Keys.Order();

    /// <summary>In no order that means anything.</summary>
    internal IEnumerable<MapField> Unordered => Children.Keys;

    /// <summary>The value of a field, to be read; null: it is not there.</summary>
    public T? Get<T>(Datum key) where T : DotStore, new() => (T?)Children.GetValueOrDefault(new MapField(key, KindOf<T>.Value));

    /// <summary>Likewise, of whatever kind.</summary>
    internal DotStore? Get(MapField field) => Children.GetValueOrDefault(field);

    /// <summary>Changes a field's value, which is a new one where there is none, such as <c>map.Update&lt;OrSet>(change, "tags", (tags, c) => tags.Add(c, "x"))</c>.</summary>
    public AddWinsMap Update<T>(Change change, Datum key, Func<T, Change, T> mutator) where T : DotStore, new()
    {
        T nested = mutator(Get<T>(key) ?? new T(), change);
        var delta = new AddWinsMap();
        if (!nested.IsEmpty)
            delta.Children.Add(new MapField(key, KindOf<T>.Value), nested);
        return delta;
    }

    public AddWinsMap Remove<T>(Change change, Datum key) where T : DotStore, new()
    {
        if (Get<T>(key) is { } value)
            change.Remove(value);
        return new AddWinsMap();
    }

    private protected override DotStore NewChild(MapField key) => Empty(key.Kind);

    private protected override void WriteKey(CrdtWriter writer, MapField key)
    {
        writer.Datum(key.Key);
        writer.Byte((byte)key.Kind);
    }

    private protected override MapField ReadKey(ref CrdtReader reader) => new(reader.Datum(), (StoreKind)reader.Byte());

    private static class KindOf<T> where T : DotStore, new()
    {
        public static readonly StoreKind Value = new T().Kind;
    }
}
