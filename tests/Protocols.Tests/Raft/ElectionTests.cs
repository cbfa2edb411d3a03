using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Sections 5.1, 5.2 and 5.4.1 of the paper, sentence by sentence; thesis 4.2.3, 6.2 and 9.6.</summary>
public class ElectionTests
{
    private static readonly long MaxTimeout = RaftOptions.Default.ElectionMaxMicros;
    private static readonly long MinTimeout = RaftOptions.Default.ElectionMinMicros;

    private static RaftNode Node(int of = 3, long term = 0, params long[] log) => new RaftNode(1, of, recovered: Given.Log(term, log)).Start();

    [Fact]
    public void If_a_follower_receives_no_communication_over_an_election_timeout_it_asks_for_votes()
    {
        RaftNode node = Node();
        node.Pass(MinTimeout - 1);
        Assert.Empty(node.Sent);

        node.Pass(MaxTimeout - MinTimeout + 1);

        List<(ReplicaId To, VoteRequest Message)> asked = node.Take<VoteRequest>();
        Assert.Equal([new ReplicaId(2), new ReplicaId(3)], asked.Select(sent => sent.To));
        Assert.All(asked, sent => Assert.True(sent.Message is { Pre: true, Term: 1 }));
        Assert.Equal(0, node.Status.Term);
    }

    [Fact]
    public void To_begin_an_election_a_follower_increments_its_current_term_votes_for_itself_and_requests_votes_in_parallel()
    {
        RaftNode node = Node(of: 3, term: 4, 1, 4);
        node.Pass(MaxTimeout);
        node.Receive(2, new VoteReply(5, granted: true, pre: true));

        Assert.Equal(("candidate", 5L), (node.Status.Role, node.Status.Term));
        Assert.Equal(new HardState(5, node.Id, false), HardState.Decode(node.Recover().HardState));
        List<(ReplicaId, VoteRequest Message)> requests = node.Take<VoteRequest>().Where(sent => !sent.Message.Pre).ToList();
        Assert.Equal(2, requests.Count);
        Assert.All(requests, sent => Assert.True(sent.Message is { Term: 5, LastIndex: 2, LastTerm: 4 }));
    }

    [Fact]
    public void A_candidate_asks_for_votes_and_counts_its_own_only_once_its_vote_is_on_disk()
    {
        RaftNode node = Node();
        node.DiskWorks = false;
        node.Pass(MaxTimeout);
        node.Receive(2, new VoteReply(1, granted: true, pre: true));
        Assert.DoesNotContain(node.Take<VoteRequest>(), sent => !sent.Message.Pre);
        node.Receive(2, new VoteReply(1, granted: true, pre: false));
        Assert.Equal("candidate", node.Status.Role);

        node.MakeDurable();

        Assert.Equal("leader", node.Status.Role);
        Assert.Contains(node.Sent, sent => sent.Message is VoteRequest { Pre: false });
    }

    [Fact]
    public void A_candidate_wins_an_election_if_it_receives_votes_from_a_majority_for_the_same_term()
    {
        RaftNode node = Node(of: 5);
        node.Pass(MaxTimeout);
        node.Receive(2, new VoteReply(1, granted: true, pre: true));
        node.Receive(2, new VoteReply(1, granted: true, pre: true));
        Assert.Equal(0, node.Status.Term);
        node.Receive(3, new VoteReply(1, granted: true, pre: true));
        Assert.Equal(1, node.Status.Term);

        node.Receive(2, new VoteReply(1, granted: true, pre: false));
        node.Receive(2, new VoteReply(1, granted: true, pre: false));
        node.Receive(3, new VoteReply(1, granted: false, pre: false));
        node.Receive(4, new VoteReply(0, granted: true, pre: false));
        Assert.Equal("candidate", node.Status.Role);
        node.Receive(5, new VoteReply(1, granted: true, pre: false));

        Assert.Equal("leader", node.Status.Role);
    }

    [Fact]
    public void Each_server_will_vote_for_at_most_one_candidate_in_a_given_term_on_a_first_come_first_served_basis()
    {
        RaftNode node = Node();
        node.Receive(2, Given.Vote(1));
        Assert.True(node.TakeOne<VoteReply>().Granted);
        node.Receive(3, Given.Vote(1));
        Assert.False(node.TakeOne<VoteReply>().Granted);
        node.Receive(2, Given.Vote(1));
        Assert.True(node.TakeOne<VoteReply>().Granted);
    }

    [Fact]
    public void A_vote_is_remembered_by_a_replica_that_starts_again()
    {
        RaftNode node = Node();
        node.Receive(2, Given.Vote(1));
        RaftNode again = new RaftNode(1, 3, recovered: node.Recover()).Start();

        again.Receive(3, Given.Vote(1));
        Assert.False(again.TakeOne<VoteReply>().Granted);
        again.Receive(2, Given.Vote(1));
        Assert.True(again.TakeOne<VoteReply>().Granted);
    }

    [Fact]
    public void A_vote_leaves_only_once_it_is_on_disk()
    {
        RaftNode node = Node();
        node.DiskWorks = false;
        node.Receive(2, Given.Vote(1));
        Assert.Empty(node.Sent);
        node.MakeDurable();
        Assert.True(node.TakeOne<VoteReply>().Granted);
    }

    [Fact]
    public void If_the_leaders_term_is_at_least_as_large_as_the_candidates_it_returns_to_follower_state()
    {
        RaftNode node = Node();
        node.Pass(MaxTimeout);
        node.Receive(2, new VoteReply(1, granted: true, pre: true));
        Assert.Equal("candidate", node.Status.Role);

        node.Receive(3, new Heartbeat(1, 0, 1));

        Assert.Equal(("follower", new ReplicaId(3)), (node.Status.Role, node.Status.Leader));
    }

    [Fact]
    public void If_the_term_in_the_rpc_is_smaller_the_candidate_rejects_it_and_continues_in_candidate_state()
    {
        RaftNode node = Node(of: 3, term: 4);
        node.Pass(MaxTimeout);
        node.Receive(2, new VoteReply(5, granted: true, pre: true));
        node.Sent.Clear();

        node.Receive(3, Given.Append(4, 0, 0, 0));

        Assert.True(node.TakeOne<AppendReply>() is { Success: false, Term: 5 });
        Assert.Equal("candidate", node.Status.Role);
    }

    [Fact]
    public void If_votes_are_split_each_candidate_times_out_and_starts_a_new_election()
    {
        RaftNode node = Node();
        node.Pass(MaxTimeout);
        node.Receive(2, new VoteReply(1, granted: true, pre: true));
        node.Sent.Clear();
        node.Pass(MaxTimeout);
        Assert.All(node.Take<VoteRequest>(), sent => Assert.True(sent.Message is { Pre: true, Term: 2 }));
    }

    [Fact]
    public void A_candidate_that_learns_that_votes_were_split_does_not_wait_for_its_election_timeout()
    {
        RaftNode node = Node();
        node.Pass(MaxTimeout);
        node.Receive(2, new VoteReply(1, granted: true, pre: true));
        node.Sent.Clear();

        node.Receive(2, new VoteReply(1, granted: false, pre: false));
        node.Pass(RaftOptions.Default.HintDelayMicros);
        Assert.Empty(node.Sent); // The third may still grant its vote.

        node.Receive(3, new VoteReply(1, granted: false, pre: false));
        node.Pass(RaftOptions.Default.HintDelayMicros);
        Assert.Equal(2, node.Take<VoteRequest>().Count(sent => sent.Message is { Pre: true, Term: 2 }));
    }

    [Fact]
    public void A_vote_that_is_refused_while_the_rest_is_believed_down_splits_the_votes_too()
    {
        RaftNode node = Node();
        node.Receive(3, new Heartbeat(1, 0, 1));
        node.Step(new Input.PeerHint(new ReplicaId(3), Up: false));
        node.Pass(RaftOptions.Default.HintDelayMicros);
        node.Receive(2, new VoteReply(2, granted: true, pre: true));
        node.Receive(2, new VoteReply(2, granted: false, pre: false));
        node.Sent.Clear();
        node.Pass(RaftOptions.Default.HintDelayMicros);
        Assert.Equal(2, node.Take<VoteRequest>().Count(sent => sent.Message is { Pre: true, Term: 3 }));
    }

    [Fact]
    public void Election_timeouts_are_chosen_randomly_from_a_fixed_interval()
    {
        var timeouts = new HashSet<long>();
        for (ulong seed = 1; seed <= 20; seed++)
        {
            RaftNode node = new RaftNode(1, 3, seed: seed).Start();
            while (node.Sent.Count == 0)
                node.Pass(node.NextTimer!.Value - node.Now);
            timeouts.Add(node.Now);
        }

        Assert.All(timeouts, timeout => Assert.InRange(timeout, MinTimeout, MaxTimeout));
        Assert.True(timeouts.Count >= 18, $"{timeouts.Count} different timeouts of 20");
    }

    [Fact]
    public void If_a_candidate_or_leader_discovers_that_its_term_is_out_of_date_it_immediately_reverts_to_follower_state()
    {
        RaftNode leader = Node().Elect(2);
        leader.Receive(2, new HeartbeatReply(9, nonVoter: false, 1));
        Assert.Equal(("follower", 9L), (leader.Status.Role, leader.Status.Term));
        Assert.Equal(9, HardState.Decode(leader.Recover().HardState).Term);
    }

    [Fact]
    public void If_a_server_receives_a_request_with_a_stale_term_number_it_rejects_the_request()
    {
        RaftNode node = Node(of: 3, term: 7);
        node.Receive(2, Given.Vote(6));
        Assert.True(node.TakeOne<VoteReply>() is { Granted: false, Term: 7 });
        node.Receive(2, Given.Append(6, 0, 0, 0, 6));
        Assert.True(node.TakeOne<AppendReply>() is { Success: false, Term: 7 });
        node.Receive(2, new Heartbeat(6, 0, 3));
        Assert.Equal(7, node.TakeOne<HeartbeatReply>().Term);
        Assert.True(node.Status.Leader.IsNone);
    }

    [Theory]
    [InlineData(2, 3, true, "2 3")]
    [InlineData(9, 2, false, "2 3")]
    [InlineData(1, 4, true, "2 3")]
    [InlineData(4, 3, true, "2 3")]
    [InlineData(2, 3, false, "3 3 3")]
    public void The_voter_denies_its_vote_if_its_own_log_is_more_up_to_date_than_that_of_the_candidate(long lastIndex, long lastTerm, bool granted, string log)
    {
        foreach (VoteRequest request in (VoteRequest[])[Given.Vote(5, lastIndex, lastTerm), Given.PreVote(5, lastIndex, lastTerm)])
        {
            RaftNode node = Node(of: 3, term: 4, Given.Terms(log));
            node.Receive(2, request);
            Assert.Equal(granted, node.TakeOne<VoteReply>().Granted);
        }
    }

    [Fact]
    public void A_pre_vote_is_given_without_a_change_of_term_or_a_write()
    {
        RaftNode node = Node(of: 3, term: 4);
        int written = node.Written.Count;
        node.Receive(2, Given.PreVote(5));
        Assert.True(node.TakeOne<VoteReply>() is { Granted: true, Pre: true, Term: 5 });
        Assert.Equal((4L, written), (node.Status.Term, node.Written.Count));
    }

    [Fact]
    public void A_pre_vote_is_refused_for_a_term_that_is_not_new_and_the_candidate_learns_the_right_one()
    {
        RaftNode voter = Node(of: 3, term: 4);
        voter.Receive(2, Given.PreVote(4));
        VoteReply reply = voter.TakeOne<VoteReply>();
        Assert.True(reply is { Granted: false, Term: 4 });

        RaftNode behind = Node(of: 3, term: 3);
        behind.Pass(MaxTimeout);
        behind.Sent.Clear();
        behind.Receive(2, reply);
        Assert.Equal(4, behind.Status.Term);
        behind.Pass(RaftOptions.Default.HintDelayMicros);
        Assert.All(behind.Take<VoteRequest>(), sent => Assert.Equal(5, sent.Message.Term));
    }

    [Fact]
    public void If_a_server_receives_a_vote_request_within_the_minimum_election_timeout_of_hearing_from_a_leader_it_does_not_update_its_term_or_grant_its_vote()
    {
        RaftNode node = Node();
        node.Receive(3, new Heartbeat(1, 0, 1));
        node.Pass(MinTimeout - 1);
        node.Sent.Clear();
        node.Receive(2, Given.Vote(2));
        Assert.Empty(node.Sent);
        Assert.Equal(1, node.Status.Term);
        node.Receive(2, Given.PreVote(2));
        Assert.False(node.TakeOne<VoteReply>().Granted);

        node.Pass(1);
        node.Sent.Clear();
        node.Receive(2, Given.Vote(2));
        Assert.True(node.TakeOne<VoteReply>().Granted);
    }

    [Fact]
    public void A_leader_ignores_a_disturbing_candidate()
    {
        RaftNode leader = Node().Elect(2);
        leader.Sent.Clear();
        leader.Receive(3, Given.Vote(2, 99, 1));
        Assert.Equal(("leader", 1L), (leader.Status.Role, leader.Status.Term));
        Assert.Empty(leader.Take<VoteReply>());
    }

    [Fact]
    public void A_leader_that_does_not_hear_from_a_majority_for_an_election_timeout_steps_down()
    {
        RaftNode leader = Node().Elect(2);
        leader.Pass(MaxTimeout - 50 * RaftNode.Ms);
        Assert.Equal("leader", leader.Status.Role);
        leader.Receive(2, new HeartbeatReply(1, nonVoter: false, 1));
        leader.Pass(MaxTimeout - 50 * RaftNode.Ms);
        Assert.Equal("leader", leader.Status.Role);
        leader.Pass(100 * RaftNode.Ms);
        Assert.NotEqual("leader", leader.Status.Role);
        Assert.Equal(1, leader.Status.Term);
    }

    [Fact]
    public void A_hint_that_the_leader_is_down_brings_an_election_soon_and_frees_the_vote()
    {
        RaftNode node = Node();
        node.Receive(3, new Heartbeat(1, 0, 1));
        node.Sent.Clear();
        node.Step(new Input.PeerHint(new ReplicaId(2), Up: false));
        node.Receive(2, Given.PreVote(2));
        Assert.False(node.TakeOne<VoteReply>().Granted);

        node.Step(new Input.PeerHint(new ReplicaId(3), Up: false));
        node.Receive(2, Given.PreVote(2));
        Assert.True(node.TakeOne<VoteReply>().Granted);
        node.Pass(RaftOptions.Default.HintDelayMicros);
        Assert.Equal(2, node.Take<VoteRequest>().Count);
    }

    [Fact]
    public void A_heartbeat_after_a_wrong_hint_ends_the_matter()
    {
        RaftNode node = Node();
        node.Receive(3, new Heartbeat(1, 0, 1));
        node.Step(new Input.PeerHint(new ReplicaId(3), Up: false));
        node.Receive(3, new Heartbeat(1, 0, 2));
        node.Sent.Clear();
        node.Pass(MinTimeout - 1);
        Assert.Empty(node.Sent);
        Assert.Equal(new ReplicaId(3), node.Status.Leader);
    }

    [Fact]
    public void A_wrong_hint_at_one_follower_costs_the_leader_nothing()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        long term = leader.Status.Term;
        RaftNode misled = cluster.Nodes.First(node => node != leader);
        for (int i = 0; i < 10; i++)
        {
            misled.Step(new Input.PeerHint(leader.Id, Up: false));
            cluster.Run(60 * RaftNode.Ms);
        }

        cluster.Run(Instant.Second);
        Assert.Equal(("leader", term), (leader.Status.Role, leader.Status.Term));
        Assert.All(cluster.Nodes, node => Assert.Equal(leader.Id, node.Status.Leader));
    }

    [Fact]
    public void After_a_leader_died_and_all_were_told_the_next_one_is_there_within_two_hint_delays()
    {
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var cluster = new RaftCluster(3, seed: seed);
            RaftNode first = cluster.ElectLeader();
            cluster.Kill(first.Id.Value);
            foreach (RaftNode node in cluster.Running)
                node.Step(new Input.PeerHint(first.Id, Up: false));
            cluster.Run(2 * RaftOptions.Default.HintDelayMicros);
            Assert.True(cluster.Leader is not null, $"seed {seed}");
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public void Voters_that_were_told_at_the_same_moment_ask_one_after_the_other(int size)
    {
        var leader = new ReplicaId(size);
        long part = RaftOptions.Default.HintDelayMicros / (size - 1);
        for (ulong seed = 1; seed <= 100; seed++)
        {
            long[] asked = [.. Enumerable.Range(1, size - 1).Select(WhenAsked).Order()];
            Assert.All(asked.Zip(asked.Skip(1)), pair => Assert.True(pair.Second - pair.First >= part / 2 - RaftNode.Ms, $"seed {seed}: {string.Join(", ", asked)} µs"));
            Assert.True(asked[^1] <= RaftOptions.Default.HintDelayMicros, $"seed {seed}");

            long WhenAsked(int id)
            {
                RaftNode node = new RaftNode(id, size, seed: 1_000 * seed + (ulong)id).Start();
                node.Receive(size, new Heartbeat(1 + (long)seed, 0, 1));
                node.Sent.Clear();
                node.Step(new Input.PeerHint(leader, Up: false));
                long told = node.Now;
                while (!node.Sent.Any(sent => sent.Message is VoteRequest))
                    node.Pass(RaftNode.Ms / 10);
                return node.Now - told;
            }
        }
    }

    [Fact]
    public void A_replica_that_was_cut_off_does_not_disturb_the_group_when_it_returns()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        long term = leader.Status.Term;
        RaftNode cutOff = cluster.Nodes.First(node => node != leader);
        cluster.Isolate(cutOff.Id.Value);
        cluster.Run(10 * Instant.Second);
        Assert.Equal(term, cutOff.Status.Term);
        cluster.Heal();
        cluster.Run(Instant.Second);

        Assert.Equal(("leader", term), (leader.Status.Role, leader.Status.Term));
        Assert.Equal(leader.Id, cutOff.Status.Leader);
    }

    [Fact]
    public void A_candidate_stuck_in_a_later_term_is_freed_by_the_leader_stepping_down()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        leader.Command("a");
        cluster.Settle();
        RaftNode other = cluster.Nodes.First(node => node != leader);
        other.Receive(leader.Id.Value, new HeartbeatReply(leader.Status.Term + 5, nonVoter: false, 0));
        cluster.Run(2 * Instant.Second);

        RaftNode next = cluster.ElectLeader();
        Assert.True(next.Status.Term > leader.Status.Term || next.Status.Term >= 6);
        Assert.Contains(next.Applied, entry => entry.Command == "a");
    }

    [Fact]
    public void Heartbeats_do_not_arm_the_election_timer_again()
    {
        RaftNode node = Node();
        node.Receive(2, new Heartbeat(1, 0, 1));
        int armed = node.Seen.OfType<Effect.Arm>().Count();
        for (int round = 2; round < 20; round++)
        {
            node.Pass(10 * RaftNode.Ms);
            node.Receive(2, new Heartbeat(1, 0, round));
        }

        Assert.Equal(armed, node.Seen.OfType<Effect.Arm>().Count());
    }

    [Fact]
    public void A_timer_of_an_older_generation_is_ignored()
    {
        RaftNode node = Node();
        node.Now = 10 * MaxTimeout;
        Effect.Arm armed = node.Seen.OfType<Effect.Arm>().Last();
        node.Step(new Input.Timer(armed.Id, armed.Generation - 1));
        Assert.Empty(node.Sent);
        node.Step(new Input.Timer(armed.Id, armed.Generation));
        Assert.NotEmpty(node.Sent);
    }

    [Fact]
    public void A_replica_with_a_full_disk_does_not_campaign()
    {
        RaftNode node = Node();
        node.Step(new Input.Storage(StorageState.Full));
        node.Pass(3 * MaxTimeout);
        Assert.Empty(node.Sent);
        node.Step(new Input.Storage(StorageState.Healthy));
        node.Pass(MaxTimeout);
        Assert.NotEmpty(node.Take<VoteRequest>());
    }

    [Fact]
    public void A_disk_that_fills_up_between_pre_vote_and_vote_ends_the_candidacy()
    {
        RaftNode node = Node();
        node.Pass(MaxTimeout);
        node.Step(new Input.Storage(StorageState.Full));
        node.Receive(2, new VoteReply(1, granted: true, pre: true));
        Assert.Equal(0, node.Status.Term);

        node.Step(new Input.Storage(StorageState.Healthy));
        node.Pass(2 * MaxTimeout);
        node.Receive(2, new VoteReply(1, granted: true, pre: true));
        Assert.Equal(1, node.Status.Term);
    }

    [Fact]
    public void A_candidate_whose_vote_is_still_being_written_does_not_run_through_the_terms()
    {
        RaftNode node = Node();
        node.DiskWorks = false;
        node.Pass(MaxTimeout);
        node.Receive(2, new VoteReply(1, granted: true, pre: true));
        node.Pass(5 * MaxTimeout);
        Assert.Equal(("candidate", 1L), (node.Status.Role, node.Status.Term));
    }

    [Fact]
    public void A_single_replica_leads_as_soon_as_its_vote_is_on_disk()
    {
        RaftNode node = Node(of: 1);
        Assert.Equal("leader", node.Status.Role);
        long command = node.Command("a");
        Assert.Equal("a", node.Replies[command]);
    }

    // Thesis 4.1: "servers process incoming RPC requests without consulting their current configurations".
    [Fact]
    public void Requests_of_a_stranger_are_answered_and_its_answers_count_for_nothing()
    {
        RaftNode node = Node();
        node.Receive(9, Given.Vote(8));
        Assert.True(node.TakeOne<VoteReply>().Granted);
        node.Receive(9, new Heartbeat(8, 0, 1));
        Assert.Equal(8, node.TakeOne<HeartbeatReply>().Term);

        RaftNode candidate = Node();
        candidate.Pass(MaxTimeout);
        candidate.Receive(9, new VoteReply(1, granted: true, pre: true));
        Assert.Equal(("candidate", 0L), (candidate.Status.Role, candidate.Status.Term));
    }

    [Fact]
    public void Shards_that_are_founded_together_have_the_leaders_that_their_placement_says()
    {
        RaftOptions options = RaftOptions.Default with { FirstReplicaLeadsFirst = true };
        for (ulong seed = 1; seed <= 30; seed++)
        {
            var cluster = new RaftCluster(3, options, seed);
            Assert.Equal((new ReplicaId(1), 1L), (cluster.ElectLeader().Id, cluster.Leader!.Status.Term));
            Assert.True(cluster.Now <= MaxTimeout);
        }
    }

    [Fact]
    public void Another_leads_if_the_one_that_is_to_lead_first_does_not_come()
    {
        var cluster = new RaftCluster(3, RaftOptions.Default with { FirstReplicaLeadsFirst = true });
        cluster.Kill(1);
        cluster.Until(() => cluster.Leader is not null, 5 * MaxTimeout);
    }
}
