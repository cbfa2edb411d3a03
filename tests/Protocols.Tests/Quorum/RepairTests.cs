using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Versions;
using ActorRepl.Simulation.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>Anti-entropy, tombstones, and replicas that have lost something.</summary>
public class RepairTests
{
    private static readonly QuorumOptions Repairing = QuorumCluster.Quiet with
    {
        MaxHintBytes = 0, RepairMicros = 300 * Instant.Millisecond, RepairBytes = 400, MaxHintAgeMicros = Instant.Second, GraceMicros = 5 * Instant.Second,
    };

    [Fact]
    public void A_replica_that_missed_writes_gets_them_and_the_trees_become_equal()
    {
        var group = new QuorumCluster(Repairing);
        group.World[3].Crash();
        for (int i = 0; i < 60; i++)
            Assert.NotNull(group.Put(1, $"key{i}", $"{i}").Reply);
        group.World[3].Start();
        Assert.True(group.World.RunUntil(() => RootsAreEqual(group), 30 * Instant.Second), "trees become equal");
        Assert.All(Enumerable.Range(0, 60), i => Assert.Equal([$"{i}"], group.Held(3, $"key{i}")));
    }

    /// <summary>Its first record says which ring it is on, and its disk is slow: who compares with it meanwhile asks again.</summary>
    [Fact]
    public void A_replica_that_is_compared_with_before_its_first_record_is_durable_answers_once_it_is()
    {
        var world = new QuorumWorld(seed: 1, Repairing, nodes: 3);
        world[3].MaxSync = 60 * Instant.Second;
        world.Start();
        world.RunFor(5 * Instant.Second);
        world[3].MaxSync = Instant.Millisecond;
        bool areAllCompared() => world.Nodes.All(node => StoreStanding.Decode(node.Store.Query(new StoreQuery.Standing().ToBytes())).Synced.Count == 2);
        Assert.False(areAllCompared());
        Assert.True(world.RunUntil(areAllCompared, 60 * Instant.Second), "all are compared with all");
    }

    [Fact]
    public void A_deletion_is_forgotten_after_the_grace_and_not_before()
    {
        var group = new QuorumCluster(Repairing);
        ReadOnlyMemory<byte> context = group.Put(1, "key", "a").Reply!.Context;
        group.Delete(1, "key", context);
        group.World.RunFor(4 * Instant.Second);
        Assert.Equal(["deleted"], group.Held(1, "key"));
        Assert.True(group.World.RunUntil(() => group.World.Nodes.All(node => node.Store.Count == 0), 10 * Instant.Second), "the deletion is forgotten");
    }

    /// <summary>More than one look takes, and none is passed over though others wait for an owner that is away.</summary>
    [Fact]
    public void Many_deletions_are_forgotten_though_others_have_to_wait()
    {
        var group = new QuorumCluster(Repairing with { MaxHintBytes = 1 << 20 }, nodes: 4);
        group.World[4].Crash();
        for (int i = 0; i < 300; i++)
            Assert.NotNull(group.Delete(1, $"key{i}").Reply ?? group.Delete(2, $"key{i}").Reply);
        int[] waiting = [.. Enumerable.Range(0, 300).Where(i => new KeyPlacement(group.World.Ring).Of(QuorumCluster.Bytes($"key{i}")).Contains(new ReplicaId(4)))];
        group.World.RunFor(60 * Instant.Second);
        Assert.All(Enumerable.Range(0, 300), i => Assert.Equal(waiting.Contains(i), Enumerable.Range(1, 3).Any(node => group.Held(node, $"key{i}").Length > 0)));
    }

    [Fact]
    public void While_an_owner_is_away_a_deletion_is_remembered_and_the_value_does_not_come_back()
    {
        var group = new QuorumCluster(Repairing);
        ReadOnlyMemory<byte> context = group.Run(1, new QuorumRequest(QuorumOperation.Put, QuorumCluster.Bytes("key"), QuorumCluster.Bytes("a"), Level: ConsistencyLevel.All)).Reply!.Context;
        group.World[3].Crash();
        group.Delete(1, "key", context);
        group.World.RunFor(60 * Instant.Second);
        Assert.Equal(["deleted"], group.Held(1, "key"));
        group.World[3].Start();
        Assert.Equal(["a"], group.Held(3, "key"));
        Assert.True(group.World.RunUntil(() => group.World.Nodes.All(node => node.Store.Count == 0), 60 * Instant.Second), "the deletion is forgotten");
        Assert.Empty(group.Values(3, "key"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_replica_that_lost_something_answers_no_reads_until_it_has_compared_with_all_others(bool wholeDisk)
    {
        var group = new QuorumCluster(Repairing);
        for (int i = 0; i < 10; i++)
            group.Run(1, new QuorumRequest(QuorumOperation.Put, QuorumCluster.Bytes($"key{i}"), QuorumCluster.Bytes("a"), Level: ConsistencyLevel.All));
        if (wholeDisk)
            group.World[3].LoseDisk();
        else
            group.World[3].Damage();
        group.World.Isolate(2);
        group.World[3].Start();
        group.World.RunFor(10 * Instant.Second);
        Assert.True(group.World[3].Replica!.IsRebuilding);
        Assert.Equal(RejectReason.NoQuorum, group.Get(1, "key1").Why!.Value.Reason);

        group.World.HealNetwork();
        Assert.True(group.World.RunUntil(() => !group.World[3].Replica!.IsRebuilding, 30 * Instant.Second), "it is rebuilt");
        group.World[2].Crash();
        Assert.Equal(["a"], group.Values(3, "key1"));
    }

    [Fact]
    public void A_number_is_given_once_though_a_crash_takes_back_what_was_written_with_it()
    {
        var group = new QuorumCluster();
        group.World.Isolate(1);
        Assert.Null(group.Put(1, "key", "a").Reply);
        var before = group.World[1].Store.VersionsOf(QuorumCluster.Bytes("key")).Set.Clock.Last[0];
        group.World[1].Crash();
        group.World[1].Start();
        group.World.RunFor(100 * Instant.Millisecond);
        Assert.Null(group.Put(1, "key", "b").Reply);
        var after = group.World[1].Store.VersionsOf(QuorumCluster.Bytes("key")).Set.Clock.Last[0];
        Assert.True(after.Counter >> 36 > before.Counter >> 36);
        Assert.Equal(["a", "b"], group.Held(1, "key"));
    }

    [Fact]
    public void A_checkpoint_holds_all_that_the_store_does()
    {
        var group = new QuorumCluster(Repairing with { CheckpointEntries = 5 });
        for (int i = 0; i < 30; i++)
            group.Put(1 + i % 3, $"key{i % 7}", $"{i}");
        group.World.RunFor(5 * Instant.Second);
        Assert.True(group.World[2].Checkpoints > 0);
        UInt128 root = group.World[2].Store.RootWith(new ReplicaId(1));
        int count = group.World[2].Store.Count;
        group.World[2].Crash();
        group.World[2].Start();
        Assert.Equal((root, count), (group.World[2].Store.RootWith(new ReplicaId(1)), group.World[2].Store.Count));
    }

    private static bool RootsAreEqual(QuorumCluster group) => group.World.Nodes.All(one => group.World.Nodes.All(other =>
        one == other || one.Store.RootWith(other.Id) == other.Store.RootWith(one.Id)));

    /// <summary>Whatever else of its own is applied first, there is no moment at which it takes itself for whole.</summary>
    [Fact]
    public void One_that_lost_its_disk_is_being_rebuilt_from_its_first_moment_until_it_has_all()
    {
        var group = new QuorumCluster();
        Assert.NotNull(group.Put(1, "key", "value", level: ConsistencyLevel.All).Reply);
        var lost = group.World[3];
        lost.LoseDisk();
        // What it writes first is still on its way to the disk when it hears of the ring, and that it has to be rebuilt.
        lost.MaxSync = 500 * Instant.Millisecond;
        lost.Start();
        Assert.True(group.World.RunUntil(
            () =>
            {
                bool has = lost.Store.VersionsOf(QuorumCluster.Bytes("key")) is { IsEmpty: false };
                Assert.True(has || lost.Replica!.IsRebuilding, "it answers reads, and has nothing");
                return has && !lost.Replica!.IsRebuilding;
            },
            60 * Instant.Second));
    }

    /// <summary>Whoever reads next gets the value as it was written: the damaged one leaves its replica by no way.</summary>
    [Fact]
    public void A_value_that_is_damaged_in_memory_is_found_by_the_next_read_and_comes_from_the_disk_again()
    {
        var group = new QuorumCluster();
        Assert.NotNull(group.Put(1, "key", "value", level: ConsistencyLevel.All).Reply);
        Assert.True(group.World[1].DamageMemory(QuorumCluster.Bytes("key")));
        Assert.NotEqual(["value"], group.Held(1, "key"));
        group.Get(1, "key", ConsistencyLevel.One);
        Assert.Equal(1, group.World[1].DamageFound);
        Assert.True(group.World.RunUntil(() => group.World[1].IsUp, Instant.Second), "it starts again");
        Assert.Equal(["value"], group.Held(1, "key"));
        Assert.Equal(["value"], group.Values(1, "key"));
    }

    [Fact]
    public void A_value_that_is_damaged_in_memory_goes_to_nobody_with_a_change_of_the_ring()
    {
        var group = new QuorumCluster(Repairing with { RecountMicros = 100_000 * Instant.Second }, spares: 1);
        Assert.NotNull(group.Put(1, "key", "value", level: ConsistencyLevel.All).Reply);
        Assert.True(group.World[1].DamageMemory(QuorumCluster.Bytes("key")));
        group.World[4].Start();
        group.ChangeMembers(2, 1, 2, 3, 4);
        Assert.True(group.World.RunUntil(() => group.World.Nodes.All(node => node.IsUp && group.Held(node.Id.Value, "key") is ["value"] or []), 30 * Instant.Second), "whoever has it has it as it was written");
        Assert.True(group.World[1].DamageFound > 0);
    }

    [Fact]
    public void A_value_that_is_damaged_and_read_by_nobody_is_found_when_all_is_counted_anew()
    {
        var group = new QuorumCluster(Repairing with { RecountMicros = 10 * Instant.Second });
        Assert.NotNull(group.Put(1, "key", "value", level: ConsistencyLevel.All).Reply);
        Assert.True(group.World[2].DamageMemory(QuorumCluster.Bytes("key")));
        Assert.True(group.World.RunUntil(() => group.World[2].DamageFound == 1 && group.World[2].IsUp, 30 * Instant.Second), "it is found");
        Assert.Equal(["value"], group.Held(2, "key"));
    }

    /// <summary>Should one write ever have two values, whatever did that, repair leaves one of them at all owners.</summary>
    [Fact]
    public void Other_bytes_under_one_number_become_the_same_at_all()
    {
        var group = new QuorumCluster(Repairing with { RecountMicros = 100_000 * Instant.Second });
        Assert.NotNull(group.Put(1, "key", "value", level: ConsistencyLevel.All).Reply);
        KeyVersions there = group.World[1].Store.VersionsOf(QuorumCluster.Bytes("key"));
        Sibling<StoredValue> only = there.Set.Siblings[0];
        var other = DottedVersions.Of(there.Set.Clock, [only with { Value = only.Value with { Bytes = QuorumCluster.Bytes("zalue") } }]);
        group.World[2].Receive(new ReplicaId(1), PeerChannel.Protocol, new Put([new Parcel(1, default, QuorumCluster.Bytes("key"), KeyVersions.Of(other, there))]).ToBytes());
        Assert.True(group.World.RunUntil(() => Enumerable.Range(1, 3).All(node => group.Held(node, "key") is ["zalue"]), 10 * Instant.Second), "all have one value");
    }
}
