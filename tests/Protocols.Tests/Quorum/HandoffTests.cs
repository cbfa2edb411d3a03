using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>Hinted handoff (Dynamo, section 4.6).</summary>
public class HandoffTests
{
    private static readonly QuorumOptions Replaying = QuorumCluster.Quiet with { HintReplayMicros = 200 * Instant.Millisecond };

    [Fact]
    public void A_stand_in_keeps_what_an_owner_is_to_get_and_forgets_it_once_that_has_it()
    {
        var group = new QuorumCluster(Replaying, nodes: 5);
        string key = group.KeyOwnedBy(1, 2, 3);
        group.World[3].Crash();
        Assert.NotNull(group.Put(1, key, "a").Reply);
        group.World.RunFor(Instant.Second);
        Assert.True(group.HintBytes(4) + group.HintBytes(5) > 0);
        Assert.Empty(group.Held(4, key));

        group.World[3].Start();
        Assert.True(group.World.RunUntil(() => group.HintBytes(4) + group.HintBytes(5) == 0, 10 * Instant.Second), "hints drain");
        Assert.Equal(["a"], group.Held(3, key));
    }

    [Fact]
    public void A_hint_counts_for_no_quorum()
    {
        var group = new QuorumCluster(Replaying, nodes: 5);
        string key = group.KeyOwnedBy(1, 2, 3);
        group.World[2].Crash();
        group.World[3].Crash();
        Rejection why = group.Put(1, key, "a").Why!.Value;
        Assert.Equal(RejectReason.NoQuorum, why.Reason);
        Assert.True(group.HintBytes(4) > 0 && group.HintBytes(5) > 0);
        Assert.NotNull(group.Put(1, key, "b", level: ConsistencyLevel.Any).Reply);
    }

    [Fact]
    public void Hints_survive_a_crash_and_a_checkpoint_of_who_keeps_them()
    {
        var group = new QuorumCluster(Replaying with { CheckpointEntries = 3 }, nodes: 3);
        group.World[3].Crash();
        for (int i = 0; i < 10; i++)
            Assert.NotNull(group.Put(1, $"key{i}", $"{i}").Reply);
        group.World.RunFor(Instant.Second);
        Assert.True(group.World[1].Checkpoints > 0);
        long kept = group.HintBytes(1);
        Assert.True(kept > 0);
        group.World[1].Crash();
        group.World[1].Start();
        group.World.RunFor(50 * Instant.Millisecond);
        Assert.Equal(kept, group.HintBytes(1));
        group.World[3].Start();
        Assert.True(group.World.RunUntil(() => group.HintBytes(1) == 0, 20 * Instant.Second), "hints drain");
        Assert.All(Enumerable.Range(0, 10), i => Assert.Equal([$"{i}"], group.Held(3, $"key{i}")));
    }

    [Fact]
    public void No_more_hints_are_kept_than_fit()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { MaxHintBytes = 300 });
        group.World[3].Crash();
        for (int i = 0; i < 10; i++)
            Assert.NotNull(group.Put(1, $"key{i}", "value").Reply);
        group.World.RunFor(Instant.Second);
        Assert.InRange(group.HintBytes(1), 1, 300);
    }

    [Fact]
    public void A_hint_that_is_too_old_is_given_up_and_said()
    {
        var group = new QuorumCluster(Replaying with { MaxHintAgeMicros = 2 * Instant.Second });
        group.World[3].Crash();
        Assert.NotNull(group.Put(1, "key", "a").Reply);
        Assert.True(group.World.RunUntil(() => group.World[1].Reports.Count > 0 && group.HintBytes(1) == 0, 10 * Instant.Second));
        Assert.Contains("older than 2 s and are given up", group.World[1].Reports[^1], StringComparison.Ordinal);
    }
}
