using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Versions;
using ActorRepl.Simulation.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>Everything has a limit, and says so.</summary>
public class LimitTests
{
    private static readonly QuorumOptions Small = QuorumCluster.Quiet with { MaxSendBytes = 60_000, MaxMessageBytes = 50_000, MaxVersionsBytes = 20_000 };

    // The world refuses a message that no frame has room for.
    [Fact]
    public void Large_values_that_are_read_together_come_in_several_messages()
    {
        var group = new QuorumCluster(Small);
        for (int i = 0; i < 10; i++)
            Assert.NotNull(group.Put(1, $"key{i}", new string('x', 18_000)).Reply);
        int answered = 0;
        for (int i = 0; i < 10; i++)
            group.World.Submit(2, new QuorumRequest(QuorumOperation.Get, QuorumCluster.Bytes($"key{i}"), Level: ConsistencyLevel.All), Instant.Second, outcome => answered += outcome.Reply is null ? 0 : 1);
        Assert.True(group.World.RunUntil(() => answered == 10, 2 * Instant.Second), "all are read");
    }

    [Fact]
    public void Concurrent_values_that_are_too_large_together_are_refused_until_they_are_resolved()
    {
        var group = new QuorumCluster(Small);
        Assert.NotNull(group.Put(1, "key", new string('a', 11_000)).Reply);
        Rejection why = group.Put(1, "key", new string('b', 11_000)).Why!.Value;
        Assert.Equal((RejectReason.Invalid, false), (why.Reason, why.OutcomeUnknown));
        Assert.Contains("20000 is the most; read it and write with the context", why.Detail, StringComparison.Ordinal);
        Assert.NotNull(group.Put(1, "key", "c", group.Get(1, "key").Reply!.Context).Reply);
    }

    [Fact]
    public void What_is_ahead_of_the_clock_is_not_taken_by_a_read_either()
    {
        var group = new QuorumCluster();
        group.World[1].WallSkew = 10 * Instant.Second;
        Assert.NotNull(group.Put(1, "key", "early", level: ConsistencyLevel.One).Reply);
        Assert.Empty(group.Values(2, "key"));
        Assert.Empty(group.Held(2, "key"));
        Assert.NotNull(group.Put(2, "key", "b").Reply);
    }

    [Fact]
    public void An_attempt_by_a_clock_that_is_ahead_does_not_stand_in_the_way_of_others()
    {
        var group = new QuorumCluster();
        group.World[1].WallSkew = 10 * Instant.Second;
        Assert.Equal(RejectReason.NoQuorum, group.PutIfAbsent(1, "key", "early").Why!.Value.Reason);
        Assert.True(group.PutIfAbsent(2, "key", "b").Reply!.Applied);
        Assert.Equal(["b"], group.Values(3, "key", ConsistencyLevel.Serial));
    }

    [Fact]
    public void Conditional_writes_of_more_keys_than_are_remembered_go_on()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { MaxPaxosKeys = 4 });
        for (int i = 0; i < 20; i++)
            Assert.True(group.PutIfAbsent(1 + i % 3, $"key{i}", "a").Reply!.Applied);
        Assert.All([1, 2, 3], node => Assert.InRange(group.Standing(node).Paxos, 0, 4));
        Assert.False(group.PutIfAbsent(2, "key3", "b").Reply!.Applied);
    }

    [Fact]
    public void A_write_that_would_bring_a_key_too_many_sources_is_refused_and_harms_nobody()
    {
        var group = new QuorumCluster();
        byte[] key = QuorumCluster.Bytes("key");
        VersionVector clock = VersionVector.Of(Enumerable.Range(1, VersionVector.MaxSources - 1).Select(i => new Dot(new VersionSource(new ReplicaId(i), 7), 1)));
        QuorumOutcome refused = group.Put(1, "key", "a", new KeyContext(clock, []).ToToken(key));
        Assert.Equal(RejectReason.Invalid, refused.Why!.Value.Reason);
        Assert.Contains("sources that this replica knows nothing of", refused.Why!.Value.Detail, StringComparison.Ordinal);
        Assert.NotNull(group.Put(1, "key", "b").Reply);
        Assert.Equal(["b"], group.Values(2, "key"));
    }

    [Fact]
    public void Versions_with_more_sources_together_than_there_can_be_end_no_replica_and_all_keep_the_same()
    {
        var group = new QuorumCluster();
        byte[] key = QuorumCluster.Bytes("key");
        KeyVersions one = Invented(1, time: 1), other = Invented(1_000, time: 2);
        Assert.True(one.Merge(other).IsSame(other) && other.Merge(one).IsSame(other));
        foreach (KeyVersions versions in (KeyVersions[])[one, other])
            group.World[2].Receive(new ReplicaId(1), PeerChannel.Protocol, new Put([new Parcel(1, default, key, versions)]).ToBytes());
        foreach (KeyVersions versions in (KeyVersions[])[other, one])
            group.World[3].Receive(new ReplicaId(1), PeerChannel.Protocol, new Put([new Parcel(1, default, key, versions)]).ToBytes());
        Assert.True(group.World.RunUntil(() => group.World[2].Store.VersionsOf(key).IsSame(other) && group.World[3].Store.VersionsOf(key).IsSame(other), Instant.Second), "both keep the later");
        group.World[2].Crash();
        group.World[2].Start();
        Assert.True(group.World.RunUntil(() => group.World[2].Store.VersionsOf(key).IsSame(other), Instant.Second), "and start again");
        Assert.NotNull(group.Put(2, "another", "b").Reply);

        static KeyVersions Invented(int first, long time)
        {
            VersionVector clock = VersionVector.Of(Enumerable.Range(first, 800).Select(i => new Dot(new VersionSource(new ReplicaId(i), 7), 1)));
            return KeyVersions.Empty.Write(new KeyContext(clock, []), new Dot(new VersionSource(new ReplicaId(first), 8), 1), new StoredValue(new HybridTime(time, 0), Guid.Empty, false, new byte[] { 1 }));
        }
    }

    [Fact]
    public void With_an_owner_away_what_is_answered_takes_no_room_and_is_not_sent_for_ever()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { MaxPendingRequests = 10 });
        group.World[3].Crash();
        for (int i = 0; i < 60; i++)
        {
            byte[] key = QuorumCluster.Bytes($"key{i % 5}");
            var request = i % 2 == 0 ? new QuorumRequest(QuorumOperation.Put, key, QuorumCluster.Bytes("a"), Replace: true) : new QuorumRequest(QuorumOperation.Get, key);
            QuorumOutcome outcome = group.Run(1, request, patience: 60 * Instant.Second);
            Assert.True(outcome.Reply is not null, $"{request.Operation} {i}: {outcome.Why}");
            group.World.RunFor(5 * Instant.Millisecond);
        }

        group.World.RunFor(200 * Instant.Millisecond);
        long sent = group.World.Messages;
        group.World.RunFor(30 * Instant.Second);
        Assert.Equal(sent, group.World.Messages);
    }
}
