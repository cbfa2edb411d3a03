using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>Sections 5.5, follower and candidate crashes, and 5.6, timing and availability.</summary>
public class Section5_5
{
    [Fact]
    public void If_the_crashed_server_restarts_then_the_rpc_will_complete_successfully()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        int crashed = cluster.Nodes.First(node => node.Id != leader.Id).Id.Value;
        cluster.Kill(crashed);
        leader.Command("x");
        cluster.Run(5 * Instant.Second);
        RaftNode again = cluster.Restart(crashed);
        cluster.Run(Instant.Second);
        Assert.Equal(leader.Applied, again.Applied);
        Assert.True(leader.IsLeader);
    }

    [Fact]
    public void If_a_server_crashes_after_completing_an_rpc_but_before_responding_it_receives_the_same_rpc_again_without_harm()
    {
        RaftNode follower = Desk.Follower();
        follower.Receive(2, Given.Append(1, 0, 0, 0, 1, 1));
        RaftNode again = new RaftNode(1, 3, recovered: follower.Recover()).Start();
        int written = again.Written.Count;
        again.Receive(2, Given.Append(1, 0, 0, 0, 1, 1));
        Assert.True(again.TakeOne<AppendReply>() is { Success: true, Index: 2 });
        Assert.Equal(written, again.Written.Count);
    }

    [Fact]
    public void Raft_rpcs_are_idempotent_so_a_repeated_vote_request_of_the_same_candidate_is_granted_again()
    {
        RaftNode voter = Desk.Follower();
        voter.Receive(2, Given.Vote(1));
        RaftNode again = new RaftNode(1, 3, recovered: voter.Recover()).Start();
        foreach (RaftNode node in (RaftNode[])[voter, again])
        {
            node.Sent.Clear();
            node.Receive(2, Given.Vote(1));
            Assert.True(node.TakeOne<VoteReply>().Granted);
            node.Receive(3, Given.Vote(1));
            Assert.False(node.TakeOne<VoteReply>().Granted);
        }
    }

    [Fact]
    public void A_candidate_that_crashes_leaves_its_term_without_a_leader_and_the_others_elect_one_in_the_next()
    {
        var cluster = new RaftCluster(3);
        RaftNode candidate = cluster[1];
        candidate.Pass(Desk.MaxTimeout);
        candidate.Receive(2, new VoteReply(1, granted: true, pre: true));
        Assert.Equal("candidate", candidate.Status.Role);
        cluster.Kill(1);
        cluster[2].Receive(1, Given.Vote(1));
        cluster[3].Receive(1, Given.Vote(1));
        RaftNode leader = cluster.ElectLeader();
        Assert.Equal(2, leader.Status.Term);
    }

    /// <summary>Section 5.6: whatever the clocks say, a slow world costs availability only; all the simulator's seeds say it too.</summary>
    [Fact]
    public void Safety_must_not_depend_on_timing()
    {
        RaftNode leader = Desk.LeaderInStep();
        leader.Now += 100 * Instant.Second;
        long id = leader.Command("x", leader.Now + 200 * Instant.Second);
        RaftNode later = Desk.Follower(1, 1);
        later.Now += 100 * Instant.Second;
        later.FireDue();
        later.Receive(3, new VoteReply(2, granted: true, pre: true));
        Assert.Equal(2, later.Status.Term);
        leader.Receive(3, new AppendReply(2, success: false, nonVoter: false, 2, 0, 0));
        leader.Receive(2, new AppendReply(1, success: true, nonVoter: false, 2, 0, 0));
        Assert.DoesNotContain(id, leader.Replies.Keys);
        Assert.NotEqual("leader", leader.Status.Role);
    }

    [Fact]
    public void The_broadcast_time_must_be_less_than_the_election_timeout_so_that_leaders_can_reliably_send_heartbeats()
    {
        RaftOptions options = RaftOptions.Default;
        Assert.True(options.HeartbeatMicros * 6 <= options.ElectionMinMicros);
        Assert.Throws<ArgumentOutOfRangeException>(() => (options with { ElectionMinMicros = 2 * options.HeartbeatMicros - 1 }).Validate());
    }
}
