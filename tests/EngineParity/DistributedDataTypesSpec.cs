using System.Collections.Immutable;
using System.Numerics;
using Akka.Actor;
using Akka.Cluster;
using Akka.DistributedData;

namespace ActorRepl.EngineParity;

/// <summary>What Akka.DistributedData's documentation promises of each type of value.</summary>
public sealed class DistributedDataTypesSpec
{
    private static readonly UniqueAddress A = Node(1), B = Node(2), C = Node(3);

    [Fact]
    public void A_flag_stays_on()
    {
        Assert.False(Flag.False.Enabled);
        Assert.True(Flag.False.SwitchOn().Enabled);
        Assert.True(Flag.False.Merge(Flag.True).Merge(Flag.False));
    }

    [Fact]
    public void A_counter_adds_up_what_each_node_has_counted()
    {
        var here = GCounter.Empty.Increment(A, 3).Increment(B);
        var there = GCounter.Empty.Increment(B, 5).Increment(C);
        Assert.Equal(9UL, here.Merge(there).Value);
        Assert.Equal(here.Merge(there), there.Merge(here));
        Assert.Equal(3UL, here.Merge(there).State[A]);

        var changed = here.ResetDelta().Increment(A).Increment(A);
        Assert.Equal(5UL, changed.Delta.Value);
        Assert.Null(changed.ResetDelta().Delta);
        Assert.Equal(here.Merge(changed), here.MergeDelta(changed.Delta));
    }

    [Fact]
    public void A_counter_up_and_down_may_be_below_zero()
    {
        var counter = PNCounter.Empty.Increment(A, 3).Decrement(B, 5).Increment(C, -1);
        Assert.Equal(new BigInteger(-3), counter.Value);
        Assert.Equal(3UL, counter.Increments.Value);
        var changed = counter.ResetDelta().Decrement(A, 2);
        Assert.Equal(new BigInteger(-5), counter.MergeDelta(changed.Delta).Value);
    }

    [Fact]
    public void A_removed_nodes_count_goes_to_another_and_is_not_counted_twice()
    {
        var before = GCounter.Empty.Increment(A, 3).Increment(B, 4);
        Assert.True(before.NeedPruningFrom(A));
        var pruned = before.Prune(A, B);
        Assert.Equal(7UL, pruned.Value);
        Assert.Equal([B], pruned.ModifiedByNodes);
        Assert.Equal(7UL, pruned.Merge(before.PruningCleanup(A)).Value);
    }

    [Fact]
    public void A_grow_only_set_is_the_union()
    {
        var set = GSet.Create("a", "b");
        var changed = set.Add("c").Add("d");
        Assert.Equal(["c", "d"], changed.Delta.Elements.Order());
        Assert.Equal(["a", "b", "c", "d"], set.MergeDelta(changed.Delta).Elements.Order());
        Assert.Equal(changed, set.Merge(changed));
        Assert.True(changed.Contains("c"));
    }

    [Fact]
    public void The_latest_value_wins_and_between_equals_the_lowest_nodes()
    {
        var first = new LWWRegister<string>(B, "first", 10);
        var second = first.WithValue(A, "second", (timestamp, _) => timestamp + 1);
        Assert.Equal(11, second.Timestamp);
        Assert.Equal("second", first.Merge(second).Value);
        Assert.Equal("second", second.Merge(first).Value);
        Assert.Equal(A, second.Merge(first).UpdatedBy);
        var same = new LWWRegister<string>(C, "same", 11);
        Assert.Equal("second", same.Merge(second).Value);
        Assert.Equal("second", second.Merge(same).Value);
        Assert.True(second.WithValue(A, "now").Timestamp > second.Timestamp);
    }

    [Fact]
    public void Vectors_are_before_after_same_or_concurrent()
    {
        var a = VersionVector.Empty.Increment(A);
        var ab = a.Increment(B);
        var ac = a.Increment(C);
        Assert.True(a.IsBefore(ab) && a < ab);
        Assert.True(ab.IsAfter(a) && ab > a);
        Assert.True(ab.IsConcurrent(ac));
        Assert.True(ab.Merge(ac).IsAfter(ac) && ab.Merge(ac) == ac.Merge(ab));
        Assert.True(ab.IsSame(VersionVector.Empty.Merge(ab)));
        Assert.Equal(VersionVector.Ordering.Concurrent, ab.Compare(ac));
        Assert.True(ab.Increment(B).VersionAt(B) > ab.VersionAt(B));
        Assert.Equal(0, ab.VersionAt(C));
        Assert.True(VersionVector.Empty.IsBefore(a));
        Assert.False(ab.Prune(B, A).Contains(B));
        Assert.True(ab.Prune(B, A).VersionAt(A) > ab.VersionAt(A));
    }

    [Fact]
    public void An_addition_wins_over_a_removal_that_does_not_know_of_it()
    {
        var set = ORSet.Create(A, "x");
        var removed = set.Remove(A, "x");
        var again = set.Add(B, "x");
        Assert.Empty(removed.Elements);
        Assert.Equal(["x"], removed.Merge(again).Elements);
        Assert.Equal(["x"], again.Merge(removed).Elements);
        Assert.Empty(removed.Merge(set).Elements);
        Assert.Empty(set.Merge(removed).Elements);
        Assert.Empty(again.Merge(again.Remove(A, "x")).Elements);
        Assert.Equal(["y"], set.Merge(set.Clear(A).Add(A, "y")).Elements);
    }

    [Fact]
    public void Deltas_of_a_set_do_what_the_whole_set_would()
    {
        var before = ORSet.Create(A, "a").Add(A, "b").Add(A, "c").ResetDelta();
        Assert.Null(before.Delta);
        var changed = before.Add(A, "d").Remove(A, "b").Add(A, "e").Add(A, "a");
        Assert.Equal(["a", "c", "d", "e"], before.MergeDelta(changed.Delta).Elements.Order());
        var cleared = changed.ResetDelta().Add(A, "f").Clear(A).Add(A, "g");
        Assert.Equal(["g"], changed.ResetDelta().MergeDelta(cleared.Delta).Elements);
        Assert.Equal(["g"], cleared.Elements);

        // What the other has added meanwhile stays.
        var other = before.Add(B, "b").Add(B, "z");
        Assert.Equal(["a", "b", "c", "d", "e", "z"], other.MergeDelta(changed.Delta).Elements.Order());
        var merged = ((ORSet<string>.IDeltaOperation)before.Add(A, "1").Delta.Merge(before.Add(A, "2").Delta));
        Assert.Equal(["1", "2", "a", "b", "c"], before.MergeDelta(merged).Elements.Order());
    }

    [Fact]
    public void A_removed_nodes_elements_stay()
    {
        var before = ORSet.Create(A, "of a").Add(B, "of b");
        var pruned = before.Prune(A, B);
        Assert.Equal([B], pruned.ModifiedByNodes);
        Assert.Equal(["of a", "of b"], pruned.Elements.Order());
        Assert.Equal(["of a", "of b"], pruned.Merge(before.PruningCleanup(A)).Elements.Order());
        Assert.Equal(["of a", "of b"], before.PruningCleanup(A).Merge(pruned).Elements.Order());
    }

    [Fact]
    public void An_update_of_a_key_wins_over_its_removal_and_values_of_a_key_merge()
    {
        var map = ORDictionary.Create(A, "k", GCounter.Empty.Increment(A)).SetItem(A, "l", GCounter.Empty);
        var removed = map.Remove(A, "k");
        var updated = map.AddOrUpdate(B, "k", GCounter.Empty, counter => counter.Increment(B, 4));
        Assert.False(removed.ContainsKey("k"));
        Assert.Equal(5UL, removed.Merge(updated)["k"].Value);
        Assert.Equal(5UL, updated.Merge(removed)["k"].Value);
        Assert.False(map.Merge(removed).ContainsKey("k"));
        var other = map.AddOrUpdate(C, "k", GCounter.Empty, counter => counter.Increment(C, 2)).AddOrUpdate(C, "m", GCounter.Empty, counter => counter.Increment(C));
        Assert.Equal(7UL, updated.Merge(other)["k"].Value);
        Assert.Equal(["k", "l", "m"], updated.Merge(other).Keys.Order());
        Assert.True(other.TryGetValue("m", out var found) && found.Value == 1);
        var sets = ORDictionary.Create(A, "s", ORSet.Create(A, "x"));
        Assert.Throws<ArgumentException>(() => sets.SetItem(A, "s", ORSet.Create(A, "y")));
    }

    [Fact]
    public void Deltas_of_dictionaries_do_what_the_whole_would()
    {
        var before = PNCounterDictionary<string>.Empty.Increment(A, "a", 2).Increment(A, "b").ResetDelta();
        var changed = before.Decrement(A, "a", 5).Increment(A, "c").Remove(A, "b").Increment(A, "c");
        foreach (var result in new[] { changed, before.Merge(changed), before.MergeDelta(changed.Delta) })
        {
            Assert.Equal(["a", "c"], result.Keys.Order());
            Assert.Equal(new BigInteger(-3), result["a"]);
            Assert.Equal(new BigInteger(2), result.Entries["c"]);
        }

        var registers = LWWDictionary<int, string>.Empty.SetItem(A, 1, "one").SetItem(A, 2, "two").ResetDelta();
        var rewritten = registers.SetItem(A, 1, "uno").Remove(A, 2).SetItem(B, 3, "tre");
        foreach (var result in new[] { rewritten, registers.Merge(rewritten), registers.MergeDelta(rewritten.Delta) })
        {
            Assert.Equal([1, 3], result.Keys.Order());
            Assert.Equal("uno", result[1]);
            Assert.True(result.TryGetValue(3, out string? three) && three == "tre");
        }
    }

    [Fact]
    public void A_key_of_several_values_is_there_as_long_as_it_has_one()
    {
        var before = ORMultiValueDictionary<string, int>.Empty.AddItem(A, "k", 1).AddItem(A, "k", 2).AddItem(A, "l", 3).ResetDelta();
        var changed = before.RemoveItem(A, "l", 3).ReplaceItem(A, "k", 2, 4).AddItem(A, "m", 5).SetItems(A, "n", ImmutableHashSet.Create(6, 7));
        foreach (var result in new[] { changed, before.Merge(changed), before.MergeDelta(changed.Delta) })
        {
            Assert.Equal(["k", "m", "n"], result.Keys.Order());
            Assert.Equal([1, 4], result["k"].Order());
            Assert.Equal([6, 7], result["n"].Order());
        }

        Assert.Equal([1, 2, 4], before.AddItem(B, "k", 2).Merge(changed)["k"].Order());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Replicas_that_exchange_deltas_and_wholes_in_any_order_end_up_equal(int seed)
    {
        Converge(seed, GCounter.Empty, (counter, node, random) => counter.Increment(node, (ulong)random.Next(1, 5)));
        Converge(seed, PNCounter.Empty, (counter, node, random) => counter.Increment(node, random.Next(-5, 5)));
        Converge(seed, GSet<int>.Empty, (set, _, random) => set.Add(random.Next(20)));
        Converge(seed, ORSet<int>.Empty, (set, node, random) => random.Next(10) switch
        {
            < 6 => set.Add(node, random.Next(12)),
            < 9 => set.Remove(node, random.Next(12)),
            _ => set.Clear(node),
        });
        Converge(seed, ORMultiValueDictionary<int, int>.Empty, (map, node, random) => random.Next(10) switch
        {
            < 6 => map.AddItem(node, random.Next(4), random.Next(5)),
            < 9 => map.RemoveItem(node, random.Next(4), random.Next(5)),
            _ => map.Remove(node, random.Next(4)),
        });
        Converge(seed, PNCounterDictionary<int>.Empty, (map, node, random) =>
            random.Next(10) < 8 ? map.Increment(node, random.Next(4), random.Next(1, 5)) : map.Remove(node, random.Next(4)));
    }

    [Fact]
    public async Task Every_value_comes_back_from_its_bytes_and_equal_values_give_equal_bytes()
    {
        await using var cluster = await DistributedDataCluster.StartAsync(1);
        var set = ORSet.Create(A, "b").Add(B, "a").Add(C, "c").Remove(C, "c");
        IReplicatedData[] values =
        [
            Flag.True, GCounter.Empty.Increment(A, 3).Increment(B, ulong.MaxValue / 2), PNCounter.Empty.Increment(A).Decrement(B, 7),
            GSet.Create(3, 1, 2), GSet.Create("x", "y"), GSet.Create(5L), set, new LWWRegister<string>(A, "value", 7),
            ORDictionary.Create(A, "k", GCounter.Empty.Increment(A)), PNCounterDictionary<string>.Empty.Increment(B, "k", -3),
            LWWDictionary<string, int>.Empty.SetItem(A, "k", 1), ORMultiValueDictionary<int, string>.Empty.AddItem(A, 1, "x").AddItem(B, 1, "y"),
        ];
        foreach (var value in values)
        {
            Assert.Equal(value, AndBack(value));
            if (value is IDeltaReplicatedData { Delta: { } delta } whole)
                Assert.Equal(whole.ResetDelta(), Zero(whole).MergeDelta((IReplicatedDelta)AndBack(delta)));
        }

        // Whatever the order in which nodes came to know of elements.
        var evens = Enumerable.Range(0, 50).Aggregate(ORSet<string>.Empty, (all, i) => all.Add(A, $"{2 * i}"));
        var odds = Enumerable.Range(0, 50).Reverse().Aggregate(ORSet<string>.Empty, (all, i) => all.Add(B, $"{(2 * i) + 1}"));
        Assert.Equal(Bytes(evens.Merge(odds)), Bytes(odds.Merge(evens)));
        Assert.Equal(Bytes(evens.Merge(odds)), Bytes(AndBack(odds.Merge(evens))));

        byte[] Bytes(object value) => cluster[0].System.Serialization.FindSerializerFor(value).ToBinary(value);

        object AndBack(object value)
        {
            var serializer = cluster[0].System.Serialization.FindSerializerFor(value);
            string manifest = Akka.Serialization.Serialization.ManifestFor(serializer, value);
            return cluster[0].System.Serialization.Deserialize(serializer.ToBinary(value), serializer.Identifier, manifest);
        }

        static IDeltaReplicatedData Zero(IDeltaReplicatedData whole) => whole.Delta.Zero;
    }

    private static UniqueAddress Node(int number) => new(new Address("akka.tcp", "ddata", "127.0.0.1", 1000 + number), number);

    /// <summary>Three replicas that change their value at will, send each other deltas in order and sometimes the whole, and at the end all.</summary>
    private static void Converge<T, TDelta>(int seed, IDeltaReplicatedData<T, TDelta> empty, Func<T, UniqueAddress, Random, T> change)
        where T : IDeltaReplicatedData<T, TDelta> where TDelta : IReplicatedDelta
    {
        var random = new Random(seed);
        UniqueAddress[] nodes = [A, B, C];
        T[] replicas = [(T)empty, (T)empty, (T)empty];
        var inFlight = new Queue<TDelta>[3, 3];
        for (int i = 0; i < 9; i++)
            inFlight[i / 3, i % 3] = new Queue<TDelta>();
        for (int step = 0; step < 300; step++)
        {
            int from = random.Next(3), to = random.Next(3);
            switch (random.Next(10))
            {
                case < 5:
                    var changed = change(replicas[from], nodes[from], random);
                    for (int other = 0; other < 3 && changed.Delta is not null; other++)
                        if (other != from)
                            inFlight[from, other].Enqueue(changed.Delta);
                    replicas[from] = changed.ResetDelta();
                    break;
                case < 9 when inFlight[from, to].TryDequeue(out var delta):
                    replicas[to] = replicas[to].MergeDelta(delta);
                    break;
                default:
                    replicas[to] = replicas[to].Merge(replicas[from]);
                    break;
            }
        }

        for (int i = 0; i < 9; i++)
            foreach (var delta in inFlight[i / 3, i % 3])
                replicas[i % 3] = replicas[i % 3].MergeDelta(delta);
        for (int round = 0; round < 2; round++)
            for (int i = 0; i < 9; i++)
                replicas[i % 3] = replicas[i % 3].Merge(replicas[i / 3]);
        Assert.True(Equals(replicas[0], replicas[1]), $"seed {seed}: {replicas[0]} is not {replicas[1]}");
        Assert.True(Equals(replicas[0], replicas[2]), $"seed {seed}: {replicas[0]} is not {replicas[2]}");
        Assert.Equal(replicas[0], replicas[0].Merge(replicas[0]));
    }
}
