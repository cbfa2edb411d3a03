using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;

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

    [Fact]
    public void While_an_owner_is_away_a_deletion_is_remembered_and_the_value_does_not_come_back()
    {
        var group = new QuorumCluster(Repairing);
        ReadOnlyMemory<byte> context = group.Run(1, new QuorumRequest(QuorumOperation.Put, QuorumCluster.Bytes("key"), QuorumCluster.Bytes("a"), Level: Consistency.All)).Reply!.Context;
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
            group.Run(1, new QuorumRequest(QuorumOperation.Put, QuorumCluster.Bytes($"key{i}"), QuorumCluster.Bytes("a"), Level: Consistency.All));
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
}
