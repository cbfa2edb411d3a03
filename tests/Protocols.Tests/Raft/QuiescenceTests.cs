using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>A shard that nobody uses stops its timers, and everything that may need it starts them again.</summary>
public class QuiescenceTests
{
    private static readonly RaftOptions Options = RaftOptions.Default with { QuietAfterMicros = 500 * RaftNode.Ms };

    private static RaftCluster Quiet(int size = 3)
    {
        var cluster = new RaftCluster(size, Options);
        cluster.ElectLeader();
        cluster.Until(() => cluster.Nodes.All(node => node.Raft.IsQuiet));
        return cluster;
    }

    private static RaftNode Follower(RaftCluster cluster) => cluster.Nodes.First(node => !node.IsLeader);

    [Fact]
    public void A_shard_that_nobody_uses_has_no_timers_and_sends_nothing()
    {
        RaftCluster cluster = Quiet();
        Assert.All(cluster.Nodes, node => Assert.Null(node.NextTimer));
        long term = cluster.Leader!.Status.Term;
        Assert.Equal(3, cluster.Nodes.Count(node => node.Status.Leader == cluster.Leader!.Id && node.Status.Term == term));
    }

    [Fact]
    public void Nothing_goes_quiet_unless_the_host_allows_it()
    {
        var cluster = new RaftCluster(3);
        cluster.ElectLeader();
        cluster.Run(10 * Instant.Second);
        Assert.All(cluster.Nodes, node => Assert.False(node.Raft.IsQuiet));
    }

    [Fact]
    public void A_shard_that_is_used_now_and_then_stays_awake()
    {
        var cluster = new RaftCluster(3, Options);
        RaftNode leader = cluster.ElectLeader();
        for (int i = 0; i < 20; i++)
        {
            leader.Command("x");
            cluster.Run(400 * RaftNode.Ms);
            Assert.False(leader.Raft.IsQuiet);
        }
    }

    [Fact]
    public void A_write_wakes_all_and_is_committed_without_waiting_for_a_timer()
    {
        RaftCluster cluster = Quiet();
        long command = cluster.Leader!.Command("x");
        cluster.Settle();
        Assert.Contains(command, cluster.Leader!.Replies.Keys);
        Assert.All(cluster.Nodes, node => Assert.False(node.Raft.IsQuiet));
        cluster.Until(() => cluster.Nodes.All(node => node.Raft.IsQuiet && node.Applied.Count == 2));
    }

    [Fact]
    public void A_linearizable_read_of_a_quiet_leader_takes_a_round()
    {
        RaftCluster cluster = Quiet();
        RaftNode leader = cluster.Leader!;
        long read = leader.Read();
        Assert.DoesNotContain(read, leader.Served);
        cluster.Settle();
        Assert.Contains(read, leader.Served);
    }

    [Fact]
    public void A_stale_read_wakes_nobody()
    {
        RaftCluster cluster = Quiet();
        RaftNode follower = Follower(cluster);
        Assert.Contains(follower.Read(RequestKind.StaleRead), follower.Served);
        Assert.True(follower.Raft.IsQuiet);
    }

    [Fact]
    public void A_request_at_a_quiet_follower_wakes_it_and_its_leader()
    {
        RaftCluster cluster = Quiet();
        Follower(cluster).Command("x");
        cluster.Settle();
        Assert.All(cluster.Nodes, node => Assert.False(node.Raft.IsQuiet));
    }

    [Fact]
    public void When_the_leaders_node_is_down_its_followers_elect_another_at_once()
    {
        RaftCluster cluster = Quiet();
        ReplicaId dead = cluster.Leader!.Id;
        cluster.Kill(dead.Value);
        cluster.Run(10 * Instant.Second);
        Assert.Null(cluster.Leader);

        foreach (RaftNode node in cluster.Running)
            node.Step(new Input.PeerHint(dead, Up: false));
        cluster.Run(2 * Options.HintDelayMicros);
        Assert.NotNull(cluster.Leader);
        cluster.Until(() => cluster.Running.All(node => node.Raft.IsQuiet));
    }

    [Fact]
    public void When_the_leaders_node_is_silent_its_followers_ask_it_and_elect_another_only_if_it_does_not_answer()
    {
        RaftCluster cluster = Quiet();
        (ReplicaId leader, long term) = (cluster.Leader!.Id, cluster.Leader!.Status.Term);
        foreach (RaftNode node in cluster.Nodes.Where(node => !node.IsLeader))
            node.Step(new Input.PeerHint(leader, Up: false, OnlySilent: true));
        cluster.Run(3 * Instant.Second);
        Assert.Equal((leader, term), (cluster.Leader!.Id, cluster.Leader!.Status.Term));

        foreach (RaftNode node in cluster.Nodes)
            node.Step(new Input.PeerHint(leader, Up: true));
        cluster.Until(() => cluster.Nodes.All(node => node.Raft.IsQuiet));
        cluster.Kill(leader.Value);
        foreach (RaftNode node in cluster.Running)
            node.Step(new Input.PeerHint(leader, Up: false, OnlySilent: true));
        cluster.Run(2 * Options.ElectionMaxMicros);
        Assert.NotNull(cluster.Leader);
    }

    [Fact]
    public void A_wrong_hint_at_one_follower_changes_no_leader()
    {
        RaftCluster cluster = Quiet();
        (ReplicaId leader, long term) = (cluster.Leader!.Id, cluster.Leader!.Status.Term);
        RaftNode misled = Follower(cluster);
        misled.Step(new Input.PeerHint(leader, Up: false));
        cluster.Run(5 * Instant.Second);
        Assert.Equal((leader, term), (cluster.Leader!.Id, cluster.Leader!.Status.Term));
        Assert.False(misled.Raft.IsQuiet);

        misled.Step(new Input.PeerHint(leader, Up: true));
        cluster.Until(() => cluster.Nodes.All(node => node.Raft.IsQuiet));
        Assert.Equal(term, cluster.Leader!.Status.Term);
    }

    [Fact]
    public void A_leader_that_starts_again_unnoticed_is_replaced_or_elected_though_all_others_are_quiet()
    {
        RaftCluster cluster = Quiet();
        int former = cluster.Leader!.Id.Value;
        cluster.Kill(former);
        cluster.Restart(former);
        cluster.Until(() => cluster.Leader is not null, 2 * Instant.Second);
        cluster.Until(() => cluster.Nodes.All(node => node.Raft.IsQuiet));
    }

    [Fact]
    public void A_follower_that_starts_again_wakes_the_leader_and_is_heard_by_it()
    {
        RaftCluster cluster = Quiet();
        long term = cluster.Leader!.Status.Term;
        int restarted = Follower(cluster).Id.Value;
        cluster.Kill(restarted);
        cluster.Restart(restarted);
        cluster.Until(() => cluster[restarted].Raft.IsQuiet, 3 * Instant.Second);
        Assert.Equal(term, cluster.Leader!.Status.Term);
    }

    [Fact]
    public void A_shard_goes_quiet_without_a_member_that_is_down_and_brings_it_up_to_date_when_it_is_back()
    {
        RaftCluster cluster = Quiet();
        RaftNode leader = cluster.Leader!;
        RaftNode down = Follower(cluster);
        cluster.Isolate(down.Id.Value);
        leader.Step(new Input.PeerHint(down.Id, Up: false));
        Assert.True(leader.Raft.IsQuiet);
        leader.Command("x");
        cluster.Run(3 * Instant.Second);
        Assert.True(leader.Raft.IsQuiet);

        cluster.Heal();
        leader.Step(new Input.PeerHint(down.Id, Up: true));
        cluster.Until(() => cluster.Nodes.All(node => node.Raft.IsQuiet && node.Applied.Count == 2), 3 * Instant.Second);
    }

    [Fact]
    public void A_leader_stays_awake_for_a_member_that_is_behind_and_not_known_to_be_down()
    {
        RaftCluster cluster = Quiet();
        cluster.Isolate(Follower(cluster).Id.Value);
        cluster.Leader!.Command("x");
        cluster.Run(10 * Instant.Second);
        Assert.False(cluster.Leader!.Raft.IsQuiet);
    }

    [Fact]
    public void A_quiet_leader_that_can_no_longer_believe_in_a_quorum_wakes_and_steps_down()
    {
        RaftCluster cluster = Quiet();
        RaftNode leader = cluster.Leader!;
        cluster.Isolate(leader.Id.Value);
        foreach (RaftNode node in cluster.Nodes.Where(node => node != leader))
            leader.Step(new Input.PeerHint(node.Id, Up: false));
        cluster.Run(2 * Options.ElectionMaxMicros);
        Assert.NotEqual("leader", leader.Status.Role);
    }

    [Fact]
    public void A_follower_that_does_not_have_all_of_the_log_does_not_go_quiet()
    {
        RaftNode node = new RaftNode(1, 3, Options).Start();
        node.Receive(2, Given.Append(1, 0, 0, 2, 1, 1));
        node.Receive(2, new Quiesce(1, 3));
        Assert.False(node.Raft.IsQuiet);
        Assert.Contains(node.Sent, sent => sent.Message is Wake && sent.To == new ReplicaId(2));
        node.Receive(2, new Quiesce(1, 2));
        Assert.True(node.Raft.IsQuiet);
    }

    [Fact]
    public void A_follower_that_has_not_checked_its_log_with_this_leader_does_not_go_quiet()
    {
        RaftNode node = new RaftNode(1, 3, Options, Given.Log(1, 1, 1)).Start();
        node.Receive(2, new Quiesce(2, 2));
        Assert.False(node.Raft.IsQuiet);
    }

    [Fact]
    public void A_follower_that_believes_its_leader_down_does_not_go_quiet_on_its_word()
    {
        RaftNode node = new RaftNode(1, 3, Options).Start();
        node.Receive(2, Given.Append(1, 0, 0, 1, 1));
        node.Step(new Input.PeerHint(new ReplicaId(2), Up: false));
        node.Receive(2, new Quiesce(1, 1));
        Assert.False(node.Raft.IsQuiet);
    }

    [Fact]
    public void A_quiesce_of_a_term_that_is_over_is_answered_so_that_its_sender_learns_it()
    {
        RaftNode node = new RaftNode(1, 3, Options).Start();
        node.Receive(2, Given.Append(5, 0, 0, 1, 5));
        node.Receive(3, new Quiesce(4, 1));
        Assert.False(node.Raft.IsQuiet);
        Assert.Contains(node.Sent, sent => sent.Message is Wake { Term: 5 } && sent.To == new ReplicaId(3));
    }

    [Fact]
    public void A_quiet_follower_refuses_to_depose_a_leader_it_has_no_reason_to_doubt()
    {
        RaftCluster cluster = Quiet();
        RaftNode follower = Follower(cluster);
        int other = cluster.Nodes.Last(node => !node.IsLeader).Id.Value;
        long term = follower.Status.Term;
        follower.Receive(other, Given.PreVote(term + 1, follower.Status.LastIndex, term));
        Assert.Contains(follower.Sent, sent => sent.Message is VoteReply { Granted: false });
        Assert.Contains(follower.Sent, sent => sent.Message is Wake && sent.To == cluster.Leader!.Id);
    }

    [Fact]
    public void A_leader_that_asks_for_a_vote_itself_leads_no_more()
    {
        RaftCluster cluster = Quiet();
        RaftNode follower = Follower(cluster);
        long term = follower.Status.Term;
        follower.Receive(cluster.Leader!.Id.Value, Given.PreVote(term + 1, follower.Status.LastIndex, term));
        Assert.Contains(follower.Sent, sent => sent.Message is VoteReply { Granted: true, Pre: true });
    }

    [Fact]
    public void One_that_knows_no_leader_and_cannot_campaign_wakes_the_others()
    {
        RaftNode node = new RaftNode(1, 3, Options).Start();
        node.Step(new Input.Storage(StorageState.Full));
        node.Pass(Options.ElectionMaxMicros);
        Assert.Equal([new ReplicaId(2), new ReplicaId(3)], node.Take<Wake>().Select(sent => sent.To));
    }

    [Fact]
    public void A_late_answer_to_the_last_heartbeat_does_not_wake_the_leader()
    {
        RaftCluster cluster = Quiet();
        RaftNode leader = cluster.Leader!;
        leader.Receive(Follower(cluster).Id.Value, new HeartbeatReply(leader.Status.Term, nonVoter: false, 1, leader.Status.LastIndex));
        Assert.True(leader.Raft.IsQuiet);
        leader.Receive(Follower(cluster).Id.Value, new HeartbeatReply(leader.Status.Term, nonVoter: false, 1, 0));
        Assert.False(leader.Raft.IsQuiet);
    }

    [Fact]
    public void Handing_over_wakes_and_works()
    {
        RaftCluster cluster = Quiet();
        ReplicaId before = cluster.Leader!.Id;
        cluster.Leader!.Step(new Input.HandOver(ReplicaId.None));
        cluster.Until(() => cluster.Leader is { } leader && leader.Id != before, Instant.Second);
    }
}
