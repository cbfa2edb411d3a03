using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>Every type is a join semilattice, its deltas are worth its states, and equal states have equal bytes; run by <see cref="EveryTypeTests"/>.</summary>
internal static class TypeLaws
{
    public static void GCounter() => Laws.Hold<GCounter>((random, counter, source) => counter.Increment(source, 1 + random.Next(5)));

    public static void PNCounter() => Laws.Hold<PNCounter>((random, counter, source) => counter.Add(source, random.Next(11) - 5));

    public static void BoundedCounter() => Laws.Hold<BoundedCounter>((random, counter, source) => random.Next(3) switch
    {
        0 => counter.Increment(source, 1 + random.Next(5)),
        1 => counter.TryDecrement(source, 1 + random.Next(3)),
        _ => Other(random, source) is var other && other != source ? counter.TryTransfer(source, other, 1 + random.Next(3)) : null,
    });

    public static void GSet() => Laws.Hold<GSet>((random, set, _) => set.Add(Any(random)));

    public static void TwoPhaseSet() => Laws.Hold<TwoPhaseSet>((random, set, _) => random.Next(3) == 0 ? set.TryRemove(Any(random)) : set.Add(Any(random)));

    public static void EnableWinsFlag() => Hold<EnableWinsFlag>((random, flag, change) => random.Next(2) == 0 ? flag.Enable(change) : flag.Disable(change));

    public static void DisableWinsFlag() => Hold<DisableWinsFlag>((random, flag, change) => random.Next(2) == 0 ? flag.Enable(change) : flag.Disable(change));

    public static void OrSet() => Hold<OrSet>(ChangeSet);

    public static void MvRegister() => Hold<MvRegister>((random, register, change) => random.Next(4) == 0 ? register.Clear(change) : register.Write(change, Any(random)));

    public static void LwwRegister() => Hold<LwwRegister>((random, register, change) =>
        random.Next(4) == 0 ? register.Clear(change) : register.Write(change, new HybridTime(random.Next(3), (int)random.Next(3)), Any(random)));

    public static void CausalCounter() => Hold<CausalCounter>((random, counter, change) => random.Next(5) == 0 ? counter.Clear(change) : counter.Add(change, random.Next(11) - 5));

    public static void AddWinsMap() => Hold<AddWinsMap>(ChangeMap);

    public static void RemoveWinsMap() => Hold<RemoveWinsMap>((random, map, change) => random.Next(5) switch
    {
        0 => map.Remove(change, Any(random)),
        1 => map.Update<AddWinsMap>(change, Any(random), (nested, c) => ChangeMap(random, nested, c)),
        2 => map.Update<MvRegister>(change, Any(random), (register, c) => register.Write(c, Any(random))),
        _ => map.Update<OrSet>(change, Any(random), (set, c) => ChangeSet(random, set, c)),
    });

    public static void Text() => SequenceLaws.Hold(SequenceLaws.Texts);

    public static void CausalList() => SequenceLaws.Hold(SequenceLaws.Lists);

    internal static Datum Any(DeterministicRandom random) => ((char)('a' + random.Next(4))).ToString();

    private static OrSet ChangeSet(DeterministicRandom random, OrSet set, Change change) => random.Next(8) switch
    {
        0 => set.Clear(change),
        < 4 => set.Remove(change, Any(random)),
        // Many elements at once: what a merge of few dots into a large set does is not what one of many does.
        4 => set.Add(change, Enumerable.Range(0, 40).Select(number => (Datum)$"{number}")),
        _ => set.Add(change, Any(random)),
    };

    private static AddWinsMap ChangeMap(DeterministicRandom random, AddWinsMap map, Change change) => random.Next(7) switch
    {
        0 => map.Remove<OrSet>(change, Any(random)),
        1 => map.Remove<CausalCounter>(change, Any(random)),
        2 => map.Update<CausalCounter>(change, Any(random), (counter, c) => counter.Add(c, random.Next(5))),
        3 => map.Update<EnableWinsFlag>(change, Any(random), (flag, c) => flag.Enable(c)),
        4 when map.Depth < 3 => map.Update<AddWinsMap>(change, Any(random), (nested, c) => ChangeMap(random, nested, c)),
        _ => map.Update<OrSet>(change, Any(random), (set, c) => ChangeSet(random, set, c)),
    };

    private static VersionSource Other(DeterministicRandom random, VersionSource source) =>
        random.Next(2) == 0 ? source : History<GCounter>.Source((int)random.Next(History<GCounter>.Replicas));

    private static void Hold<T>(Func<DeterministicRandom, T, Change, T> mutator) where T : DotStore, new() =>
        Laws.Hold<Causal<T>>((random, value, source) => value.Mutate(source, (store, change) => mutator(random, store, change)));
}
