using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>Every type does what its sequential specification says under each causal order; run by <see cref="EveryTypeTests"/>.</summary>
internal static class TypeModels
{
    public static void A_counter_is_the_sum_of_what_was_added() => Modelled<PNCounter>.AtRandom("+-", 5, () => new(
        (counter, source, operation) => counter.Add(source, operation.Kind == '+' ? operation.Argument : -operation.Argument),
        counter => $"{counter.Value}",
        seen => $"{seen.Sum(operation => operation.Kind == '+' ? operation.Argument : -operation.Argument)}"));

    public static void A_bounded_counter_is_never_below_0_and_loses_nothing() => Laws.ForAll(random =>
    {
        BoundedCounter[] replicas = [new(), new(), new()];
        long expected = 0;
        for (int i = 0; i < 60; i++)
        {
            int at = (int)random.Next(3), other = (int)random.Next(3);
            long amount = 1 + random.Next(4);
            (VersionSource source, VersionSource to) = (History<GCounter>.Source(at), History<GCounter>.Source(other));
            switch (random.Next(4))
            {
                case 0:
                    replicas[at].Increment(source, amount);
                    expected += amount;
                    break;
                case 1:
                    long rights = replicas[at].Rights(source);
                    bool taken = replicas[at].TryDecrement(source, amount) is not null;
                    Assert.Equal(rights >= amount, taken);
                    expected -= taken ? amount : 0;
                    break;
                case 2 when at != other:
                    replicas[at].TryTransfer(source, to, amount);
                    break;
                case 3 when at != other:
                    replicas[at].Merge(replicas[other]);
                    break;
            }

            BoundedCounter all = Laws.Join(Laws.Join(replicas[0], replicas[1]), replicas[2]);
            Assert.Equal(expected, all.Value);
            Assert.True(expected >= 0, "a bounded counter is never below 0");
            Assert.Equal(expected, Enumerable.Range(0, 3).Sum(replica => all.Rights(History<GCounter>.Source(replica))));
        }
    });

    public static void A_counter_that_only_grows_is_the_sum_of_what_was_added() => Modelled<GCounter>.AtRandom("+", 5, () => new(
        (counter, source, operation) => counter.Increment(source, operation.Argument + 1),
        counter => $"{counter.Value}",
        seen => $"{seen.Sum(operation => operation.Argument + 1)}"));

    public static void A_growing_set_has_what_was_added() => Modelled<GSet>.AtRandom("+", 4, GrowingSet);

    public static void A_two_phase_set_has_what_was_added_and_never_removed() => Modelled<TwoPhaseSet>.AtRandom("+-", 3, TwoPhase);

    public static void An_enable_wins_flag_is_on_if_one_of_the_last_changes_enabled_it() => Random("+-", 1, EnableWins);

    public static void A_disable_wins_flag_is_off_if_one_of_the_last_changes_disabled_it() => Random("+-", 1, DisableWins);

    public static void A_multi_value_register_has_what_was_written_last() => Random("wwwc", 4, MultiValue);

    public static void A_last_writer_wins_register_has_the_latest_of_what_was_written_last() => Random("wwwc", 4, LastWriter);

    public static void A_counter_that_is_removed_loses_what_the_removal_had_seen() => Random("++c", 4, Counter);

    public static void A_set_has_what_was_added_and_not_removed_by_one_who_had_seen_it() => Random("++-c", 4, Set);

    public static void Of_an_update_and_a_removal_at_once_an_add_wins_map_keeps_the_update() => Random("++-r", 3, AddWins);

    public static void Of_an_update_and_a_removal_at_once_a_remove_wins_map_keeps_the_removal() => Random("++-r", 3, RemoveWins);

    public static void A_text_has_the_units_that_were_inserted_and_not_deleted_in_one_order() => SequenceLaws.MeetsItsSpecification(SequenceLaws.Texts);

    public static void A_list_has_the_items_that_were_inserted_and_not_deleted_in_one_order() => SequenceLaws.MeetsItsSpecification(SequenceLaws.Lists);

    public static void Sets_in_every_way() => Assert.Equal(59_049, Modelled<Causal<OrSet>>.InEveryWay("+-c", Set));

    public static void Growing_sets_in_every_way() => Assert.Equal(729, Modelled<GSet>.InEveryWay("+", GrowingSet));

    public static void Two_phase_sets_in_every_way() => Assert.Equal(11_664, Modelled<TwoPhaseSet>.InEveryWay("+-", TwoPhase));

    public static void Add_wins_maps_in_every_way() => Assert.Equal(59_049, Modelled<Causal<AddWinsMap>>.InEveryWay("+-r", AddWins));

    public static void Remove_wins_maps_in_every_way() => Assert.Equal(59_049, Modelled<Causal<RemoveWinsMap>>.InEveryWay("+-r", RemoveWins));

    public static void Texts_in_every_way() => Assert.Equal(39_366, SequenceLaws.InEveryWay(SequenceLaws.Texts));

    public static void Lists_in_every_way() => Assert.Equal(39_366, SequenceLaws.InEveryWay(SequenceLaws.Lists));

    public static void Sets_in_every_order() =>
        Assert.Equal(Interleavings.Count, Modelled<Causal<OrSet>>.InEveryOrder([('+', 0), ('-', 0), ('+', 1), ('-', 0)], Set));

    public static void Add_wins_maps_in_every_order() =>
        Assert.Equal(Interleavings.Count, Modelled<Causal<AddWinsMap>>.InEveryOrder([('+', 0), ('r', 0), ('+', 1), ('-', 0)], AddWins));

    public static void Remove_wins_maps_in_every_order() =>
        Assert.Equal(Interleavings.Count, Modelled<Causal<RemoveWinsMap>>.InEveryOrder([('+', 0), ('r', 0), ('+', 1), ('-', 0)], RemoveWins));

    private static void Random<T>(string kinds, int arguments, Func<Modelled<Causal<T>>> create) where T : DotStore, new() =>
        Modelled<Causal<T>>.AtRandom(kinds, arguments, create);

    private static Modelled<Causal<T>> Of<T>(Func<T, Change, Operation, T> change, Func<T, string> read, Func<IReadOnlyList<Operation>, string> specification)
        where T : DotStore, new() =>
        new((value, source, operation) => value.Mutate(source, (store, c) => change(store, c, operation)), value => read(value.Value), specification);

    private static Modelled<GSet> GrowingSet() => new(
        (set, _, operation) => set.Add($"{operation.Argument}"),
        set => string.Join(",", set.Elements.Order()),
        seen => Elements(seen));

    private static Modelled<TwoPhaseSet> TwoPhase() => new(
        (set, source, operation) =>
        {
            TwoPhaseSet? delta = operation.Kind == '+' ? set.Add($"{operation.Argument}") : set.TryRemove($"{operation.Argument}");
            Assert.True(delta is not null || !set.Contains($"{operation.Argument}"));
        },
        set => string.Join(",", set.Elements.Order()),
        seen => string.Join(",", seen.Where(add => add.Kind == '+' && !seen.Any(remove => remove.Kind == '-' && remove.Argument == add.Argument
            && seen.Any(known => known.Kind == '+' && known.Argument == add.Argument && remove.Follows(known)))).Select(add => add.Argument).Distinct().Order()));

    /// <summary>Those that none of the others follows.</summary>
    private static IEnumerable<Operation> Last(IReadOnlyList<Operation> seen) => seen.Where(operation => !seen.Any(later => later.Follows(operation)));

    private static Modelled<Causal<EnableWinsFlag>> EnableWins() => Of<EnableWinsFlag>(
        (flag, c, operation) => operation.Kind == '+' ? flag.Enable(c) : flag.Disable(c),
        flag => $"{flag.IsEnabled}",
        seen => $"{Last(seen).Any(operation => operation.Kind == '+')}");

    private static Modelled<Causal<DisableWinsFlag>> DisableWins() => Of<DisableWinsFlag>(
        (flag, c, operation) => operation.Kind == '+' ? flag.Enable(c) : flag.Disable(c),
        flag => $"{flag.IsEnabled}",
        seen => $"{!Last(seen).Any(operation => operation.Kind == '-')}");

    private static Modelled<Causal<MvRegister>> MultiValue() => Of<MvRegister>(
        (register, c, operation) => operation.Kind == 'w' ? register.Write(c, $"{operation.Argument}") : register.Clear(c),
        register => string.Join(",", register.Values),
        seen => string.Join(",", Last(seen).Where(operation => operation.Kind == 'w').Select(operation => operation.Argument).Distinct().Order()));

    private static Modelled<Causal<LwwRegister>> LastWriter() => Of<LwwRegister>(
        // Clocks that run apart and go back: only what was seen, then the time, then who wrote, decide.
        (register, c, operation) => operation.Kind == 'w' ? register.Write(c, new HybridTime(operation.Argument, operation.Number), $"#{operation.Number}") : register.Clear(c),
        register => $"{register.Value}",
        seen => Last(seen).Where(operation => operation.Kind == 'w').OrderBy(operation => operation.Argument).ThenBy(operation => operation.Number)
            .Select(operation => $"#{operation.Number}").LastOrDefault(""));

    private static Modelled<Causal<CausalCounter>> Counter() => Of<CausalCounter>(
        (counter, c, operation) => operation.Kind == '+' ? counter.Add(c, operation.Argument - 1) : counter.Clear(c),
        counter => $"{counter.Value}",
        seen => $"{seen.Where(add => add.Kind == '+' && !seen.Any(clear => clear.Kind == 'c' && clear.Follows(add))).Sum(add => add.Argument - 1)}");

    private static OrSet Change(OrSet set, Change c, Operation operation) => operation.Kind switch
    {
        '+' => set.Add(c, $"{operation.Argument}"),
        '-' => set.Remove(c, $"{operation.Argument}"),
        _ => set.Clear(c),
    };

    private static Modelled<Causal<OrSet>> Set() => Of<OrSet>(
        Change,
        set => string.Join(",", set.Elements.Order()),
        seen => Elements(seen.Where(add => add.Kind == '+' && !seen.Any(later => later.Follows(add) && Removes(later, add)))));

    private static bool Removes(Operation later, Operation add) => later.Kind is 'c' or 'r' || (later.Kind == '-' && later.Argument == add.Argument);

    private static string Elements(IEnumerable<Operation> adds) => string.Join(",", adds.Select(add => add.Argument).Distinct().Order());

    private static Modelled<Causal<AddWinsMap>> AddWins() => Of<AddWinsMap>(
        (map, c, operation) => operation.Kind == 'r' ? map.Remove<OrSet>(c, "key") : map.Update<OrSet>(c, "key", (set, d) => Change(set, d, operation)),
        map => string.Join(",", map.Get<OrSet>("key")?.Elements.Order() ?? Enumerable.Empty<Datum>()),
        seen => Elements(seen.Where(add => add.Kind == '+' && !seen.Any(later => later.Follows(add) && Removes(later, add)))));

    private static Modelled<Causal<RemoveWinsMap>> RemoveWins() => Of<RemoveWinsMap>(
        (map, c, operation) => operation.Kind == 'r' ? map.Remove(c, "key") : map.Update<OrSet>(c, "key", (set, d) => Change(set, d, operation)),
        map => string.Join(",", map.Get<OrSet>("key")?.Elements.Order() ?? Enumerable.Empty<Datum>()),
        seen => IsRemoved(seen) ? "" : Elements(seen.Where(add => add.Kind == '+' && !seen.Any(later => later.Follows(add) && (Removes(later, add) || Revives(seen, later))))));

    /// <summary>A removal that nothing has seen: an update that has seen it ends it, and another removal takes its place.</summary>
    private static bool IsRemoved(IReadOnlyList<Operation> seen) => seen.Any(removal => removal.Kind == 'r' && !seen.Any(later => later.Follows(removal)));

    /// <summary>An update whose replica showed no key: it starts anew, whatever lay hidden there.</summary>
    private static bool Revives(IReadOnlyList<Operation> seen, Operation update) => update.Kind != 'r' && IsRemoved([.. seen.Where(update.Follows)]);
}
