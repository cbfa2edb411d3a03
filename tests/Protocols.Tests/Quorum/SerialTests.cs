using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Versions;
using ActorRepl.Simulation.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>Conditional writes and Serial reads: single-key Paxos, as in Cassandra's lightweight transactions.</summary>
public class SerialTests
{
    [Fact]
    public void Of_two_that_want_an_absent_key_one_gets_it_and_the_other_is_told_what_is_there()
    {
        var group = new QuorumCluster();
        Assert.True(group.PutIfAbsent(1, "key", "a").Reply!.Applied);
        QuorumReply no = group.PutIfAbsent(2, "key", "b").Reply!;
        Assert.False(no.Applied);
        Assert.Equal(["a"], Texts(no));
        Assert.Equal(["a"], group.Values(3, "key", ConsistencyLevel.Serial));
        Assert.Equal(["a"], group.Values(3, "key"));
    }

    [Fact]
    public void A_write_whose_context_is_of_a_later_state_than_any_other_is_done_and_one_that_has_missed_something_is_not()
    {
        var group = new QuorumCluster();
        QuorumReply none = group.Get(1, "key", ConsistencyLevel.Serial).Reply!;
        QuorumReply first = group.CompareAndSet(1, "key", "a", none.Context).Reply!;
        Assert.True(first.Applied);
        Assert.True(group.CompareAndSet(2, "key", "b", first.Context).Reply!.Applied);
        QuorumReply late = group.CompareAndSet(3, "key", "c", first.Context).Reply!;
        Assert.False(late.Applied);
        Assert.Equal(["b"], Texts(late));
        Assert.True(group.CompareAndSet(3, "key", "c", late.Context).Reply!.Applied);
        Assert.Equal(["c"], group.Values(1, "key"));
    }

    [Fact]
    public void A_value_can_be_compared_and_a_key_deleted_on_a_condition()
    {
        var group = new QuorumCluster();
        group.PutIfAbsent(1, "key", "a");
        Assert.False(group.CompareValue(2, "key", "b", expected: "x").Reply!.Applied);
        Assert.True(group.CompareValue(2, "key", "b", expected: "a").Reply!.Applied);
        var delete = new QuorumRequest(QuorumOperation.CompareAndDelete, QuorumCluster.Bytes("key"), Condition: QuorumCondition.Equals, Expected: QuorumCluster.Bytes("b"));
        Assert.True(group.Run(3, delete).Reply!.Applied);
        Assert.Empty(group.Values(1, "key", ConsistencyLevel.Serial));
        Assert.True(group.PutIfAbsent(1, "key", "c").Reply!.Applied);
    }

    [Fact]
    public void The_same_write_again_is_the_same_write_whoever_coordinates_it()
    {
        var group = new QuorumCluster();
        var id = new Guid("00000000-0000-0000-0000-000000000009");
        Assert.True(group.PutIfAbsent(1, "key", "a", id).Reply!.Applied);
        Assert.True(group.PutIfAbsent(2, "key", "a", id).Reply!.Applied);
        Assert.Equal(["a"], group.Values(3, "key"));
    }

    [Fact]
    public void Ten_that_add_one_at_once_add_ten()
    {
        var group = new QuorumCluster();
        group.PutIfAbsent(1, "key", "0");
        int done = 0;
        for (int client = 0; client < 10; client++)
            Add(group, 1 + client % 3, () => done++);
        Assert.True(group.World.RunUntil(() => done == 10, 60 * Instant.Second), "all get through");
        Assert.Equal(["10"], group.Values(2, "key", ConsistencyLevel.Serial));
    }

    [Fact]
    public void Without_a_majority_nothing_is_decided()
    {
        var group = new QuorumCluster();
        group.World[2].Crash();
        Assert.True(group.PutIfAbsent(1, "key", "a").Reply!.Applied);
        group.World[3].Crash();
        Assert.Equal(RejectReason.NoQuorum, group.PutIfAbsent(1, "other", "a").Why!.Value.Reason);
        Assert.Equal(RejectReason.NoQuorum, group.Get(1, "key", ConsistencyLevel.Serial).Why!.Value.Reason);
    }

    /// <summary>Lamport 2001, P2c: what may have been chosen is proposed again by whoever comes next.</summary>
    [Fact]
    public void P2c_a_proposal_that_one_of_a_majority_has_accepted_is_finished_by_the_next_read()
    {
        var group = new QuorumCluster();
        AcceptedBy(group, key: "key", value: "a", 1, 2);
        group.World[1].Crash();
        Assert.Equal(["a"], group.Values(3, "key", ConsistencyLevel.Serial));
        group.World[1].Start();
        group.World.RunFor(100 * Instant.Millisecond);
        Assert.Equal(["a"], group.Values(1, "key", ConsistencyLevel.Serial));
    }

    /// <summary>CASSANDRA-12126: what a Serial read has not seen does not appear after it, without a write.</summary>
    [Fact]
    public void What_a_serial_read_has_not_seen_is_not_finished_after_it()
    {
        var group = new QuorumCluster();
        AcceptedBy(group, key: "key", value: "a", 1);
        group.World[1].Crash();
        Assert.Empty(group.Values(3, "key", ConsistencyLevel.Serial));
        group.World[1].Start();
        group.World.RunFor(100 * Instant.Millisecond);
        group.World[3].Crash();
        Assert.Empty(group.Values(1, "key", ConsistencyLevel.Serial));
        Assert.Empty(group.Values(2, "key", ConsistencyLevel.Serial));
    }

    [Fact]
    public void A_condition_that_failed_keeps_what_it_had_not_seen_away_as_a_read_does()
    {
        var group = new QuorumCluster();
        AcceptedBy(group, key: "key", value: "a", 1);
        group.World[1].Crash();
        Assert.False(group.CompareValue(3, "key", "b", expected: "a").Reply!.Applied);
        group.World[1].Start();
        group.World.RunFor(100 * Instant.Millisecond);
        group.World[3].Crash();
        Assert.Empty(group.Values(1, "key", ConsistencyLevel.Serial));
    }

    /// <summary>Beyond the ids that a key remembers nobody can say that a write which others may have finished was not done.</summary>
    [Fact]
    public void What_a_key_has_forgotten_it_does_not_say_was_not_done()
    {
        KeyVersions versions = KeyVersions.Empty;
        var source = new VersionSource(new ReplicaId(1));
        for (int i = 1; i <= KeyVersions.MaxRecent + 5; i++)
        {
            versions = versions.Write(versions.Context, new Dot(source, i), new StoredValue(new HybridTime(100 * i, 0), Guid.NewGuid(), false, new byte[] { 1 }));
            Assert.Equal(i < KeyVersions.MaxRecent, versions.KnowsAllSince(100));
            Assert.True(versions.KnowsAllSince(100 * i));
        }
    }

    [Fact]
    public void What_was_promised_and_accepted_outlives_a_crash_and_a_checkpoint()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { CheckpointEntries = 4 });
        AcceptedBy(group, key: "key", value: "a", 1, 2);
        for (int i = 0; i < 10; i++)
            group.Put(1, $"other{i}", "x");
        group.World.RunFor(Instant.Second);
        foreach (QuorumNode node in group.World.Nodes)
        {
            node.Crash();
            node.Start();
        }

        group.World.RunFor(100 * Instant.Millisecond);
        group.World[1].Crash();
        Assert.Equal(["a"], group.Values(3, "key", ConsistencyLevel.Serial));
    }

    [Fact]
    public void An_attempt_that_nobody_finishes_is_finished_by_who_has_accepted_it_and_its_memory_is_given_back()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { PaxosFinishMicros = 2 * Instant.Second, PaxosKeepMicros = 3 * Instant.Second, HintReplayMicros = Instant.Second });
        AcceptedBy(group, key: "key", value: "a", 1, 2);
        group.World.RunFor(20 * Instant.Second);
        Assert.Equal(["a"], group.Held(3, "key"));
        Assert.All([1, 2, 3], node => Assert.Equal(0, group.Standing(node).Paxos));
    }

    [Fact]
    public void Serial_is_for_reads_and_a_condition_for_conditional_writes()
    {
        var group = new QuorumCluster();
        Assert.Equal(RejectReason.Invalid, group.Put(1, "key", "a", level: ConsistencyLevel.Serial).Why!.Value.Reason);
        var odd = new QuorumRequest(QuorumOperation.Put, QuorumCluster.Bytes("key"), Condition: QuorumCondition.Absent);
        Assert.Contains("conditional writes have one", group.Run(1, odd).Why!.Value.Detail, StringComparison.Ordinal);
    }

    // A proposer died when these had accepted.
    private static void AcceptedBy(QuorumCluster group, string key, string value, params int[] acceptors)
    {
        var source = new ActorRepl.Protocols.Versions.VersionSource(new ReplicaId(9));
        var dot = new ActorRepl.Protocols.Versions.Dot(source, 1);
        var ballot = new Ballot(group.World.Wall, dot);
        KeyVersions proposal = KeyVersions.Empty.Write(KeyVersions.Empty.Context, dot,
            new StoredValue(new ActorRepl.Protocols.Versions.HybridTime(group.World.Wall, 0), Guid.Empty, false, QuorumCluster.Bytes(value)));
        byte[] bytes = QuorumCluster.Bytes(key);
        foreach (int acceptor in acceptors)
        {
            group.World[acceptor].Receive(new ReplicaId(acceptor == 1 ? 2 : 1), ActorRepl.Protocols.Driver.PeerChannel.Protocol, new Propose(77, new PaxosState(bytes, ballot, ballot, proposal)).ToBytes());
        }

        group.World.RunFor(50 * Instant.Millisecond);
        Assert.All(acceptors, acceptor => Assert.Equal(1, group.Standing(acceptor).Paxos));
    }

    private static void Add(QuorumCluster group, int node, Action done) =>
        group.World.Submit(node, new QuorumRequest(QuorumOperation.Get, QuorumCluster.Bytes("key"), Level: ConsistencyLevel.Serial), 5 * Instant.Second, read =>
        {
            if (read.Reply is null)
            {
                Add(group, node, done);
                return;
            }

            string next = $"{int.Parse(Texts(read.Reply)[0], System.Globalization.CultureInfo.InvariantCulture) + 1}";
            var set = new QuorumRequest(QuorumOperation.CompareAndSet, QuorumCluster.Bytes("key"), QuorumCluster.Bytes(next), read.Reply.Context, Guid.NewGuid(), Condition: QuorumCondition.Unchanged);
            group.World.Submit(node, set, 5 * Instant.Second, wrote =>
            {
                if (wrote.Reply is { Applied: true })
                    done();
                else
                    Add(group, node, done);
            });
        });

    private static string[] Texts(QuorumReply reply) => [.. reply.Values.Select(value => Encoding.UTF8.GetString(value.Span))];
}
