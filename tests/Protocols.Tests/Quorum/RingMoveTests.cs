using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Versions;
using ActorRepl.Simulation.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>Members join the ring and leave it, while it is read and written.</summary>
public class RingMoveTests
{
    private static readonly QuorumOptions Moving = QuorumCluster.Quiet with { RingBeatMicros = 50 * Instant.Millisecond, StreamMicros = 5 * Instant.Millisecond, StreamBytes = 500 };

    [Fact]
    public void One_that_joins_gets_its_share_and_answers_only_once_it_has_it()
    {
        var group = new QuorumCluster(Moving, nodes: 4, spares: 1);
        Fill(group);
        long before = group.World.Nodes.Sum(node => (long)node.Store.Count);
        group.World[5].Start();
        group.ChangeMembers(1, 1, 2, 3, 4, 5);

        Assert.Equal([1, 2, 3, 4, 5], group.World.Ring.Members.Select(id => id.Value));
        Assert.Equal(RingPhase.Stable, group.World.Ring.Phase);
        Assert.True(group.World.RunUntil(() => group.World.Nodes.Sum(node => (long)node.Store.Count) == before, 10 * Instant.Second), "who gave its part away keeps nothing of it");
        // Three copies of 60 keys over five members.
        Assert.InRange(group.World[5].Store.Count, 20, 52);
        Assert.All(Enumerable.Range(0, 60), i => Assert.Equal([$"{i}"], group.Values(5, $"key{i}")));
    }

    [Fact]
    public void One_that_leaves_gives_all_to_the_others()
    {
        var group = new QuorumCluster(Moving, nodes: 4);
        Fill(group);
        group.ChangeMembers(1, 1, 2, 3);
        Assert.True(group.World.RunUntil(() => group.World[4].Store.Count == 0, 10 * Instant.Second), "it keeps nothing");
        Assert.All(Enumerable.Range(0, 60), i => Assert.Equal([$"{i}"], group.Values(2, $"key{i}", ConsistencyLevel.All)));
        Assert.Equal(RejectReason.Unavailable, group.Put(4, "key1", "x").Why!.Value.Reason);
    }

    [Fact]
    public void A_dead_member_is_taken_out_and_its_place_is_filled_from_a_majority_of_the_others()
    {
        var group = new QuorumCluster(Moving, nodes: 4);
        Fill(group);
        group.World[4].Crash();
        group.ChangeMembers(1, 1, 2, 3);
        Assert.All(Enumerable.Range(0, 60), i => Assert.Equal([$"{i}"], group.Values(2, $"key{i}", ConsistencyLevel.All)));
    }

    [Fact]
    public void A_member_is_replaced_by_another_in_one_request()
    {
        var group = new QuorumCluster(Moving, nodes: 3, spares: 1);
        Fill(group);
        group.World[4].Start();
        group.World[2].Crash();
        group.ChangeMembers(1, 1, 3, 4);
        Assert.Equal([1, 3, 4], group.World.Ring.Members.Select(id => id.Value));
        group.World[1].Crash();
        Assert.All(Enumerable.Range(0, 60), i => Assert.Equal([$"{i}"], group.Values(4, $"key{i}")));
    }

    [Fact]
    public void A_join_that_cannot_end_is_taken_back_by_asking_for_the_members_of_before()
    {
        var group = new QuorumCluster(Moving, nodes: 3, spares: 1);
        Fill(group);
        Assert.Equal(RejectReason.NoQuorum, group.ChangeMembers(1, [1, 2, 3, 4], Instant.Second).Why!.Value.Reason);
        Assert.Equal(RingPhase.Copying, group.World.Ring.Phase);
        group.ChangeMembers(1, 1, 2, 3);
        Assert.Equal((RingPhase.Stable, 2L), (group.World.Ring.Phase, group.World.Epoch));
        Assert.Equal(["1"], group.Values(3, "key1"));
    }

    [Fact]
    public void Whoever_is_behind_is_refused_and_told()
    {
        var group = new QuorumCluster(Moving, nodes: 4, spares: 1);
        group.World[5].Start();
        group.World.Isolate(4);
        // Of every key a majority of the owners is there.
        group.ChangeMembers(1, 1, 2, 3, 4, 5);
        group.World.HealNetwork();
        Assert.NotNull(group.Get(4, "key1").Reply);
        Assert.Equal(group.World.Epoch, group.World[4].Replica!.Status.Term);
    }

    /// <summary>A key keeps a number for each source that wrote it: members that get keys they never gave away go on under the names they have.</summary>
    [Fact]
    public void Members_that_leave_one_after_the_other_leave_no_more_sources_than_there_were_members()
    {
        var group = new QuorumCluster(Moving, nodes: 6);
        for (int last = 6; last > 3; last--)
        {
            if (last < 6)
                group.ChangeMembers(1, [.. Enumerable.Range(1, last)]);
            Fill(group);
        }

        group.ChangeMembers(1, 1, 2, 3);
        Fill(group);
        Assert.All(Enumerable.Range(0, 60), i =>
        {
            VersionSource[] sources = [.. group.World[1].Store.VersionsOf(QuorumCluster.Bytes($"key{i}")).Set.Clock.Last.Select(dot => dot.Source)];
            Assert.Equal(sources.Length, sources.Select(source => source.Replica).Distinct().Count());
        });
    }

    /// <summary>A read of one owner against writes to all: an owner that is cut off would answer for ever as if it were one.</summary>
    [Fact]
    public void Where_one_owner_answers_reads_the_ring_does_not_change_without_any_of_them()
    {
        var group = new QuorumCluster(Moving with { Read = ConsistencyLevel.One, Write = ConsistencyLevel.All }, nodes: 4);
        string key = group.KeyOwnedBy(1, 2, 4);
        Assert.NotNull(group.Put(1, key, "before").Reply);
        group.World.Isolate(4);
        Assert.NotNull(group.ChangeMembers(1, [1, 2, 3], 5 * Instant.Second).Why);
        Assert.Null(group.Put(1, key, "after").Reply);
        Assert.Equal(["before"], group.Values(4, key));

        group.World.HealNetwork();
        group.ChangeMembers(1, 1, 2, 3);
        Assert.NotNull(group.Put(1, key, "after", group.Get(1, key).Reply!.Context).Reply);
        Assert.Equal(["after"], group.Values(1, key));
    }

    [Fact]
    public void What_is_under_way_conditionally_moves_too()
    {
        var group = new QuorumCluster(Moving, nodes: 4);
        for (int i = 0; i < 20; i++)
            Assert.True(group.PutIfAbsentAtOwner($"key{i}", "a").Applied);
        group.ChangeMembers(1, 1, 2, 3);
        for (int i = 0; i < 20; i++)
        {
            Assert.False(group.PutIfAbsentAtOwner($"key{i}", "b").Applied);
            Assert.Equal(["a"], group.Values(2, $"key{i}", ConsistencyLevel.Serial));
        }
    }

    [Fact]
    public void A_view_tells_all_of_itself_and_cut_ones_are_refused()
    {
        var options = new QuorumOptions { Places = new Dictionary<ReplicaId, ReplicaPlace> { [new ReplicaId(1)] = new("eu", "a"), [new ReplicaId(2)] = new("us", "b") } };
        RingView view = RingView.Found([new ReplicaId(1), new ReplicaId(2)], options).Join(new ReplicaId(3), options);
        Assert.Equal(view, RingView.Decode(view.Encode()));
        Assert.Equal(view.After.Tokens, RingView.Decode(view.Encode()).After.Tokens);
        Assert.Throws<InvalidDataException>(() => RingView.Decode(view.Encode().AsMemory(..^1)));
        Assert.Equal((new ReplicaId(3), ReplicaId.None), (view.Joins, view.Leaves));
        Assert.Equal(RingPhase.Stable, view.Switch().Finish().Phase);
        Assert.Equal([1, 2], view.TakeBack().Members.Select(id => id.Value));
    }

    private static void Fill(QuorumCluster group)
    {
        for (int i = 0; i < 60; i++)
        {
            QuorumOutcome outcome = group.Put(1, $"key{i}", $"{i}", level: ConsistencyLevel.All);
            if (outcome.Reply is null)
                Assert.NotNull(group.Put(outcome.Why!.Value.Leader.Value, $"key{i}", $"{i}", level: ConsistencyLevel.All).Reply);
        }
    }
}
