using ActorRepl.Protocols.Crdt;

namespace ActorRepl.Protocols.Convergence;

/// <summary>A dot store and its context: flags, sets, registers, maps.</summary>
internal sealed class CausalType<T> : StateType<Causal<T>> where T : DotStore, new()
{
    public override bool HasTags => typeof(T) == typeof(AddWinsMap) || typeof(T) == typeof(RemoveWinsMap);

    public override Tag TagOf(Versions.Dot by, ReadOnlySpan<byte> delta) => new(by, CrdtCodec.Decode<Causal<T>>(delta).Context, new CausalContext());

    public override bool MayRefuse(CrdtOperation operation) => StoreChange.MayRefuse(new T().Kind, operation);

    public override void Stabilize(object value, IReadOnlyList<Tag> unstable, Versions.VersionVector stable)
    {
        var causal = (Causal<T>)value;
        causal.Stabilize(causal.Context.Without(Joined(unstable, tag => tag.Dots)));
    }

    public override CrdtData Answer(object value, CrdtQuery query)
    {
        T store = ((Causal<T>)value).Value;
        return query switch
        {
            CrdtQuery.Contains contains when store is OrSet set => new CrdtData.Switch(set.Contains(new Datum(contains.Element.ToArray()))),
            CrdtQuery.Count when store is OrSet set => new CrdtData.Number(set.Count),
            CrdtQuery.Count when store is AddWinsMap map => new CrdtData.Number(map.Count),
            CrdtQuery.Field field => StoreView.Of(StoreView.Find(store, field.Path) ?? DotStore.Empty(field.Path[^1].Kind)),
            _ => base.Answer(value, query),
        };
    }

    protected override Causal<T>? Change(Causal<T> value, CrdtOperation operation, in Editor editor, out long result)
    {
        long changed = 0;
        long wall = editor.Wall;
        int most = editor.MaxBytes;
        Causal<T> delta = value.Mutate(editor.Source, (store, change) => (T)StoreChange.Make(store, change, operation, wall, out changed), delta =>
        {
            // A range of dots takes some bytes, and only a delta of many can be large.
            if (delta.Context.Ranges.Length > most / 32 && CrdtCodec.Encode(delta).Length is var bytes && bytes > most)
                throw new OperationRefusedException($"the change would have {bytes} bytes, {most} is the most: make it in parts");
        });
        result = changed;
        return delta.Context.IsEmpty ? null : delta;
    }

    protected override CrdtData View(Causal<T> value) => StoreView.Of(value.Value);

    protected override long LeastBytes(object value, long enough) => StoreView.LeastBytes(((Causal<T>)value).Value, enough);

    protected override long LeastBytesOf(object value, IReadOnlyList<MapField> path, long enough) =>
        StoreView.Find(((Causal<T>)value).Value, path) is { } found ? StoreView.LeastBytes(found, enough) : 0;

    protected override CrdtData? PageOf(object value, CrdtQuery.Page page) => ((Causal<T>)value).Value switch
    {
        OrSet set => PageOf(set.Elements, page),
        // All fields of the last key, whatever their kinds, are in the page.
        AddWinsMap map => PageOf(new CrdtData.Fields([.. Least(map.Unordered.Where(field => IsAfter(field.Key, page)), (long)page.Most + StoreView.Kinds).Select(field => (field, StoreView.Of(map.Get(field)!)))]), page),
        RemoveWinsMap map => PageOf(new CrdtData.Fields([.. Least(map.Unordered.Where(key => IsAfter(key, page)), page.Most).SelectMany(key => StoreView.Values(map, key))]), page),
        _ => base.PageOf(value, page),
    };
}

/// <summary>Operations on dot stores, in maps too.</summary>
internal static class StoreChange
{
    public static DotStore Make(DotStore store, Change change, CrdtOperation operation, long wall, out long result)
    {
        result = 0;
        switch (store, operation)
        {
            case (EnableWinsFlag flag, CrdtOperation.Switch { On: var on }):
                result = flag.IsEnabled == on ? 0 : 1;
                return on ? flag.Enable(change) : flag.Disable(change);
            case (DisableWinsFlag flag, CrdtOperation.Switch { On: var on }):
                result = flag.IsEnabled == on ? 0 : 1;
                return on ? flag.Enable(change) : flag.Disable(change);
            case (OrSet set, CrdtOperation.Insert insert):
                result = set.Contains(DatumOf(insert.Element)) ? 0 : 1;
                return set.Add(change, DatumOf(insert.Element));
            case (OrSet set, CrdtOperation.Remove remove):
                result = set.Contains(DatumOf(remove.Element)) ? 1 : 0;
                return set.Remove(change, DatumOf(remove.Element));
            case (OrSet set, CrdtOperation.Clear):
                result = set.Count;
                return set.Clear(change);
            case (MvRegister register, CrdtOperation.Write write):
                result = register.IsEmpty ? 1 : 0;
                return register.Write(change, DatumOf(write.Value));
            case (MvRegister register, CrdtOperation.Clear):
                result = register.IsEmpty ? 0 : 1;
                return register.Clear(change);
            case (LwwRegister register, CrdtOperation.Write write):
                result = register.IsEmpty ? 1 : 0;
                return register.Write(change, After(register.Time, wall), DatumOf(write.Value));
            case (LwwRegister register, CrdtOperation.Clear):
                result = register.IsEmpty ? 0 : 1;
                return register.Clear(change);
            case (CausalCounter counter, CrdtOperation.Add { Amount: 0 }):
                result = counter.Value;
                return new CausalCounter();
            case (CausalCounter counter, CrdtOperation.Add add):
                result = checked(counter.Value + add.Amount);
                return counter.Add(change, add.Amount);
            case (CausalCounter counter, CrdtOperation.Reset or CrdtOperation.Clear):
                return counter.Clear(change);
            case (AddWinsMap map, CrdtOperation.Field field):
                return Update(map, change, field, wall, out result);
            case (AddWinsMap map, CrdtOperation.RemoveField field):
                result = map.Get(new MapField(DatumOf(field.Key), field.Kind)) is null ? 0 : 1;
                return Remove(map, change, field);
            case (AddWinsMap map, CrdtOperation.Clear):
                result = map.Count;
                change.Remove(map);
                return new AddWinsMap();
            case (RemoveWinsMap map, CrdtOperation.Field field):
                return Update(map, change, field, wall, out result);
            case (RemoveWinsMap map, CrdtOperation.RemoveField field):
                result = map.ValuesOf(DatumOf(field.Key)) is null ? 0 : 1;
                return map.Remove(change, DatumOf(field.Key));
            default:
                throw new OperationRefusedException($"{operation.GetType().Name} cannot be done to a value of kind {store.Kind}");
        }
    }

    /// <summary>It depends on the value whether the operation can be done, or it never can.</summary>
    public static bool MayRefuse(StoreKind kind, CrdtOperation operation) => (kind, operation) switch
    {
        (StoreKind.EnableWinsFlag or StoreKind.DisableWinsFlag, CrdtOperation.Switch) => false,
        (StoreKind.OrSet, CrdtOperation.Insert or CrdtOperation.Remove or CrdtOperation.Clear) => false,
        (StoreKind.MvRegister or StoreKind.LwwRegister, CrdtOperation.Write or CrdtOperation.Clear) => false,
        (StoreKind.AddWinsMap, CrdtOperation.Clear or CrdtOperation.RemoveField) => false,
        (StoreKind.RemoveWinsMap, CrdtOperation.RemoveField) => false,
        (StoreKind.AddWinsMap or StoreKind.RemoveWinsMap, CrdtOperation.Field { Kind: not (StoreKind.AddWinsMap or StoreKind.RemoveWinsMap) } field) => MayRefuse(field.Kind, field.Inner),
        _ => true,
    };

    // Later than what is seen; of writes that do not see each other clocks decide.
    private static Versions.HybridTime After(Versions.HybridTime? seen, long wall) =>
        seen is { } time && time.Micros >= wall ? time with { Counter = checked(time.Counter + 1) } : new Versions.HybridTime(Math.Max(0, wall), 0);

    private static TMap Update<TMap>(TMap map, Change change, CrdtOperation.Field field, long wall, out long result) where TMap : INestingMap<TMap>
    {
        long inner = 0;
        Datum key = DatumOf(field.Key);
        TMap delta = field.Kind switch
        {
            StoreKind.EnableWinsFlag => map.Update<EnableWinsFlag>(change, key, Make),
            StoreKind.DisableWinsFlag => map.Update<DisableWinsFlag>(change, key, Make),
            StoreKind.OrSet => map.Update<OrSet>(change, key, Make),
            StoreKind.MvRegister => map.Update<MvRegister>(change, key, Make),
            StoreKind.LwwRegister => map.Update<LwwRegister>(change, key, Make),
            StoreKind.Counter => map.Update<CausalCounter>(change, key, Make),
            StoreKind.AddWinsMap => map.Update<AddWinsMap>(change, key, Make),
            _ => map.Update<RemoveWinsMap>(change, key, Make),
        };
        result = inner;
        return delta;

        T Make<T>(T store, Change nested) where T : DotStore => (T)StoreChange.Make(store, nested, field.Inner, wall, out inner);
    }

    private static AddWinsMap Remove(AddWinsMap map, Change change, CrdtOperation.RemoveField field)
    {
        if (map.Get(new MapField(DatumOf(field.Key), field.Kind)) is { } value)
            change.Remove(value);
        return new AddWinsMap();
    }

    private static Datum DatumOf(ReadOnlyMemory<byte> bytes) => new(bytes.ToArray());
}

/// <summary>What dot stores look like to a user.</summary>
internal static class StoreView
{
    public static CrdtData Of(DotStore store) => store switch
    {
        EnableWinsFlag flag => new CrdtData.Switch(flag.IsEnabled),
        DisableWinsFlag flag => new CrdtData.Switch(flag.IsEnabled),
        OrSet set => new CrdtData.Elements([.. set.Elements.Order().Select(element => element.Memory)]),
        MvRegister register => new CrdtData.Elements([.. register.Values.Select(value => value.Memory)]),
        LwwRegister register => new CrdtData.Elements(register.Value is { } value ? [value.Memory] : []),
        CausalCounter counter => new CrdtData.Number(counter.Value),
        AddWinsMap map => new CrdtData.Fields([.. map.Fields.Select(field => (field, Of(map.Get(field)!)))]),
        RemoveWinsMap map => new CrdtData.Fields([.. map.Keys.SelectMany(key => Values(map, key))]),
        _ => throw new InvalidOperationException($"a store of kind {store.Kind} has no view"),
    };

    public static DotStore? Find(DotStore store, IReadOnlyList<MapField> path)
    {
        DotStore? at = store;
        foreach (MapField field in path)
        {
            at = at switch
            {
                null => null,
                AddWinsMap map => map.Get(field),
                RemoveWinsMap map => map.ValuesOf(field.Key)?.Get(new MapField(default, field.Kind)),
                _ => throw new OperationRefusedException($"a {at.Kind} has no fields"),
            };
        }

        return at;
    }

    /// <summary>How many kinds of values there are: so many fields one key has at most.</summary>
    public static readonly int Kinds = Enum.GetValues<StoreKind>().Length;

    /// <summary>Bytes that it has in an answer, at least; more than enough is not counted.</summary>
    public static long LeastBytes(DotStore store, long enough)
    {
        IEnumerable<long> parts = store switch
        {
            OrSet set => set.Elements.Select(element => element.Length + 1L),
            AddWinsMap map => map.Unordered.Select(field => field.Key.Length + 2 + LeastBytes(map.Get(field)!, enough)),
            RemoveWinsMap map => map.Unordered.Select(key => key.Length + 2 + LeastBytes(map.ValuesOf(key)!, enough)),
            _ => [1],
        };
        long bytes = 0;
        foreach (long part in parts)
        {
            bytes += part;
            if (bytes > enough)
                break;
        }

        return bytes;
    }

    internal static IEnumerable<(MapField, CrdtData)> Values(RemoveWinsMap map, Datum key)
    {
        AddWinsMap values = map.ValuesOf(key)!;
        return values.Fields.Select(field => (new MapField(key, field.Kind), Of(values.Get(field)!)));
    }
}
