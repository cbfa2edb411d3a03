using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Ring;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Ring;

/// <summary>Nodes that join and leave: who sends what to whom, and what is read and written meanwhile.</summary>
public class RingChangeTests
{
    private static readonly RingReplication Three = new("eu", 3);

    private static void ForAll(Action<DeterministicRandom> property) =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed => property(new DeterministicRandom(seed))).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(4)]
    [InlineData(9)]
    [InlineData(20)]
    public void A_node_that_joins_gets_its_share_and_nobody_else_gets_anything(int nodes)
    {
        TokenRing ring = TokenRingTests.Ring(nodes);
        var joined = new ReplicaId(99);
        RingChange change = RingChange.Between(ring, TokenAllocator.Join(ring, joined, "eu", "rack 99"), Three);
        Assert.All(change.Moves, move => Assert.Equal(joined, move.To));
        Assert.All(change.Moves, move => Assert.False(move.From.IsNone));
        double moved = change.Moves.Sum(move => TokenRingTests.Share(move.Range)), fair = 3.0 / (nodes + 1);
        Assert.InRange(moved, 0.7 * fair, 1.3 * fair);
    }

    [Fact]
    public void A_node_that_leaves_is_the_source_of_all_that_moves_and_of_nothing_it_had_not()
    {
        TokenRing ring = TokenRingTests.Ring(9);
        var left = new ReplicaId(4);
        RingChange change = RingChange.Between(ring, ring.Without(left), Three);
        Assert.All(change.Moves, move => Assert.Equal(left, move.From));
        Assert.All(change.Moves, move => Assert.Contains(left, ring.PreferencesOf(move.Range.UpTo, Three).Owners));
        Assert.All(change.Moves, move => Assert.Equal(2, move.Others.Count));
        Assert.Equal(8, change.Moves.Select(move => move.To).Distinct().Count());
    }

    [Fact]
    public void Moves_are_exactly_what_makes_the_lists_of_before_those_of_after() => ForAll(random =>
    {
        TokenRing before = TokenRingTests.AnyRing(random);
        TokenRing after = random.Chance(1, 2) && before.Nodes.Count > 1
            ? before.Without(before.Nodes.ElementAt((int)random.Next(before.Nodes.Count)).Id)
            : TokenAllocator.Join(before, new ReplicaId(99), "eu", $"rack {random.Next(5)}", 8);
        RingChange change = RingChange.Between(before, after, Three);
        for (int i = 0; i < 50; i++)
        {
            ulong token = random.NextUInt64();
            HashSet<ReplicaId> owners = [.. before.PreferencesOf(token, Three).Owners];
            foreach (RangeMove move in change.Moves.Where(move => move.Range.Contains(token)))
            {
                Assert.True(move.From.IsNone || owners.Remove(move.From));
                Assert.True(owners.Add(move.To));
            }

            Assert.Subset(owners, after.PreferencesOf(token, Three).Owners.ToHashSet());
            Assert.Equal(Math.Min(3, after.Nodes.Count), after.PreferencesOf(token, Three).Owners.Count);
        }
    });

    [Fact]
    public void No_acknowledged_write_is_missed_by_a_quorum_read_while_data_moves() => ForAll(random =>
    {
        TokenRing before = TokenRingTests.Ring(5, tokens: 4);
        TokenRing after = random.Chance(1, 2) ? before.Without(new ReplicaId(2)) : TokenAllocator.Join(before, new ReplicaId(99), "eu", "rack 99", 4);
        RingChange change = RingChange.Between(before, after, Three);
        ulong token = change.Moves[(int)random.Next(change.Moves.Count)].Range.UpTo;
        var holders = new Dictionary<int, HashSet<ReplicaId>>();
        int writes = 0;
        var open = new Queue<RangeMove>(change.Moves.OrderBy(_ => random.NextUInt64()));
        while (true)
        {
            // A write reaches two of three of each set, and no more; a read asks any two.
            holders[writes++] = [.. change.WritersOf(token).SelectMany(set => set.OrderBy(_ => random.NextUInt64()).Take(2))];
            ReplicaId[] asked = [.. change.ReadersOf(token).OrderBy(_ => random.NextUInt64()).Take(2)];
            Assert.All(holders.Values, holding => Assert.True(holding.Overlaps(asked)));
            if (!open.TryDequeue(out RangeMove? move))
                break;
            foreach (HashSet<ReplicaId> holding in holders.Values.Where(holding => move.Range.Contains(token) && holding.Contains(move.From)))
                holding.Add(move.To);
            change.Complete(move);
        }

        Assert.True(change.IsDone);
        Assert.Equal(1_000, change.PartsPerThousand);
    });

    [Fact]
    public void Progress_is_told_and_a_stream_is_completed_once()
    {
        TokenRing ring = TokenRingTests.Ring(4);
        RingChange change = RingChange.Between(ring, TokenAllocator.Join(ring, new ReplicaId(99), "eu", "rack 99"), Three);
        int last = change.PartsPerThousand;
        Assert.Equal(0, last);
        foreach (RangeMove move in change.Moves)
        {
            change.Complete(move);
            Assert.InRange(change.PartsPerThousand, last, 1_000);
            last = change.PartsPerThousand;
        }

        Assert.Equal(1_000, last);
        Assert.Throws<InvariantViolationException>(() => change.Complete(change.Moves[0]));
    }

    [Fact]
    public void A_first_node_gets_nothing_from_anybody() =>
        Assert.Empty(RingChange.Between(TokenRing.Empty, TokenRingTests.Ring(3), Three).Moves);
}
