using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Sections 5.3 and 5.4 of the paper, sentence by sentence, and what is added for speed.</summary>
public class ReplicationTests
{
    private static RaftNode Follower(long term, params long[] log) => new RaftNode(1, 3, recovered: Given.Log(term, log)).Start();

    private static RaftNode Leader(int of = 3, RaftOptions? options = null, long term = 0, params long[] log)
    {
        RaftNode node = new RaftNode(1, of, options, Given.Log(term, log)).Start().Elect([.. Enumerable.Range(2, of / 2)]);
        node.Sent.Clear();
        return node;
    }

    /// <summary>A leader whose followers have all it has.</summary>
    private static RaftNode LeaderInStep(RaftOptions? options = null)
    {
        RaftNode leader = Leader(options: options);
        leader.Acknowledge(2, 1);
        leader.Acknowledge(3, 1);
        leader.Sent.Clear();
        return leader;
    }

    [Fact]
    public void The_leader_appends_the_command_to_its_log_then_issues_append_entries_in_parallel_while_its_disk_still_writes()
    {
        RaftNode leader = LeaderInStep();
        leader.DiskWorks = false;
        leader.Command("x");

        Assert.Equal("x", Commands(leader.Written[^1].Record.Entries));
        List<(ReplicaId To, AppendRequest Message)> sent = leader.Take<AppendRequest>();
        Assert.Equal([new ReplicaId(2), new ReplicaId(3)], sent.Select(message => message.To));
        Assert.All(sent, message => Assert.Equal((1L, 1L, "x"), (message.Message.PrevIndex, message.Message.PrevTerm, Commands(message.Message.Batches))));
    }

    [Fact]
    public void An_entry_is_committed_once_the_leader_that_created_it_has_replicated_it_on_a_majority_of_the_servers()
    {
        RaftNode leader = Leader(of: 5);
        long id = leader.Command("x");
        leader.Acknowledge(2, 2);
        Assert.DoesNotContain(id, leader.Replies.Keys);
        leader.Acknowledge(2, 2);
        Assert.DoesNotContain(id, leader.Replies.Keys);
        leader.Acknowledge(3, 2);
        Assert.Equal("x", leader.Replies[id]);
    }

    [Fact]
    public void A_leader_counts_its_own_copy_only_once_it_is_on_its_disk()
    {
        RaftNode leader = LeaderInStep();
        leader.DiskWorks = false;
        long id = leader.Command("x");
        leader.Acknowledge(2, 2);
        Assert.Equal(1, leader.Status.CommitIndex);
        leader.MakeDurable();
        Assert.Equal("x", leader.Replies[id]);
    }

    [Fact]
    public void A_majority_without_the_leaders_own_disk_commits_too()
    {
        RaftNode leader = LeaderInStep();
        leader.DiskWorks = false;
        long id = leader.Command("x");
        leader.Acknowledge(2, 2);
        leader.Acknowledge(3, 2);
        Assert.Equal("x", leader.Replies[id]);
    }

    [Fact]
    public void This_also_commits_all_preceding_entries_in_the_leaders_log_including_entries_created_by_previous_leaders()
    {
        RaftNode leader = Leader(term: 3, log: [1, 1, 3]);
        leader.Acknowledge(2, 4);
        Assert.Equal([1L, 2, 3, 4], leader.Applied.Select(entry => entry.Index));
    }

    [Fact]
    public void Only_log_entries_from_the_leaders_current_term_are_committed_by_counting_replicas()
    {
        RaftNode leader = Leader(of: 5, term: 3, log: [1, 2]);
        leader.Acknowledge(2, 2);
        leader.Acknowledge(3, 2);
        leader.Acknowledge(4, 2);
        leader.Acknowledge(5, 2);
        Assert.Equal(0, leader.Status.CommitIndex);
        leader.Acknowledge(2, 3);
        leader.Acknowledge(3, 3);
        Assert.Equal(3, leader.Status.CommitIndex);
    }

    [Fact]
    public void Reply_false_if_log_does_not_contain_an_entry_at_prev_log_index_whose_term_matches_prev_log_term()
    {
        RaftNode follower = Follower(3, 1, 1, 2);
        follower.Receive(2, Given.Append(3, 5, 3, 0, 3));
        Assert.True(follower.TakeOne<AppendReply>() is { Success: false, Index: 5, ConflictIndex: 3, ConflictTerm: 2 });
        follower.Receive(2, Given.Append(3, 3, 3, 0, 3));
        Assert.False(follower.TakeOne<AppendReply>().Success);
        Assert.Equal([1L, 1, 2], follower.Terms);
    }

    [Fact]
    public void If_an_existing_entry_conflicts_with_a_new_one_delete_the_existing_entry_and_all_that_follow_it()
    {
        RaftNode follower = Follower(3, 1, 1, 2, 2, 2);
        follower.Receive(2, Given.Append(3, 2, 1, 0, 3));
        Assert.True(follower.TakeOne<AppendReply>() is { Success: true, Index: 3 });
        Assert.Equal([1L, 1, 3], follower.Terms);
        WalRecord record = follower.Written[^1].Record;
        Assert.Equal((3L, 1), (record.TruncateFrom, record.Entries.Count));
    }

    [Fact]
    public void Entries_are_cut_in_the_middle_of_a_batch_where_the_conflict_is()
    {
        RaftNode follower = Follower(5, 1, 1, 1, 1, 3, 3);
        follower.Receive(2, Given.Append(5, 1, 1, 0, 1, 1, 2, 2));
        Assert.Equal([1L, 1, 1, 2, 2], follower.Terms);
        Assert.Equal("4@2,5@2", Commands(follower.Written[^1].Record.Entries));
    }

    [Fact]
    public void Append_any_new_entries_not_already_in_the_log()
    {
        RaftNode follower = Follower(2, 1, 1, 2);
        follower.Receive(2, Given.Append(2, 1, 1, 0, 1, 2, 2, 2));
        Assert.Equal([1L, 1, 2, 2, 2], follower.Terms);
        Assert.Equal("4@2,5@2", Commands(follower.Written[^1].Record.Entries));
        Assert.Equal(5, follower.TakeOne<AppendReply>().Index);
    }

    [Fact]
    public void A_late_shorter_append_truncates_nothing()
    {
        RaftNode follower = Follower(1);
        follower.Receive(2, Given.Append(1, 0, 0, 0, 1, 1, 1));
        follower.Receive(2, Given.Append(1, 0, 0, 0, 1));
        follower.Receive(2, Given.Append(1, 0, 0, 0));
        Assert.Equal([1L, 1, 1], follower.Terms);
        Assert.Equal([3L, 1, 0], follower.Take<AppendReply>().Select(reply => reply.Message.Index));
    }

    [Fact]
    public void A_repeated_append_is_acknowledged_again_and_written_once()
    {
        RaftNode follower = Follower(1);
        follower.Receive(2, Given.Append(1, 0, 0, 0, 1, 1));
        int written = follower.Written.Count;
        follower.Receive(2, Given.Append(1, 0, 0, 0, 1, 1));
        Assert.Equal(written, follower.Written.Count);
        Assert.Equal(2, follower.Take<AppendReply>().Count(reply => reply.Message is { Success: true, Index: 2 }));
    }

    [Fact]
    public void A_follower_acknowledges_only_what_is_on_its_disk()
    {
        RaftNode follower = Follower(1);
        follower.DiskWorks = false;
        follower.Receive(2, Given.Append(1, 0, 0, 0, 1));
        Assert.Empty(follower.Sent);
        follower.Receive(2, Given.Append(1, 0, 0, 0, 1));
        Assert.Empty(follower.Sent);
        follower.MakeDurable();
        Assert.Equal([1L, 1], follower.Take<AppendReply>().Select(reply => reply.Message.Index));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 3)]
    [InlineData(9, 3)]
    public void If_leader_commit_is_greater_set_commit_index_to_the_minimum_of_it_and_the_index_of_the_last_new_entry(long leaderCommit, long expected)
    {
        RaftNode follower = Follower(2, 1, 2, 2, 2, 2);
        follower.Receive(2, Given.Append(2, 1, 1, leaderCommit, 2, 2));
        Assert.Equal(expected, follower.Status.CommitIndex);
        Assert.Equal(expected, follower.Applied.Count);
    }

    [Fact]
    public void A_commit_in_the_middle_of_a_batch_applies_the_batch_up_to_there_and_later_the_rest()
    {
        RaftNode follower = Follower(2, 1, 1, 1, 1);
        follower.Receive(2, Given.Append(2, 2, 1, 2));
        Assert.Equal(2, follower.Applied.Count);
        follower.Receive(2, Given.Append(2, 4, 1, 4));
        Assert.Equal([1L, 2, 3, 4], follower.Applied.Select(entry => entry.Index));
    }

    [Fact]
    public void A_heartbeat_commits_no_further_than_the_log_is_known_to_match_in_this_term()
    {
        RaftNode follower = Follower(2, 1, 1, 1);
        follower.Receive(2, new Heartbeat(2, 3, 1));
        Assert.Equal(0, follower.Status.CommitIndex);
        follower.Receive(2, Given.Append(2, 2, 1, 0));
        follower.Receive(2, new Heartbeat(2, 3, 2));
        Assert.Equal(2, follower.Status.CommitIndex);
    }

    [Fact]
    public void An_idle_follower_learns_of_a_commit_with_the_next_heartbeat()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        leader.Command("x");
        cluster.Run(RaftOptions.Default.HeartbeatMicros);
        Assert.All(cluster.Nodes, node => Assert.Equal("x", node.Applied[^1].Command));
    }

    [Fact]
    public void A_committed_entry_is_never_truncated_the_replica_stops_instead()
    {
        RaftNode follower = Follower(2, 1, 1);
        follower.Receive(2, Given.Append(2, 2, 1, 2));
        Assert.Throws<InvariantViolationException>(() =>
        {
            follower.Receive(3, Given.Append(3, 2, 1, 2));
            follower.Raft.Step(new Input.Received(new ReplicaId(2), new Heartbeat(3, 0, 1)), new Instant(follower.Now, 0, 0), new Effects());
        });
    }

    [Fact]
    public void The_requests_of_one_input_are_one_batch()
    {
        RaftNode leader = LeaderInStep();
        leader.Commands(null, "a", "b", "c");
        Assert.Equal(3, Assert.Single(leader.Written[^1].Record.Entries).Count);
        Assert.All(leader.Take<AppendRequest>(), sent => Assert.Equal(3, Assert.Single(sent.Message.Batches).Count));
    }

    [Fact]
    public void Batches_are_bounded_in_bytes_and_a_larger_command_travels_alone()
    {
        RaftNode leader = LeaderInStep(new RaftOptions { MaxBatchBytes = 100 });
        long[] ids = leader.Commands(null, "0123456789", "0123456789", new string('x', 200), "0123456789", "0123456789", "0123456789", "0123456789", "0123456789");
        Assert.Equal([2, 1, 4, 1], leader.Written[^1].Record.Entries.Select(batch => batch.Count));
        leader.Acknowledge(2, 9);
        Assert.Equal(ids, leader.Replies.Keys.Order());
    }

    [Fact]
    public void Appends_are_sent_ahead_of_acknowledgements_within_a_window_of_messages()
    {
        RaftNode leader = LeaderInStep(new RaftOptions { MaxInFlightMessages = 4 });
        for (int i = 0; i < 10; i++)
            leader.Command($"c{i}");
        Assert.Equal([1L, 2, 3, 4], leader.Take<AppendRequest>().Where(sent => sent.To.Value == 2).Select(sent => sent.Message.PrevIndex));
        leader.Acknowledge(2, 3);
        AppendRequest[] more = [.. leader.Take<AppendRequest>().Where(sent => sent.To.Value == 2).Select(sent => sent.Message)];
        Assert.Equal((5L, 11L), (more[0].PrevIndex, more[^1].LastIndex));
    }

    [Fact]
    public void Appends_are_sent_ahead_of_acknowledgements_within_a_window_of_bytes()
    {
        RaftNode leader = LeaderInStep(new RaftOptions { MaxInFlightBytes = 1000 });
        for (int i = 0; i < 10; i++)
            leader.Command(new string('x', 400));
        Assert.Equal(3, leader.Take<AppendRequest>().Count(sent => sent.To.Value == 2));
    }

    [Fact]
    public void Until_the_logs_are_known_to_match_one_append_is_out_at_a_time()
    {
        RaftNode leader = Leader();
        leader.Command("a");
        leader.Command("b");
        Assert.Empty(leader.Take<AppendRequest>());
        leader.Acknowledge(2, 1);
        Assert.Equal((1L, 3L), (leader.Sent.Select(sent => sent.Message).OfType<AppendRequest>().Single().PrevIndex, leader.Status.LastIndex));
    }

    [Fact]
    public void A_lost_append_is_noticed_by_the_next_one_and_sent_again()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        RaftNode follower = cluster.Nodes.First(node => node != leader);
        cluster.Cut(leader.Id.Value, follower.Id.Value);
        leader.Command("lost");
        cluster.Settle();
        cluster.Heal();
        leader.Command("next");
        cluster.Settle();
        Assert.Equal(leader.Status.LastIndex, follower.Status.LastIndex);
    }

    [Fact]
    public void A_lost_last_append_is_noticed_after_heartbeats()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        RaftNode follower = cluster.Nodes.First(node => node != leader);
        cluster.Cut(leader.Id.Value, follower.Id.Value);
        leader.Command("lost");
        cluster.Settle();
        cluster.Heal();
        cluster.Run(3 * RaftOptions.Default.HeartbeatMicros);
        Assert.Equal(leader.Status.LastIndex, follower.Status.LastIndex);
        Assert.Equal(leader.Status.LastIndex, leader.Status.Followers[follower.Id]);
    }

    [Fact]
    public void The_number_of_rejected_appends_is_bounded_by_the_terms_that_differ_and_not_by_the_entries()
    {
        // Section 5.3: "one AppendEntries RPC will be required for each term with conflicting entries".
        long[] common = [.. Enumerable.Repeat(1L, 10)];
        long[] leaderLog = [.. common, .. Enumerable.Repeat(2L, 200), .. Enumerable.Repeat(5L, 200), .. Enumerable.Repeat(7L, 200)];
        long[] followerLog = [.. common, .. Enumerable.Repeat(3L, 300), .. Enumerable.Repeat(4L, 300), .. Enumerable.Repeat(6L, 300)];
        RaftNode follower = new RaftNode(2, 3, recovered: Given.Log(7, followerLog)).Start();
        RaftNode leader = Leader(term: 7, log: leaderLog);
        leader.Acknowledge(3, 0);
        leader.Receive(2, new HeartbeatReply(8, false, 0));
        int refused = Exchange(leader, follower);
        Assert.InRange(refused, 1, 4);
        Assert.Equal(leader.Terms, follower.Terms);
    }

    [Fact]
    public void A_follower_far_behind_costs_one_rejection()
    {
        RaftNode follower = new RaftNode(2, 3, recovered: Given.Log(1, 1)).Start();
        RaftNode leader = Leader(term: 4, log: [.. Enumerable.Repeat(1L, 500), .. Enumerable.Repeat(4L, 500)]);
        Assert.Equal(1, Exchange(leader, follower));
        Assert.Equal(leader.Terms, follower.Terms);
    }

    [Fact]
    public void The_clock_in_the_log_does_not_go_back()
    {
        RaftNode leader = LeaderInStep();
        leader.Wall = 5000;
        leader.Command("a");
        leader.Wall = 4000;
        leader.Command("b");
        long[] walls = [.. leader.Recover().Log.Select(batch => batch.Wall)];
        Assert.Equal(walls.Order(), walls);
    }

    [Fact]
    public void Followers_in_step_are_sent_the_same_message()
    {
        RaftNode leader = LeaderInStep();
        leader.Command("a");
        List<(ReplicaId To, AppendRequest Message)> sent = leader.Take<AppendRequest>();
        Assert.Same(sent[0].Message, sent[1].Message);
    }

    [Fact]
    public void A_follower_that_is_believed_down_is_sent_nothing_until_it_answers()
    {
        RaftNode leader = LeaderInStep();
        leader.Step(new Input.PeerHint(new ReplicaId(3), Up: false));
        leader.Command("a");
        Assert.Equal(new ReplicaId(2), Assert.Single(leader.Take<AppendRequest>()).To);
        leader.Pass(60 * RaftNode.Ms);
        leader.Take<Heartbeat>();
        leader.Receive(3, new HeartbeatReply(1, nonVoter: false, 1));
        Assert.Equal((new ReplicaId(3), 1L), (leader.Sent[^1].To, ((AppendRequest)leader.Sent[^1].Message).PrevIndex));
    }

    private static string Commands(IReadOnlyList<EntryBatch> batches)
    {
        var commands = new List<string>();
        foreach (EntryBatch batch in batches)
        {
            foreach (ReadOnlyMemory<byte> payload in batch)
                commands.Add(System.Text.Encoding.UTF8.GetString(payload.Span));
        }

        return string.Join(",", commands);
    }

    /// <summary>Passes messages between a leader and follower 2 until both are quiet; returns how many appends were refused.</summary>
    private static int Exchange(RaftNode leader, RaftNode follower)
    {
        leader.Sent.Clear();
        leader.Pass(60 * RaftNode.Ms);
        leader.Receive(2, new HeartbeatReply(leader.Status.Term, false, 1));
        int refused = 0;
        for (bool busy = true; busy;)
        {
            List<(ReplicaId To, PeerMessage Message)> out1 = [.. leader.Sent.Where(sent => sent.To == follower.Id)];
            leader.Sent.Clear();
            foreach ((_, PeerMessage message) in out1)
                follower.Receive(leader.Id.Value, message);
            List<(ReplicaId To, PeerMessage Message)> out2 = [.. follower.Sent];
            follower.Sent.Clear();
            foreach ((_, PeerMessage message) in out2)
            {
                refused += message is AppendReply { Success: false } ? 1 : 0;
                leader.Receive(follower.Id.Value, message);
            }

            busy = out1.Count + out2.Count > 0;
        }

        return refused;
    }
}
