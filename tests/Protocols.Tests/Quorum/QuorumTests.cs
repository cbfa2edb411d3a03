using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Simulation.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>What a client of a quorum group notices.</summary>
public class QuorumTests
{
    [Fact]
    public void Any_replica_coordinates_and_every_replica_reads_what_was_written()
    {
        var group = new QuorumCluster();
        for (int node = 1; node <= 3; node++)
        {
            Assert.NotNull(group.Put(node, $"key{node}", $"by {node}").Reply);
            for (int reader = 1; reader <= 3; reader++)
                Assert.Equal([$"by {node}"], group.Values(reader, $"key{node}"));
        }

        Assert.Empty(group.Values(1, "never written"));
    }

    [Fact]
    public void With_one_of_three_away_quorums_work_with_two_away_they_say_clearly_no_and_One_works()
    {
        var group = new QuorumCluster();
        group.World[3].Crash();
        Assert.NotNull(group.Put(1, "key", "a").Reply);
        Assert.Equal(["a"], group.Values(2, "key"));

        group.World[2].Crash();
        Rejection why = group.Put(1, "key", "b").Why!.Value;
        Assert.Equal((RejectReason.NoQuorum, true), (why.Reason, why.OutcomeUnknown));
        Assert.Equal("Quorum of 3 owners must answer; 1 did (n1), not n2, n3", Sorted(why.Detail!));
        why = group.Get(1, "key").Why!.Value;
        Assert.Equal((RejectReason.NoQuorum, false), (why.Reason, why.OutcomeUnknown));
        Assert.NotNull(group.Put(1, "key", "c", level: ConsistencyLevel.One).Reply);
        Assert.NotNull(group.Get(1, "key", ConsistencyLevel.One).Reply);
        Assert.Null(group.Put(1, "key", "d", level: ConsistencyLevel.All).Reply);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Where_too_few_owners_are_known_to_run_nothing_is_begun_and_where_they_are_only_silent_they_are_asked(bool isSeenToEnd)
    {
        var group = new QuorumCluster();
        Assert.NotNull(group.Put(1, "key", "a").Reply);
        foreach (int other in (int[])[2, 3])
            group.World[1].Tell(new Input.PeerHint(new ReplicaId(other), Up: false, OnlySilent: !isSeenToEnd));
        Assert.NotNull(group.Put(1, "key", "at once").Reply);
        group.World.RunFor(2 * Instant.Second);
        Assert.NotNull(group.Put(1, "key", "b", level: ConsistencyLevel.One).Reply);
        if (!isSeenToEnd)
        {
            Assert.NotNull(group.Put(1, "key", "c").Reply);
            return;
        }

        foreach (Rejection why in (Rejection[])[group.Put(1, "key", "c").Why!.Value, group.Get(1, "key").Why!.Value])
        {
            Assert.Equal((RejectReason.NoQuorum, false), (why.Reason, why.OutcomeUnknown));
            Assert.Equal("Quorum of 3 owners must answer; n2, n3 are down: nothing was asked of the others", why.Detail);
        }

        group.World[1].Tell(new Input.PeerHint(new ReplicaId(2), Up: true));
        Assert.NotNull(group.Put(1, "key", "d").Reply);
    }

    [Fact]
    public void Ids_that_somebody_counts_up_are_of_different_writes()
    {
        var group = new QuorumCluster();
        foreach (int i in (int[])[1, 2, 128, 129, 130])
            Assert.NotNull(group.Put(1 + i % 3, "key", $"{i}", id: new Guid([.. new byte[15], (byte)i])).Reply);
        Assert.Equal(5, group.Values(2, "key", ConsistencyLevel.All).Length);
    }

    [Fact]
    public void A_write_is_later_than_what_its_client_had_read_even_where_its_coordinator_lacks_that_and_its_clock_is_behind()
    {
        var group = new QuorumCluster();
        group.World.Isolate(1);
        group.World[2].WallSkew = 400 * Instant.Millisecond;
        Assert.NotNull(group.Put(2, "key", "x", id: Guid.NewGuid()).Reply);
        QuorumReply read = group.Get(3, "key").Reply!;
        group.World.HealNetwork();
        Assert.NotNull(group.Put(1, "key", "z", read.Context, id: Guid.NewGuid()).Reply);
        Assert.True(group.World[1].Store.VersionsOf(QuorumCluster.Bytes("key")).Set.Siblings.Single().Value.Time > KeyContext.FromToken(read.Context, QuorumCluster.Bytes("key")).Writes.Max(write => write.Time));
    }

    [Fact]
    public void Writes_that_have_not_seen_each_other_are_siblings_until_one_that_has_replaces_them()
    {
        var group = new QuorumCluster();
        group.Put(1, "key", "a");
        group.Put(2, "key", "b");
        QuorumReply both = group.Get(3, "key").Reply!;
        Assert.Equal(["a", "b"], both.Values.Select(value => Encoding.UTF8.GetString(value.Span)).Order());
        Assert.NotNull(group.Put(3, "key", "c", both.Context).Reply);
        Assert.Equal(["c"], group.Values(1, "key"));
    }

    [Fact]
    public void A_client_that_writes_with_the_answer_of_its_last_write_replaces_that()
    {
        var group = new QuorumCluster();
        ReadOnlyMemory<byte> context = default;
        for (int i = 0; i < 10; i++)
            context = group.Put(1 + i % 3, "key", $"{i}", context).Reply!.Context;
        Assert.Equal(["9"], group.Values(2, "key"));
    }

    [Fact]
    public void A_write_that_is_sent_again_is_the_same_write_here_and_at_another_coordinator()
    {
        var group = new QuorumCluster();
        var id = new Guid("00000000-0000-0000-0000-000000000007");
        group.Put(1, "key", "a", id: id);
        group.Put(1, "key", "a", id: id);
        group.Put(2, "key", "a", id: id);
        Assert.Equal(["a"], group.Values(3, "key"));
        QuorumReply read = group.Get(3, "key").Reply!;
        group.Put(3, "key", "b", read.Context);
        group.Put(2, "key", "a", id: id);
        Assert.Equal(["b"], group.Values(1, "key"));
    }

    [Fact]
    public void A_write_under_two_numbers_is_one_once_its_coordinators_hear_of_each_other()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { RepairMicros = 100 * Instant.Millisecond });
        var id = new Guid("00000000-0000-0000-0000-000000000008");
        group.World.Isolate(1);
        Assert.Null(group.Put(1, "key", "a", id: id).Reply);
        Assert.NotNull(group.Put(2, "key", "a", id: id).Reply);
        group.World.HealNetwork();
        Assert.True(group.World.RunUntil(() => group.World[1].Store.VersionsOf(QuorumCluster.Bytes("key")).IsSame(group.World[2].Store.VersionsOf(QuorumCluster.Bytes("key"))), 20 * Instant.Second));
        Assert.Equal(["a"], group.Values(3, "key", ConsistencyLevel.All));
    }

    [Fact]
    public void Where_the_last_write_wins_one_value_is_read_and_it_is_the_latest()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { Resolution = Resolution.LastWriteWins });
        group.World.Isolate(3);
        group.Put(1, "key", "first");
        group.Put(3, "key", "second", level: ConsistencyLevel.One);
        group.World.HealNetwork();
        Assert.Equal(["second"], group.Values(2, "key", ConsistencyLevel.All));
        group.Put(1, "key", "third");
        Assert.Equal(["third"], group.Values(3, "key"));
    }

    [Fact]
    public void A_registered_function_merges_shopping_carts()
    {
        static ReadOnlyMemory<byte> Union(IReadOnlyList<ReadOnlyMemory<byte>> carts) =>
            QuorumCluster.Bytes(string.Join(',', carts.SelectMany(cart => Encoding.UTF8.GetString(cart.Span).Split(',')).Distinct().Order()));
        var group = new QuorumCluster(QuorumCluster.Quiet with { Resolution = Resolution.Merge, Merge = Union });
        group.Put(1, "cart", "bread,milk");
        group.Put(2, "cart", "milk,tea");
        Assert.Equal(["bread,milk,tea"], group.Values(3, "cart"));
    }

    [Fact]
    public void The_region_named_first_wins()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { Places = Regions, Resolution = Resolution.RegionPriority, RegionOrder = ["us", "eu"], Replicas = 2 }, nodes: 4);
        group.Put(3, "key", "us");
        group.Put(1, "key", "eu");
        Assert.Equal(["us"], group.Values(2, "key"));
    }

    [Fact]
    public void LocalQuorum_asks_the_own_region_and_EachQuorum_all_of_them()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { Places = Regions, Replicas = 2 }, nodes: 4);
        group.World[3].Crash();
        Assert.NotNull(group.Put(1, "key", "a", level: ConsistencyLevel.LocalQuorum).Reply);
        Assert.Null(group.Put(1, "key", "b", level: ConsistencyLevel.EachQuorum).Reply);
        Assert.Null(group.Put(4, "key", "c", level: ConsistencyLevel.LocalQuorum).Reply);
    }

    [Fact]
    public void A_quorum_read_is_answered_once_a_majority_has_what_it_returns()
    {
        var group = new QuorumCluster();
        group.World.Isolate(3);
        group.Put(1, "key", "a", level: ConsistencyLevel.One);
        group.World[2].Crash();
        group.World.HealNetwork();
        Assert.Empty(group.Held(3, "key"));
        Assert.Equal(["a"], group.Values(3, "key"));
        Assert.Equal(["a"], group.Held(3, "key"));
    }

    [Fact]
    public void A_key_that_is_deleted_is_not_there_and_comes_back_when_it_is_written()
    {
        var group = new QuorumCluster();
        ReadOnlyMemory<byte> context = group.Put(1, "key", "a").Reply!.Context;
        context = group.Delete(2, "key", context).Reply!.Context;
        Assert.Empty(group.Values(3, "key"));
        group.Put(3, "key", "b", context);
        Assert.Equal(["b"], group.Values(1, "key"));
    }

    [Fact]
    public void A_context_of_another_key_and_levels_that_cannot_be_are_refused()
    {
        var group = new QuorumCluster();
        ReadOnlyMemory<byte> context = group.Put(1, "key", "a").Reply!.Context;
        Rejection why = group.Put(1, "other", "b", context).Why!.Value;
        Assert.Equal((RejectReason.Invalid, false), (why.Reason, why.OutcomeUnknown));
        Assert.Contains("was read with another key", why.Detail, StringComparison.Ordinal);
        Assert.Equal("4 is asked for; a key has 3 owners", group.Get(1, "key", new ConsistencyLevel(ConsistencyKind.Count, 4)).Why!.Value.Detail);
        Assert.Equal(RejectReason.Invalid, group.Get(1, "key", ConsistencyLevel.Any).Why!.Value.Reason);
    }

    [Fact]
    public void A_clock_that_is_too_far_ahead_is_refused_and_reported()
    {
        var group = new QuorumCluster();
        group.World[1].WallSkew = 10 * Instant.Second;
        Assert.Equal(RejectReason.NoQuorum, group.Put(1, "key", "a").Why!.Value.Reason);
        Assert.Contains("ahead of this replica's clock", group.World[2].Reports[^1], StringComparison.Ordinal);
        Assert.Empty(group.Held(2, "key"));
        Assert.NotNull(group.Put(2, "other", "b").Reply);
    }

    [Fact]
    public void A_read_whose_value_others_do_not_take_names_them_and_not_those_who_are_silent()
    {
        var group = new QuorumCluster();
        group.World[1].WallSkew = 10 * Instant.Second;
        Assert.Equal(RejectReason.NoQuorum, group.Put(1, "key", "a").Why!.Value.Reason);
        Assert.Equal(
            "Quorum of 3 owners must answer; 3 did (n1, n2, n3); not enough have taken the latest that was found: 1 did (n1), not n2, n3; their clocks may be behind, or their disks full",
            group.Get(1, "key").Why!.Value.Detail);
    }

    [Fact]
    public void A_replica_that_is_being_rebuilt_says_so_where_its_own_answer_is_missing()
    {
        var group = new QuorumCluster();
        group.Put(1, "key", "a");
        group.World[1].Crash();
        group.World[1].LoseDisk();
        group.World[2].Crash();
        group.World[1].Start();
        group.World.RunFor(Instant.Second);
        Rejection why = group.Get(1, "key").Why!.Value;
        Assert.Equal(RejectReason.NoQuorum, why.Reason);
        Assert.StartsWith("Quorum of 3 owners must answer; 1 did (n3), not n1, n2; n1, which was asked, is being rebuilt", why.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void What_nobody_owns_here_is_sent_to_an_owner()
    {
        var group = new QuorumCluster(nodes: 5);
        string key = group.KeyOwnedBy(1, 2, 3);
        Rejection why = group.Put(4, key, "a").Why!.Value;
        Assert.Equal(RejectReason.NotLeader, why.Reason);
        Assert.InRange(why.Leader.Value, 1, 3);
        Assert.NotNull(group.Put(why.Leader.Value, key, "a").Reply);
        Assert.Equal(["a"], group.Values(5, key));
        Assert.Empty(group.Held(5, key));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_owner_that_answers_late_costs_the_others_and_itself_nothing_more(bool replaces)
    {
        Assert.Equal(WorkOf(replaces, lateness: 0), WorkOf(replaces, lateness: 150 * Instant.Millisecond));

        static (long Messages, long Updates, long HintBytes) WorkOf(bool replaces, long lateness)
        {
            // Later than the percentile of answers that the first of them go by.
            var group = new QuorumCluster(QuorumCluster.Quiet with { HintAfterMicros = 500 * Instant.Millisecond });
            group.World[3].Lateness = lateness;
            long before = group.World.Messages;
            for (int i = 0; i < 50; i++)
            {
                Assert.NotNull(group.Run(1, new QuorumRequest(QuorumOperation.Put, QuorumCluster.Bytes($"key{i}"), "value"u8.ToArray(), Replace: replaces, First: true)).Reply);
                // So long that all three have it: none is repaired.
                group.World.RunFor(10 * Instant.Millisecond);
                Assert.Equal(["value"], group.Values(1, $"key{i}"));
            }

            group.World.RunFor(Instant.Second);
            return (group.World.Messages - before, group.World[3].Replica!.Status.LastIndex, group.HintBytes(1));
        }
    }

    private static Dictionary<ReplicaId, ReplicaPlace> Regions =>
        Enumerable.Range(1, 4).ToDictionary(i => new ReplicaId(i), i => new ReplicaPlace(i <= 2 ? "eu" : "us", $"rack {i}"));

    // The owners are named in the ring's order.
    private static string Sorted(string detail)
    {
        string[] parts = detail.Split(", not ");
        return $"{parts[0]}, not {string.Join(", ", parts[1].Split(", ").Order())}";
    }
}
