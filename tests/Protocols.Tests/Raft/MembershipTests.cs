using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Who counts: replicas that lost what they promised, hand-over of leadership, configurations.</summary>
public class MembershipTests
{
    private static RecoveredState Damaged(RecoveredState whole) => whole with { Damage = "record 7 is missing" };

    [Fact]
    public void A_damaged_replica_says_so_in_its_hard_state_at_once_and_reports_it()
    {
        RaftNode node = new RaftNode(1, 3, recovered: Damaged(Given.Log(2, 1, 2))).Start();
        Assert.True(HardState.Decode(node.Recover().HardState).NonVoter);
        Assert.Contains(node.Reports, report => report.Contains("record 7 is missing", StringComparison.Ordinal));
        Assert.Equal(("learner", false), (node.Status.Role, node.Status.Voter));
    }

    [Fact]
    public void A_damaged_replica_neither_votes_nor_campaigns_not_even_after_it_starts_again()
    {
        RaftNode damaged = new RaftNode(1, 3, recovered: Damaged(Given.Log(2, 1, 2))).Start();
        RaftNode again = new RaftNode(1, 3, recovered: damaged.Recover()).Start();
        Assert.Null(again.Recovered.Damage);
        foreach (RaftNode node in (RaftNode[])[damaged, again])
        {
            node.Pass(5 * Instant.Second);
            Assert.Empty(node.Sent);
            node.Receive(2, Given.PreVote(9, 9, 9));
            Assert.False(node.TakeOne<VoteReply>().Granted);
            node.Receive(2, Given.Vote(9, 9, 9));
            Assert.False(node.TakeOne<VoteReply>().Granted);
            node.Receive(2, new TimeoutNow(9));
            Assert.Empty(node.Sent);
        }
    }

    [Fact]
    public void A_leader_does_not_count_a_replica_that_lost_its_promises()
    {
        RaftNode leader = new RaftNode(1, 3).Start().Elect(2);
        leader.Sent.Clear();
        leader.Receive(3, new AppendReply(1, success: true, nonVoter: true, 1, 0, 0));
        Assert.Equal(0, leader.Status.CommitIndex);
        leader.Acknowledge(3, 1);
        Assert.Equal(0, leader.Status.CommitIndex);
        leader.Acknowledge(2, 1);
        Assert.Equal(1, leader.Status.CommitIndex);

        leader.Sent.Clear();
        long read = leader.Read();
        long round = leader.Take<Heartbeat>()[0].Message.Round;
        leader.Receive(3, new HeartbeatReply(1, nonVoter: true, round));
        Assert.Empty(leader.Served);
        leader.Receive(2, new HeartbeatReply(1, nonVoter: false, round));
        Assert.Equal([read], leader.Served);
    }

    [Fact]
    public void A_leader_that_hears_only_a_replica_without_a_vote_steps_down()
    {
        RaftNode leader = new RaftNode(1, 3).Start().Elect(2);
        for (int i = 0; i < 20; i++)
        {
            leader.Pass(RaftOptions.Default.HeartbeatMicros);
            leader.Receive(3, new HeartbeatReply(1, nonVoter: true, 0));
        }

        Assert.NotEqual("leader", leader.Status.Role);
    }

    [Fact]
    public void A_damaged_replica_is_rebuilt_as_a_learner_in_the_term_it_was_lost_in()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        for (int i = 0; i < 20; i++)
        {
            leader.Command($"c{i}");
            cluster.Settle();
        }

        RaftNode victim = cluster.Nodes.First(node => node != leader);
        cluster.Kill(victim.Id.Value);
        leader.Command("while it was away");
        cluster.Settle();
        RecoveredState part = victim.Recover();
        RaftNode again = cluster.Restart(victim.Id.Value, part with { Log = [.. part.Log.Take(5)], Damage = "the rest is unreadable" });
        cluster.Run(Instant.Second);

        Assert.Equal(leader.Applied, again.Applied);
        Assert.False(again.Status.Voter);
        Assert.Equal("leader", leader.Status.Role);
    }

    [Fact]
    public void With_one_replica_damaged_and_one_down_nothing_is_committed()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        int[] others = [.. cluster.Nodes.Where(node => node != leader).Select(node => node.Id.Value)];
        cluster.Restart(others[0], cluster[others[0]].Recover() with { Damage = "lost" });
        cluster.Run(Instant.Second);
        cluster.Kill(others[1]);
        long id = leader.Command("a", cluster.Now + Instant.Second);
        cluster.Run(3 * Instant.Second);
        Assert.True(leader.Rejections[id] is { Reason: RejectReason.NoQuorum, OutcomeUnknown: true });
    }

    [Fact]
    public void A_leader_hands_over_to_a_follower_that_has_everything_and_nothing_is_lost()
    {
        var cluster = new RaftCluster(3);
        RaftNode old = cluster.ElectLeader();
        long term = old.Status.Term;
        old.Command("a");
        cluster.Settle();
        old.Step(new Input.HandOver(ReplicaId.None));
        cluster.Settle();

        RaftNode next = cluster.Leader!;
        Assert.NotEqual(old.Id, next.Id);
        Assert.Equal(term + 1, next.Status.Term);
        Assert.Contains(next.Applied, entry => entry.Command == "a");
    }

    [Fact]
    public void A_leader_brings_the_follower_up_to_date_before_it_hands_over_and_takes_no_commands_meanwhile()
    {
        RaftNode leader = new RaftNode(1, 3).Start().Elect(2);
        leader.Acknowledge(2, 1);
        leader.Command("a");
        leader.Step(new Input.HandOver(new ReplicaId(2)));
        Assert.Empty(leader.Take<TimeoutNow>());
        Assert.True(leader.Rejections[leader.Command("b")] is { Reason: RejectReason.NotLeader, OutcomeUnknown: false, Leader.Value: 2 });
        leader.Acknowledge(2, 2);
        Assert.Equal(1, leader.TakeOne<TimeoutNow>().Term);
    }

    [Fact]
    public void If_the_hand_over_does_not_complete_within_an_election_timeout_the_leader_goes_on()
    {
        RaftNode leader = new RaftNode(1, 3).Start().Elect(2);
        leader.Acknowledge(2, 1);
        leader.Step(new Input.HandOver(new ReplicaId(2)));
        for (int i = 0; i < 14; i++)
        {
            leader.Pass(RaftOptions.Default.HeartbeatMicros);
            leader.Receive(3, new HeartbeatReply(1, nonVoter: false, 0));
        }

        long id = leader.Command("a");
        Assert.DoesNotContain(id, leader.Rejections.Keys);
    }

    [Fact]
    public void A_vote_request_of_a_hand_over_is_heard_although_the_leader_was_just_heard()
    {
        RaftNode node = new RaftNode(1, 3).Start();
        node.Receive(3, new Heartbeat(1, 0, 1));
        node.Sent.Clear();
        node.Receive(2, new VoteRequest(2, 0, 0, pre: false, handOver: true));
        Assert.True(node.TakeOne<VoteReply>().Granted);
    }

    [Fact]
    public void The_first_record_holds_the_configuration_and_a_later_start_goes_by_it()
    {
        RaftNode node = new RaftNode(1, 3).Start();
        RaftConfiguration first = RaftConfiguration.Decode(node.Written[0].Record.Configuration);
        Assert.Equal([1, 2, 3], first.Voters.Select(id => id.Value));

        RaftNode again = new RaftNode(1, 5, recovered: node.Recover()).Start();
        again.Pass(Instant.Second);
        Assert.Equal([2, 3], again.Take<VoteRequest>().Select(sent => sent.To.Value).Distinct());
    }

    [Fact]
    public void While_configurations_are_joined_a_decision_needs_a_majority_of_both()
    {
        var joint = new RaftConfiguration(Ids(1, 2, 3), Ids(3, 4, 5), Ids(6));
        Assert.False(joint.HasQuorum(id => id.Value is 1 or 2 or 6));
        Assert.False(joint.HasQuorum(id => id.Value is 3 or 4));
        Assert.True(joint.HasQuorum(id => id.Value is 1 or 3 or 4));
        Assert.Equal(4, joint.QuorumValue(id => id.Value is 1 or 2 ? 9 : id.Value));
    }

    [Theory]
    [InlineData("5", 5)]
    [InlineData("5 3", 3)]
    [InlineData("5 3 9", 5)]
    [InlineData("5 3 9 1", 3)]
    [InlineData("5 3 9 1 7", 5)]
    public void A_quorum_value_is_the_largest_that_a_majority_has_reached(string values, long expected)
    {
        long[] each = Given.Terms(values);
        var configuration = new RaftConfiguration(Ids([.. Enumerable.Range(1, each.Length)]));
        Assert.Equal(expected, configuration.QuorumValue(id => each[id.Value - 1]));
    }

    private static IEnumerable<ReplicaId> Ids(params int[] ids) => ids.Select(id => new ReplicaId(id));
}
