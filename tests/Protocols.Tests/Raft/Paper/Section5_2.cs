using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>Section 5.2, leader election: what <see cref="ElectionTests"/> does not say yet.</summary>
public class Section5_2
{
    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void When_servers_start_up_they_begin_as_followers(long term)
    {
        RaftNode former = Desk.Leader(term: term);
        RaftNode again = new RaftNode(1, 3, recovered: former.Recover()).Start();
        Assert.Equal(("follower", ReplicaId.None, term + 1), (again.Status.Role, again.Status.Leader, again.Status.Term));
        Assert.Empty(again.Sent);
    }

    [Fact]
    public void A_server_remains_in_follower_state_as_long_as_it_receives_valid_rpcs_from_a_leader()
    {
        RaftNode follower = Desk.Follower();
        for (int i = 0; i < 40; i++)
        {
            follower.Receive(2, i % 2 == 0 ? new Heartbeat(1, 0, i) : Given.Append(1, 0, 0, 0));
            follower.Pass(Desk.MinTimeout - 1);
            Assert.Equal("follower", follower.Status.Role);
        }

        Assert.Empty(follower.Take<VoteRequest>());
    }

    [Fact]
    public void A_server_remains_in_follower_state_as_long_as_it_receives_valid_rpcs_from_a_candidate()
    {
        RaftNode follower = Desk.Follower();
        for (int term = 1; term <= 10; term++)
        {
            follower.Receive(2, Given.Vote(term));
            follower.Pass(Desk.MinTimeout - 1);
            Assert.Equal("follower", follower.Status.Role);
        }

        Assert.Empty(follower.Take<VoteRequest>());
    }

    [Fact]
    public void A_request_with_a_stale_term_is_no_valid_rpc_and_does_not_keep_a_follower_from_campaigning()
    {
        RaftNode follower = Desk.Follower(5);
        for (int i = 0; i < 20; i++)
        {
            follower.Pass(50 * RaftNode.Ms);
            follower.Receive(2, new Heartbeat(4, 0, i));
        }

        Assert.NotEmpty(follower.Take<VoteRequest>());
    }

    [Fact]
    public void Leaders_send_periodic_heartbeats_to_all_followers_in_order_to_maintain_their_authority()
    {
        RaftNode leader = Desk.LeaderInStep();
        leader.Pass(RaftOptions.Default.HeartbeatMicros);
        leader.Sent.Clear();
        for (int i = 0; i < 5; i++)
        {
            leader.Pass(RaftOptions.Default.HeartbeatMicros);
            Assert.Equal(Desk.Ids(2, 3), leader.Take<Heartbeat>().Select(sent => sent.To));
        }
    }

    [Fact]
    public void Once_a_candidate_wins_an_election_it_sends_messages_to_all_of_the_other_servers_to_establish_its_authority()
    {
        RaftNode winner = Desk.Candidate();
        winner.Receive(3, new VoteReply(1, granted: true, pre: false));
        Assert.Equal(Desk.Ids(2, 3), winner.Take<AppendRequest>().Select(sent => sent.To));
    }

    [Fact]
    public void The_majority_rule_ensures_that_at_most_one_candidate_can_win_so_votes_of_one_server_count_once()
    {
        RaftNode candidate = new RaftNode(1, 5).Start();
        candidate.Pass(Desk.MaxTimeout);
        candidate.Receive(2, new VoteReply(1, granted: true, pre: true));
        candidate.Receive(3, new VoteReply(1, granted: true, pre: true));
        for (int i = 0; i < 5; i++)
            candidate.Receive(2, new VoteReply(1, granted: true, pre: false));
        Assert.Equal("candidate", candidate.Status.Role);
        candidate.Receive(4, new VoteReply(1, granted: true, pre: false));
        Assert.True(candidate.IsLeader);
    }

    [Fact]
    public void Each_candidate_restarts_its_randomized_election_timeout_at_the_start_of_an_election_and_waits_for_it_to_elapse()
    {
        RaftNode candidate = Desk.Candidate();
        candidate.Pass(Desk.MinTimeout - 1);
        Assert.Empty(candidate.Sent);
        Assert.Equal(("candidate", 1L), (candidate.Status.Role, candidate.Status.Term));
        candidate.Pass(Desk.MaxTimeout - Desk.MinTimeout + 1);
        Assert.All(candidate.Take<VoteRequest>(), sent => Assert.Equal(2, sent.Message.Term));
    }
}
