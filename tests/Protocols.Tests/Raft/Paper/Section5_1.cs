using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>Section 5.1, Raft basics: what <see cref="ElectionTests"/> does not say yet.</summary>
public class Section5_1
{
    /// <summary>Two candidates of one term, three more voters, every order in which the requests may arrive.</summary>
    [Fact]
    public void Raft_ensures_that_there_is_at_most_one_leader_in_a_given_term()
    {
        for (int orders = 0; orders < 8; orders++)
        {
            RaftNode[] candidates = [Stand(1), Stand(2)];
            for (int voter = 3; voter <= 5; voter++)
            {
                RaftNode node = new RaftNode(voter, 5).Start();
                int first = (orders >> (voter - 3)) & 1;
                foreach (RaftNode candidate in (RaftNode[])[candidates[first], candidates[1 - first]])
                {
                    node.Receive(candidate.Id.Value, Given.Vote(1));
                    candidate.Receive(voter, node.TakeOne<VoteReply>());
                }
            }

            Assert.Single(candidates, candidate => candidate.IsLeader);
        }
    }

    [Fact]
    public void Terms_are_numbered_with_consecutive_integers_and_each_term_begins_with_an_election()
    {
        RaftNode node = Desk.Follower();
        for (long term = 1; term <= 5; term++)
        {
            node.Pass(2 * Desk.MaxTimeout);
            node.Receive(2, new VoteReply(term, granted: true, pre: true));
            Assert.Equal(("candidate", term), (node.Status.Role, node.Status.Term));
        }
    }

    [Fact]
    public void Each_server_stores_a_current_term_number_which_increases_monotonically_over_time()
    {
        RaftNode node = Desk.Follower();
        long last = 0;
        foreach (long term in (long[])[3, 2, 7, 7, 1, 8])
        {
            node.Receive(2, new Heartbeat(term, 0, 1));
            Assert.Equal(Math.Max(last, term), node.Status.Term);
            last = node.Status.Term;
            Assert.Equal(last, new RaftNode(1, 3, recovered: node.Recover()).Start().Status.Term);
        }
    }

    public static TheoryData<string> AnyMessage => ["append", "append reply", "heartbeat", "heartbeat reply", "vote", "vote reply", "checkpoint offer"];

    [Theory]
    [MemberData(nameof(AnyMessage))]
    public void Current_terms_are_exchanged_whenever_servers_communicate_and_the_smaller_is_updated_to_the_larger_value(string message)
    {
        foreach (RaftNode node in (RaftNode[])[Desk.Follower(4), Desk.Candidate(4), Desk.Leader(term: 4)])
        {
            // Who leads takes part in no other's election (thesis 4.2.3).
            if (node.IsLeader && message == "vote")
                continue;
            node.Receive(2, Message(message, 9));
            Assert.Equal(9, node.Status.Term);
            Assert.Equal("follower", node.Status.Role);
            Assert.Equal(9, HardState.Decode(node.Recover().HardState).Term);
        }
    }

    private static RaftMessage Message(string name, long term) => name switch
    {
        "append" => Given.Append(term, 0, 0, 0),
        "append reply" => new AppendReply(term, success: false, nonVoter: false, 0, 0, 0),
        "heartbeat" => new Heartbeat(term, 0, 1),
        "heartbeat reply" => new HeartbeatReply(term, nonVoter: false, 0),
        "vote" => Given.Vote(term),
        "vote reply" => new VoteReply(term, granted: false, pre: false),
        _ => new CheckpointOffer(term, 5, 1),
    };

    private static RaftNode Stand(int id)
    {
        RaftNode node = new RaftNode(id, 5).Start();
        node.Pass(Desk.MaxTimeout);
        foreach (int other in (int[])[3, 4])
            node.Receive(other, new VoteReply(1, granted: true, pre: true));
        Assert.Equal("candidate", node.Status.Role);
        return node;
    }
}
