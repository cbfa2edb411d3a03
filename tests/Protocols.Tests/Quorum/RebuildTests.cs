using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Simulation.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>Replicas that lost something at the same time, or were away for longer than deletions are remembered.</summary>
public class RebuildTests
{
    private static readonly QuorumOptions Repairing = QuorumCluster.Quiet with
    {
        MaxHintBytes = 0, RepairMicros = 300 * Instant.Millisecond, MaxHintAgeMicros = Instant.Second, GraceMicros = 10 * Instant.Second,
    };

    [Fact]
    public void Damage_at_all_owners_at_once_leaves_what_each_can_read()
    {
        QuorumCluster group = Filled(Repairing);
        foreach (QuorumNode node in group.World.Nodes)
            node.Damage();
        foreach (QuorumNode node in group.World.Nodes)
            node.Start();
        Assert.True(group.World.RunUntil(() => group.World.Nodes.All(IsWhole), 30 * Instant.Second), "they answer again");
        Assert.All(Enumerable.Range(0, 10), i => Assert.Equal(["a"], group.Values(1 + i % 3, $"key{i}")));
        Assert.Contains(group.World[1].Reports, report => report.Contains("acknowledged writes may be missing", StringComparison.Ordinal));
    }

    [Fact]
    public void Two_that_lost_their_disks_do_not_take_each_other_for_whole()
    {
        QuorumCluster group = Filled(Repairing);
        group.World.Isolate(3);
        foreach (int node in (int[])[1, 2])
        {
            group.World[node].LoseDisk();
            group.World[node].Start();
        }

        group.World.RunFor(30 * Instant.Second);
        Assert.True(group.World[1].Replica!.IsRebuilding && group.World[2].Replica!.IsRebuilding);
        Assert.Contains("not yet with n3", group.Get(1, "key1").Why!.Value.Detail, StringComparison.Ordinal);

        group.World.HealNetwork();
        Assert.True(group.World.RunUntil(() => group.World.Nodes.All(IsWhole), 30 * Instant.Second), "they answer again");
        Assert.Equal(["a"], group.Values(1, "key1"));
        Assert.Equal(["a"], group.Held(2, "key1"));
    }

    /// <summary>Three of the four others know all that it had acknowledged together with two of them.</summary>
    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public void Of_five_owners_three_others_are_enough_to_be_whole_again(int dead, bool isEnough)
    {
        QuorumCluster group = Filled(Repairing with { Replicas = 5 }, nodes: 5);
        for (int node = 4; node > 4 - dead; node--)
            group.World[node].Crash();
        group.World[5].LoseDisk();
        group.World[5].Start();
        Assert.Equal(isEnough, group.World.RunUntil(() => IsWhole(group.World[5]), 30 * Instant.Second));
    }

    /// <summary>Its own copy, which nobody has told of the deletion, is not read by anybody, not at One either.</summary>
    [Fact]
    public void One_that_was_away_for_longer_than_the_grace_answers_nothing_until_it_has_heard_what_was_deleted()
    {
        QuorumCluster group = Filled(Repairing);
        group.World[3].Crash();
        Assert.NotNull(group.Delete(1, "key1", group.Get(1, "key1").Reply!.Context).Reply);
        group.World.RunFor(60 * Instant.Second);
        group.World.Isolate(3);
        group.World[3].Start();
        group.World.RunFor(Instant.Second);
        Assert.Null(group.Get(3, "key1", ConsistencyLevel.One).Reply);

        group.World.HealNetwork();
        // One other makes a majority with it.
        group.World[1].Crash();
        Assert.True(group.World.RunUntil(() => IsWhole(group.World[3]), 30 * Instant.Second), "it answers again");
        Assert.Empty(group.Values(3, "key1", ConsistencyLevel.One));
        Assert.Equal(["a"], group.Values(3, "key2", ConsistencyLevel.One));
    }

    [Fact]
    public void One_that_was_away_for_less_answers_at_once()
    {
        QuorumCluster group = Filled(Repairing);
        group.World[3].Crash();
        group.World.RunFor(5 * Instant.Second);
        group.World.Isolate(3);
        group.World[3].Start();
        group.World.RunFor(100 * Instant.Millisecond);
        Assert.Equal(["a"], group.Values(3, "key1", ConsistencyLevel.One));
    }

    [Fact]
    public void A_whole_group_that_was_off_for_longer_than_the_grace_has_lost_nothing_though_one_does_not_come_back()
    {
        QuorumCluster group = Filled(Repairing);
        foreach (QuorumNode node in group.World.Nodes)
            node.Crash();
        group.World.RunFor(60 * Instant.Second);
        group.World[1].Start();
        group.World[2].Start();
        Assert.True(group.World.RunUntil(() => IsWhole(group.World[1]) && IsWhole(group.World[2]), 30 * Instant.Second), "they answer again");
        Assert.All(Enumerable.Range(0, 10), i => Assert.Equal(["a"], group.Values(1 + i % 2, $"key{i}")));
    }

    /// <summary>It left the ring while it was down; when it joins again the deletion is forgotten, and its own old copy must be too.</summary>
    [Fact]
    public void One_that_left_unheard_and_joins_again_brings_nothing_back()
    {
        var group = new QuorumCluster(Repairing with { RingBeatMicros = 50 * Instant.Millisecond, StreamMicros = 5 * Instant.Millisecond }, nodes: 4);
        string[] keys = [.. Enumerable.Range(0, 30).Select(i => $"key{i}")];
        foreach (string key in keys)
            Assert.NotNull(AtOwner(group, key, QuorumOperation.Put, level: ConsistencyLevel.All).Reply);
        group.World[4].Crash();
        group.ChangeMembers(1, 1, 2, 3);
        foreach (string key in keys)
            Assert.NotNull(AtOwner(group, key, QuorumOperation.Delete, group.Get(1, key).Reply!.Context).Reply);
        Assert.True(group.World.RunUntil(() => group.World.Nodes.Take(3).All(node => node.Store.Count == 0), 60 * Instant.Second), "the deletions are forgotten");
        Assert.True(group.World[4].Store.Count > 0);
        group.World[4].Start();
        group.ChangeMembers(1, 1, 2, 3, 4);
        group.World.RunFor(5 * Instant.Second);
        Assert.All(keys, key => Assert.Empty(group.Values(4, key, ConsistencyLevel.All)));
    }

    [Fact]
    public void A_replica_that_is_there_says_so_on_its_disk_though_nothing_happens()
    {
        QuorumCluster group = Filled(Repairing with { RepairMicros = Instant.Second });
        foreach (int other in (int[])[1, 2])
            group.World[other].Crash();
        group.World.RunFor(60 * Instant.Second);
        group.World[3].Crash();
        group.World[3].Start();
        group.World.RunFor(100 * Instant.Millisecond);
        Assert.Equal(["a"], group.Values(3, "key1", ConsistencyLevel.One));
    }

    /// <summary>Ten keys, and then so many writes of another that damage at the end of the log reaches nothing else.</summary>
    private static QuorumCluster Filled(QuorumOptions options, int nodes = 3)
    {
        var group = new QuorumCluster(options, nodes);
        for (int i = 0; i < 10; i++)
            Assert.NotNull(group.Put(1, $"key{i}", "a", level: ConsistencyLevel.All).Reply);
        ReadOnlyMemory<byte> context = default;
        for (int i = 0; i < 30; i++)
            context = group.Put(1, "other", $"{i}", context, level: ConsistencyLevel.All).Reply!.Context;
        return group;
    }

    private static QuorumOutcome AtOwner(QuorumCluster group, string key, QuorumOperation operation, ReadOnlyMemory<byte> context = default, ConsistencyLevel level = default)
    {
        ReplicaId owner = new KeyPlacement(group.World.Ring).Of(QuorumCluster.Bytes(key)).All[0];
        return group.Run(owner.Value, new QuorumRequest(operation, QuorumCluster.Bytes(key), operation == QuorumOperation.Put ? QuorumCluster.Bytes("a") : default, context, Level: level));
    }

    private static bool IsWhole(QuorumNode node) => node.Replica is { IsRebuilding: false };
}
