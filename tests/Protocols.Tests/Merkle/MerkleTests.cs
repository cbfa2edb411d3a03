using System.Diagnostics;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Merkle;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace ActorRepl.Protocols.Tests.Merkle;

public class MerkleTests(ITestOutputHelper output)
{
    private static void ForAll(Action<DeterministicRandom> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => property(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    [Fact]
    public void A_million_keys_of_which_ten_differ_cost_less_than_100_KB_and_2_seconds()
    {
        KeyedLeaves mine = new(), theirs = new();
        for (int i = 0; i < 1_000_000; i++)
        {
            MerkleItem item = KeyedLeaves.ItemOf($"user:{i}", i);
            mine.Put(item);
            theirs.Put(i % 100_000 == 77 ? item with { Value = ~item.Value } : item);
        }

        var clock = Stopwatch.StartNew();
        (MerkleComparison done, long bytes) = Exchange.Run(mine, theirs);
        clock.Stop();
        output.WriteLine($"{done.Different.Count} of 1,000,000 keys found in {done.Rounds} rounds: {bytes:N0} bytes, {clock.Elapsed.TotalMilliseconds:N1} ms");
        Assert.Equal(Enumerable.Range(0, 10).Select(i => KeyedLeaves.KeyOf($"user:{i * 100_000 + 77}")).Order(), done.Different.Order());
        Assert.InRange(bytes, 1, 100_000);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 2);
    }

    [Fact]
    public void Equal_trees_are_told_from_their_first_answer()
    {
        KeyedLeaves mine = Filled(1_000), theirs = Filled(1_000);
        (MerkleComparison done, long bytes) = Exchange.Run(mine, theirs);
        Assert.Equal(1, done.Rounds);
        Assert.InRange(bytes, 1, 400);
        Assert.Empty(done.Different);
    }

    [Fact]
    public void A_comparison_finds_the_keys_that_differ_and_no_others() => ForAll(random =>
    {
        KeyedLeaves mine = new(depth: 2), theirs = new(depth: 2);
        var expected = new HashSet<UInt128>();
        int keys = (int)random.Next(400);
        for (int i = 0; i < keys; i++)
        {
            string key = $"k{i}";
            long kind = random.Next(10);
            if (kind != 1)
                mine.Put(key, 1);
            if (kind != 2)
                theirs.Put(key, kind == 3 ? 2 : 1);
            if (kind is >= 1 and <= 3)
                expected.Add(KeyedLeaves.KeyOf(key));
        }

        Assert.Equal(expected.Order(), Exchange.Run(mine, theirs).Done.Different.Order());
        Assert.Equal(expected.Order(), Exchange.Run(theirs, mine).Done.Different.Order());
    });

    [Fact]
    public void A_tree_is_that_of_its_keys_however_it_came_to_them() => ForAll(random =>
    {
        KeyedLeaves grown = new(depth: 2), straight = new(depth: 2);
        var last = new Dictionary<string, long>();
        for (int i = 0; i < 300; i++)
        {
            string key = $"k{random.Next(40)}";
            if (random.Chance(1, 4))
            {
                grown.Delete(key);
                last.Remove(key);
            }
            else
            {
                grown.Put(key, last[key] = i);
            }
        }

        foreach ((string key, long version) in last.OrderBy(_ => random.NextUInt64()))
            straight.Put(key, version);
        Assert.Equal(straight.Tree.Root, grown.Tree.Root);
        Assert.Equal(last.Count, grown.Tree.Count);
        Assert.Empty(grown.Tree.LeavesThatDifferFrom(grown.Items));
    });

    [Fact]
    public void An_empty_side_and_a_leaf_of_thousands_are_compared_in_bounded_messages()
    {
        // One level: sixteen leaves, a thousand keys in each.
        KeyedLeaves full = Filled(16_000, depth: 1), half = Filled(8_000, depth: 1), empty = new(depth: 1);
        Assert.Equal(8_000, RepairedFrom(full, half));
        Assert.Equal(16_000, Exchange.Run(full, empty).Done.Different.Count);
        (MerkleComparison one, _) = Exchange.Run(empty, full);
        Assert.True(one.Different.Count == 16_000 || one.IsPartial);
    }

    [Fact]
    public void Two_keys_that_swap_their_values_are_seen()
    {
        KeyedLeaves mine = new(depth: 1), theirs = new(depth: 1);
        string[] keys = [.. Enumerable.Range(0, 200).Select(i => $"k{i}").GroupBy(key => mine.Tree.LeafOf(KeyedLeaves.KeyOf(key))).First(leaf => leaf.Count() > 1).Take(2)];
        (long, long)[] values = [(1, 2), (2, 1)];
        foreach ((KeyedLeaves side, (long one, long two)) in new[] { mine, theirs }.Zip(values))
        {
            side.Put(keys[0], one);
            side.Put(keys[1], two);
        }

        Assert.Equal(2, Exchange.Run(mine, theirs).Done.Different.Count);
    }

    [Fact]
    public void Damage_below_the_tree_is_found_when_it_is_counted_anew()
    {
        KeyedLeaves leaves = Filled(1_000);
        leaves.Damage("k17");
        Assert.Equal([leaves.Tree.LeafOf(KeyedLeaves.KeyOf("k17"))], leaves.Tree.LeavesThatDifferFrom(leaves.Items));
    }

    [Fact]
    public void Late_and_repeated_answers_change_nothing()
    {
        KeyedLeaves mine = Filled(500), theirs = Filled(500);
        theirs.Put("k3", 99);
        var comparison = new MerkleComparison(MerkleTree.DefaultDepth, token: 1);
        var answers = new List<MerkleMessage>();
        while (Exchange.NextQuestion(comparison, mine) is { } question)
        {
            Assert.Same(question, Exchange.NextQuestion(comparison, mine));
            answers.Add(MerkleComparison.Answer(theirs, question));
            foreach (MerkleMessage answer in answers.Concat(answers))
                comparison.Take(answer);
            comparison.Take(MerkleComparison.Answer(theirs, new MerkleAsk(token: 2, MerkleTree.DefaultDepth, 0, [0])));
        }

        Assert.Equal([KeyedLeaves.KeyOf("k3")], comparison.Different);
    }

    [Fact]
    public void Trees_of_different_shapes_and_bytes_that_are_no_message_are_refused()
    {
        MerkleMessage question = Exchange.NextQuestion(new MerkleComparison(2, 1), new KeyedLeaves(depth: 2))!;
        Assert.Throws<InvalidDataException>(() => MerkleComparison.Answer(new KeyedLeaves(depth: 3), question));
        byte[] bytes = question.ToBytes();
        Assert.Throws<InvalidDataException>(() => MerkleMessage.Decode(bytes.AsMemory(..^1)));
        Assert.Throws<InvalidDataException>(() => MerkleMessage.Decode(new byte[] { 9, 0, 0, 0, 0, 0, 0, 0, 0 }));
        Assert.Throws<InvalidDataException>(() => MerkleComparison.Answer(new KeyedLeaves(depth: 2), new MerkleAsk(1, 2, 1, [16])));
    }

    private static KeyedLeaves Filled(int keys, int depth = MerkleTree.DefaultDepth)
    {
        var leaves = new KeyedLeaves(depth);
        for (int i = 0; i < keys; i++)
            leaves.Put($"k{i}", i);
        return leaves;
    }

    /// <summary>Compares again and again, as long as not all that differs was told.</summary>
    private static int RepairedFrom(KeyedLeaves full, KeyedLeaves other)
    {
        Dictionary<UInt128, int> numbers = Enumerable.Range(0, (int)full.Tree.Count).ToDictionary(i => KeyedLeaves.KeyOf($"k{i}"));
        int repaired = 0;
        for (MerkleComparison done = Exchange.Run(other, full).Done; done.Different.Count > 0; done = Exchange.Run(other, full).Done)
        {
            foreach (UInt128 key in done.Different)
                other.Put($"k{numbers[key]}", numbers[key]);
            repaired += done.Different.Count;
        }

        Assert.Equal(full.Tree.Root, other.Tree.Root);
        return repaired;
    }
}
