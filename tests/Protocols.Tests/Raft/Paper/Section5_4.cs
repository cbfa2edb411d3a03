using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>Section 5.4, safety: what <see cref="ElectionTests"/>, <see cref="ReplicationTests"/> and <see cref="FigureTests"/> do not say yet.</summary>
public class Section5_4
{
    /// <summary>Whichever majority has an entry, a candidate without it gets no vote of it.</summary>
    [Fact]
    public void Raft_prevents_a_candidate_from_winning_an_election_unless_its_log_contains_all_committed_entries()
    {
        for (int majority = 0; majority < 8; majority++)
        {
            int[] have = [.. Enumerable.Range(1, 3).Where(id => (majority >> (id - 1) & 1) != 0)];
            if (have.Length < 2)
                continue;
            foreach (int without in Enumerable.Range(1, 3).Except(have))
            {
                int granted = 1;
                foreach (int voter in Enumerable.Range(1, 3).Where(id => id != without))
                {
                    RaftNode node = new RaftNode(voter, 3, recovered: Given.Log(2, 1, 2)).Start();
                    node.Receive(without, Given.Vote(3, 1, 1));
                    granted += node.TakeOne<VoteReply>().Granted ? 1 : 0;
                }

                Assert.Equal(1, granted);
            }
        }
    }

    [Fact]
    public void The_request_vote_rpc_includes_information_about_the_candidates_log()
    {
        RaftNode candidate = Desk.Follower(5, 1, 2, 5);
        candidate.Pass(Desk.MaxTimeout);
        candidate.Receive(2, new VoteReply(6, granted: true, pre: true));
        Assert.All(candidate.Take<VoteRequest>(), sent => Assert.Equal((3L, 5L), (sent.Message.LastIndex, sent.Message.LastTerm)));
    }

    [Fact]
    public void Log_entries_only_flow_in_one_direction_from_leaders_to_followers()
    {
        RaftNode leader = Desk.Leader(term: 2, log: [1]);
        leader.Receive(2, new AppendReply(3, success: false, nonVoter: false, 1, 1, 1));
        leader.Receive(3, new AppendReply(3, success: false, nonVoter: false, 1, 9, 2));
        Assert.Equal([1L, 3], leader.Terms);

        RaftNode follower = Desk.Follower(2, 1, 2, 2);
        follower.Receive(2, Given.Append(3, 1, 1, 0));
        follower.Pass(Desk.MinTimeout - 1);
        Assert.Empty(follower.Take<AppendRequest>());
    }

    [Fact]
    public void Log_entries_retain_their_original_term_numbers_when_a_leader_replicates_entries_from_previous_terms()
    {
        RaftNode leader = Desk.Leader(term: 5, log: [1, 3, 5]);
        leader.Receive(2, new AppendReply(6, success: false, nonVoter: false, 3, 0, 0));
        AppendRequest whole = leader.Take<AppendRequest>().Last(sent => sent.To.Value == 2).Message;
        Assert.Equal((0L, "1 3 5 6"), (whole.PrevIndex, string.Join(' ', whole.Batches.SelectMany(batch => Enumerable.Repeat(batch.Term, batch.Count)))));
    }

    /// <summary>Leader completeness: a group loses its leader again and again, and every new one has all that was answered.</summary>
    [Fact]
    public void If_a_log_entry_is_committed_in_a_given_term_it_will_be_present_in_the_logs_of_the_leaders_for_all_higher_numbered_terms()
    {
        var cluster = new RaftCluster(5);
        var answered = new List<string>();
        for (int round = 0; round < 8; round++)
        {
            RaftNode leader = cluster.ElectLeader();
            Assert.Equal(answered, leader.Applied.Where(entry => entry.Command.Length > 0).Select(entry => entry.Command));
            // One follower is left out: it must not be the one that leads next.
            RaftNode left = cluster.Nodes.First(node => node.Id != leader.Id);
            cluster.Cut(leader.Id.Value, left.Id.Value);
            long id = leader.Command($"c{round}");
            cluster.Settle();
            answered.Add(leader.Replies[id]);
            cluster.Kill(leader.Id.Value);
            cluster.Heal();
            cluster.Until(() => cluster.Leader is not null);
            cluster.Restart(leader.Id.Value);
        }
    }

    /// <summary>State Machine Safety, with the conflict of figure 8: nothing uncommitted is applied, so nothing applied is overwritten.</summary>
    [Fact]
    public void If_a_server_has_applied_a_log_entry_at_a_given_index_no_other_server_will_ever_apply_a_different_one_for_the_same_index()
    {
        var cluster = new RaftCluster(3);
        RaftNode first = cluster.ElectLeader();
        cluster.Isolate(first.Id.Value);
        first.Command("lost");
        cluster.Settle();
        cluster.Until(() => cluster.Running.Any(node => node.IsLeader && node.Id != first.Id));
        RaftNode second = cluster.Nodes.First(node => node.IsLeader && node.Id != first.Id);
        second.Command("kept");
        cluster.Settle();
        cluster.Heal();
        cluster.Run(Instant.Second);
        Assert.All(cluster.Nodes, node => Assert.Equal(second.Applied, node.Applied));
        Assert.DoesNotContain(first.Applied, entry => entry.Command == "lost");
        Assert.Contains(first.Applied, entry => entry.Command == "kept");
    }
}
