using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>What figures 2 and 4 say beyond the text. Figures 7 and 8 are in <see cref="FigureTests"/>, 10 and 11 in <see cref="ChangeRuleTests"/>.</summary>
public class Figures
{
    // Figure 2, persistent state: "Updated on stable storage before responding to RPCs"
    [Fact]
    public void Figure_2_current_term_vote_and_log_are_updated_on_stable_storage_before_responding_to_rpcs()
    {
        RaftNode voter = Desk.Follower();
        voter.DiskWorks = false;
        voter.Receive(2, Given.Vote(3));
        Assert.Empty(voter.Sent);
        voter.MakeDurable();
        Assert.True(voter.TakeOne<VoteReply>().Granted);
        voter.Receive(2, Given.Append(3, 0, 0, 0, 3));
        Assert.Empty(voter.Sent);
        voter.MakeDurable();
        Assert.True(voter.TakeOne<AppendReply>().Success);
        Assert.Equal((3L, new ReplicaId(2), 1), (voter.Status.Term, HardState.Decode(voter.Recover().HardState).Vote, voter.Terms.Length));
    }

    [Fact]
    public void Figure_2_commit_index_and_last_applied_are_volatile_and_initialized_to_0()
    {
        RaftNode follower = Desk.Follower();
        follower.Receive(2, Given.Append(1, 0, 0, 2, 1, 1));
        Assert.Equal((2L, 2L), (follower.Status.CommitIndex, follower.Status.AppliedIndex));
        RaftNode again = new RaftNode(1, 3, recovered: follower.Recover()).Start();
        Assert.Equal((0L, 0L, 2L), (again.Status.CommitIndex, again.Status.AppliedIndex, again.Status.LastIndex));
    }

    [Fact]
    public void Figure_2_match_index_is_initialized_to_0_and_increases_monotonically()
    {
        RaftNode leader = Desk.Leader(term: 2, log: [1, 2]);
        Assert.All(leader.Status.Followers.Values, match => Assert.Equal(0, match));
        leader.Acknowledge(2, 3);
        leader.Acknowledge(2, 1);
        Assert.Equal(3, leader.Status.Followers[new ReplicaId(2)]);
        leader.Receive(2, new AppendReply(3, success: false, nonVoter: false, 3, 1, 1));
        Assert.Equal(3, leader.Status.Followers[new ReplicaId(2)]);
    }

    [Fact]
    public void Figure_2_if_commit_index_is_above_last_applied_apply_the_log_in_order_and_each_entry_once()
    {
        RaftNode follower = Desk.Follower();
        follower.Receive(2, Given.Append(1, 0, 0, 3, 1, 1, 1));
        follower.Receive(2, Given.Append(1, 0, 0, 3, 1, 1, 1));
        follower.Receive(2, Given.Append(1, 3, 1, 4, 1));
        Assert.Equal([1L, 2, 3, 4], follower.Applied.Select(entry => entry.Index));
    }

    // Figure 2, rules for followers: "without receiving AppendEntries RPC from current leader or granting vote to candidate"
    [Fact]
    public void Figure_2_only_append_entries_from_the_current_leader_or_granting_a_vote_to_a_candidate_postpone_an_election()
    {
        foreach (bool upToDate in (bool[])[false, true])
        {
            RaftNode follower = Desk.Follower(1, 1, 1);
            for (int term = 2; term <= 5; term++)
            {
                follower.Pass(Desk.MinTimeout / 2);
                follower.Receive(3, upToDate ? Given.Vote(term, 2, 1) : Given.Vote(term, 1, 1));
            }

            Assert.Equal(!upToDate, follower.Take<VoteRequest>().Count > 0);
        }
    }

    [Fact]
    public void Figure_2_without_pre_vote_a_follower_whose_election_timeout_elapses_converts_to_candidate_at_once()
    {
        RaftNode node = new RaftNode(1, 3, RaftOptions.Default with { PreVote = false }).Start();
        node.Pass(Desk.MaxTimeout);
        Assert.Equal(("candidate", 1L), (node.Status.Role, node.Status.Term));
        Assert.All(node.Take<VoteRequest>(), sent => Assert.False(sent.Message.Pre));
        node.Receive(2, new VoteReply(1, granted: true, pre: false));
        Assert.True(node.IsLeader);
    }

    // Figure 4: followers only become candidates, candidates all three, leaders only followers again.
    [Fact]
    public void Figure_4_server_states_a_leader_or_candidate_that_discovers_a_server_with_higher_term_is_a_follower_again()
    {
        RaftNode node = Desk.Follower();
        Assert.Equal("follower", node.Status.Role);
        node.Pass(Desk.MaxTimeout);
        node.Receive(2, new VoteReply(1, granted: true, pre: true));
        Assert.Equal("candidate", node.Status.Role);
        node.Receive(3, new Heartbeat(1, 0, 1));
        Assert.Equal("follower", node.Status.Role);
        node.Pass(2 * Desk.MaxTimeout);
        node.Receive(2, new VoteReply(2, granted: true, pre: true));
        node.Receive(2, new VoteReply(2, granted: true, pre: false));
        Assert.Equal("leader", node.Status.Role);
        node.Receive(3, new Heartbeat(3, 0, 1));
        Assert.Equal("follower", node.Status.Role);
    }
}
