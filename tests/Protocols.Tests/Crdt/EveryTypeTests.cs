using System.Reflection;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;

namespace ActorRepl.Protocols.Tests.Crdt;

/// <summary>
/// What is shown of each type: that it is a join semilattice whose deltas are worth its states, that it does what its specification says under each causal order, and, of sets, maps, texts and lists,
/// that it does so in every way in which three replicas do four operations. A type that is not in the table fails.
/// </summary>
public class EveryTypeTests
{
    private static readonly Dictionary<string, Row> Table = new()
    {
        [nameof(GCounter)] = new(TypeLaws.GCounter, TypeModels.A_counter_that_only_grows_is_the_sum_of_what_was_added),
        [nameof(PNCounter)] = new(TypeLaws.PNCounter, TypeModels.A_counter_is_the_sum_of_what_was_added),
        [nameof(BoundedCounter)] = new(TypeLaws.BoundedCounter, TypeModels.A_bounded_counter_is_never_below_0_and_loses_nothing),
        [nameof(GSet)] = new(TypeLaws.GSet, TypeModels.A_growing_set_has_what_was_added, TypeModels.Growing_sets_in_every_way),
        [nameof(TwoPhaseSet)] = new(TypeLaws.TwoPhaseSet, TypeModels.A_two_phase_set_has_what_was_added_and_never_removed, TypeModels.Two_phase_sets_in_every_way),
        [nameof(EnableWinsFlag)] = new(TypeLaws.EnableWinsFlag, TypeModels.An_enable_wins_flag_is_on_if_one_of_the_last_changes_enabled_it),
        [nameof(DisableWinsFlag)] = new(TypeLaws.DisableWinsFlag, TypeModels.A_disable_wins_flag_is_off_if_one_of_the_last_changes_disabled_it),
        [nameof(MvRegister)] = new(TypeLaws.MvRegister, TypeModels.A_multi_value_register_has_what_was_written_last),
        [nameof(LwwRegister)] = new(TypeLaws.LwwRegister, TypeModels.A_last_writer_wins_register_has_the_latest_of_what_was_written_last),
        [nameof(CausalCounter)] = new(TypeLaws.CausalCounter, TypeModels.A_counter_that_is_removed_loses_what_the_removal_had_seen),
        [nameof(OrSet)] = new(TypeLaws.OrSet, TypeModels.A_set_has_what_was_added_and_not_removed_by_one_who_had_seen_it, TypeModels.Sets_in_every_way, TypeModels.Sets_in_every_order),
        [nameof(AddWinsMap)] = new(
            TypeLaws.AddWinsMap, TypeModels.Of_an_update_and_a_removal_at_once_an_add_wins_map_keeps_the_update, TypeModels.Add_wins_maps_in_every_way, TypeModels.Add_wins_maps_in_every_order),
        [nameof(RemoveWinsMap)] = new(
            TypeLaws.RemoveWinsMap, TypeModels.Of_an_update_and_a_removal_at_once_a_remove_wins_map_keeps_the_removal, TypeModels.Remove_wins_maps_in_every_way,
            TypeModels.Remove_wins_maps_in_every_order),
        [nameof(Text)] = new(
            TypeLaws.Text, TypeModels.A_text_has_the_units_that_were_inserted_and_not_deleted_in_one_order, TypeModels.Texts_in_every_way,
            new TextInterleavingTests().Four_operations_on_each_of_three_replicas_in_every_order),
        [nameof(CausalList)] = new(TypeLaws.CausalList, TypeModels.A_list_has_the_items_that_were_inserted_and_not_deleted_in_one_order, TypeModels.Lists_in_every_way),
    };

    /// <param name="Laws">Commutative, associative, idempotent, monotone; deltas, twice and in any order, worth the states; what was encoded comes back.</param>
    /// <param name="Model">Equal to a sequential specification under any causal order.</param>
    /// <param name="Exhaustive">In every way, and in every order.</param>
    private sealed record Row(Action Laws, Action Model, params Action[] Exhaustive);

    public static TheoryData<string> Types => [.. Found().Select(type => type.Name)];

    public static TheoryData<string> Collections => [.. Found().Where(IsCollection).Select(type => type.Name)];

    [Theory]
    [MemberData(nameof(Types))]
    public void It_is_a_semilattice_and_its_deltas_are_worth_its_states(string type) => Of(type).Laws();

    [Theory]
    [MemberData(nameof(Types))]
    public void It_does_what_its_specification_says_under_each_causal_order(string type) => Of(type).Model();

    [Theory]
    [MemberData(nameof(Collections))]
    public void Three_replicas_do_four_operations_in_every_way(string type)
    {
        Assert.NotEmpty(Of(type).Exhaustive);
        foreach (Action every in Of(type).Exhaustive)
            every();
    }

    [Fact]
    public void The_table_has_every_type_and_a_group_has_no_other()
    {
        Assert.Equal(Table.Keys.Order(), Found().Select(type => type.Name).Order());
        Assert.Equal(Enum.GetValues<StoreKind>().Length, Found().Count(type => type.IsSubclassOf(typeof(DotStore))));
        Assert.Equal(Enum.GetValues<CrdtType>().Length, Found().Count(type => type != typeof(CausalCounter)));
    }

    private static Row Of(string type) =>
        Table.TryGetValue(type, out Row? row) ? row : throw new InvalidOperationException($"nothing is shown of {type}: its laws and its model belong into the table");

    /// <summary>Whoever implements <see cref="ICrdt{TSelf}"/>, and whatever a <see cref="Causal{T}"/> may hold.</summary>
    private static IEnumerable<Type> Found() => typeof(CrdtCodec).Assembly.GetExportedTypes().Where(type => !type.IsAbstract && !type.IsGenericType
        && (type.IsSubclassOf(typeof(DotStore)) || type.GetInterfaces().Any(each => each.IsGenericType && each.GetGenericTypeDefinition() == typeof(ICrdt<>))));

    private static bool IsCollection(Type type) => !new[] { "Counter", "Flag", "Register" }.Any(scalar => type.Name.EndsWith(scalar, StringComparison.Ordinal));
}
