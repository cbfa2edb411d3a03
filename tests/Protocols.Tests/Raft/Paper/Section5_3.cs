using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>Section 5.3, log replication: what <see cref="ReplicationTests"/> does not say yet.</summary>
public class Section5_3
{
    [Fact]
    public void When_the_entry_has_been_safely_replicated_the_leader_applies_it_and_returns_the_result_to_the_client()
    {
        RaftNode leader = Desk.LeaderInStep();
        leader.DiskWorks = false;
        long id = leader.Command("x");
        Assert.DoesNotContain(leader.Applied, entry => entry.Command == "x");
        Assert.DoesNotContain(id, leader.Replies.Keys);
        leader.Acknowledge(2, 2);
        leader.MakeDurable();
        Assert.Contains((2L, 1L, "x"), leader.Applied);
        Assert.Equal("x", leader.Replies[id]);
    }

    [Fact]
    public void The_leader_retries_indefinitely_even_after_it_has_responded_to_the_client_until_all_followers_store_all_log_entries()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        RaftNode slow = cluster.Nodes.First(node => node.Id != leader.Id);
        cluster.Cut(leader.Id.Value, slow.Id.Value);
        cluster.Cut(slow.Id.Value, leader.Id.Value);
        long id = leader.Command("x");
        cluster.Run(5 * Instant.Second);
        Assert.Equal("x", leader.Replies[id]);
        Assert.DoesNotContain(slow.Applied, entry => entry.Command == "x");

        cluster.Heal();
        cluster.Run(Instant.Second);
        Assert.Contains(slow.Applied, entry => entry.Command == "x");
    }

    [Fact]
    public void Each_log_entry_stores_a_command_along_with_the_term_number_and_has_an_integer_index()
    {
        RaftNode leader = Desk.Leader(term: 6, log: [2, 6]);
        leader.Commands(null, "x", "y");
        EntryBatch batch = leader.Written[^1].Record.Entries[0];
        Assert.Equal((7L, 4L, 5L), (batch.Term, batch.FirstIndex, batch.LastIndex));
        Assert.Equal([2L, 6, 7, 7, 7], leader.Terms);
    }

    [Fact]
    public void The_leader_includes_the_highest_index_it_knows_to_be_committed_in_future_append_entries()
    {
        RaftNode leader = Desk.LeaderInStep();
        leader.Command("x");
        leader.Acknowledge(2, 2);
        leader.Sent.Clear();
        leader.Command("y");
        Assert.All(leader.Take<AppendRequest>(), sent => Assert.Equal(2, sent.Message.Commit));
        leader.Acknowledge(2, 3);
        leader.Sent.Clear();
        leader.Pass(RaftOptions.Default.HeartbeatMicros);
        Assert.Equal(3, leader.Take<Heartbeat>().First(sent => sent.To.Value == 2).Message.Commit);
    }

    [Fact]
    public void Once_a_follower_learns_that_a_log_entry_is_committed_it_applies_the_entry_in_log_order()
    {
        RaftNode follower = Desk.Follower();
        follower.Receive(2, Given.Append(2, 0, 0, 0, 1, 1, 2));
        Assert.Empty(follower.Applied);
        follower.Receive(2, Given.Append(2, 3, 2, 2));
        Assert.Equal([(1L, 1L, "1@1"), (2, 1, "2@1")], follower.Applied);
        follower.Receive(2, Given.Append(2, 3, 2, 3));
        Assert.Equal((3L, 2L, "3@2"), follower.Applied[^1]);
    }

    [Fact]
    public void A_leader_creates_at_most_one_entry_with_a_given_log_index_in_a_given_term_and_entries_never_change_position()
    {
        RaftNode leader = Desk.Leader();
        for (int i = 0; i < 20; i++)
        {
            leader.Command($"c{i}");
            leader.Receive(2, new AppendReply(1, success: i % 3 != 0, nonVoter: false, i % 3 == 0 ? 1 : leader.Status.LastIndex, 0, 0));
        }

        EntryBatch[] created = [.. leader.Written.SelectMany(entry => entry.Record.Entries)];
        Assert.Equal(Enumerable.Range(1, 21).Select(index => (long)index), created.SelectMany(batch => Enumerable.Range(0, batch.Count).Select(at => batch.FirstIndex + at)));
        Assert.All(created, batch => Assert.Equal(1, batch.Term));
    }

    /// <summary>The Log Matching Property: a follower whose last entries agree takes nothing after a gap, and nothing on another past.</summary>
    [Fact]
    public void If_two_entries_in_different_logs_have_the_same_index_and_term_then_the_logs_are_identical_in_all_preceding_entries()
    {
        long[] leader = [1, 1, 2, 3, 3];
        foreach (string log in (string[])["1", "1 1 1", "1 1 2 2 2", "1 1 2 3", "1 1 1 1 1 1", "1 1 2 3 3 3"])
        {
            for (int prev = leader.Length - 1; prev >= 0; prev--)
            {
                RaftNode follower = Desk.Follower(4, Given.Terms(log));
                follower.Receive(2, Given.Append(4, prev, prev == 0 ? 0 : leader[prev - 1], 0, leader[prev..]));
                if (follower.TakeOne<AppendReply>().Success)
                    Assert.Equal(leader, follower.Terms[..leader.Length]);
                else
                    Assert.Equal(Given.Terms(log), follower.Terms);
            }
        }
    }

    [Fact]
    public void When_a_leader_first_comes_to_power_it_initializes_all_next_index_values_to_the_index_just_after_the_last_one_in_its_log()
    {
        RaftNode leader = new RaftNode(1, 3, recovered: Given.Log(4, 1, 4, 4)).Start();
        leader.Pass(Desk.MaxTimeout);
        leader.Receive(2, new VoteReply(5, granted: true, pre: true));
        leader.Receive(2, new VoteReply(5, granted: true, pre: false));
        List<(ReplicaId To, AppendRequest Message)> first = leader.Take<AppendRequest>();
        Assert.Equal(2, first.Count);
        Assert.All(first, sent => Assert.Equal((3L, 4L), (sent.Message.PrevIndex, sent.Message.PrevTerm)));
    }

    [Fact]
    public void After_a_rejection_the_leader_decrements_next_index_and_retries_until_the_logs_match()
    {
        RaftNode leader = Desk.Leader(term: 4, log: [1, 2, 3, 4]);
        RaftNode follower = new RaftNode(3, 3, recovered: Given.Log(4, 1, 1, 1, 1)).Start();
        long last = long.MaxValue;
        for (int tries = 0; follower.Terms.Length != 5 || follower.Terms[^1] != 5; tries++)
        {
            Assert.True(tries < 5, "the logs do not come together");
            AppendRequest append = leader.Take<AppendRequest>().Last(sent => sent.To.Value == 3).Message;
            Assert.True(append.PrevIndex < last);
            last = append.PrevIndex;
            follower.Receive(1, append);
            leader.Receive(3, follower.TakeOne<AppendReply>());
        }

        Assert.Equal(leader.Terms, follower.Terms);
    }

    [Fact]
    public void A_leader_never_overwrites_or_deletes_entries_in_its_own_log()
    {
        RaftNode leader = Desk.Leader(term: 3, log: [1, 2, 3]);
        leader.Command("x");
        leader.Receive(2, new AppendReply(4, success: false, nonVoter: false, 3, 0, 0));
        leader.Pass(Instant.Second);
        Assert.All(leader.Written, entry => Assert.Equal(0, entry.Record.TruncateFrom));
        Assert.Equal([1L, 2, 3, 4, 4], leader.Terms);
    }

    [Fact]
    public void Raft_can_accept_replicate_and_apply_new_log_entries_as_long_as_a_majority_of_the_servers_are_up()
    {
        var cluster = new RaftCluster(5);
        RaftNode leader = cluster.ElectLeader();
        foreach (RaftNode other in cluster.Nodes.Where(node => node.Id != leader.Id).Take(2).ToArray())
            cluster.Kill(other.Id.Value);
        long id = leader.Command("x");
        cluster.Settle();
        Assert.Equal("x", leader.Replies[id]);
    }

    [Fact]
    public void In_the_normal_case_a_new_entry_is_replicated_with_a_single_round_of_rpcs_and_a_slow_follower_does_not_impact_it()
    {
        RaftNode leader = Desk.LeaderInStep();
        long id = leader.Command("x");
        Assert.Equal(2, leader.Sent.Count);
        leader.Acknowledge(2, 2);
        Assert.Equal("x", leader.Replies[id]);
    }
}
