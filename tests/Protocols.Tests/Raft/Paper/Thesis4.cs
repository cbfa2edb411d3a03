using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>Ongaro's thesis, chapter 4 with its figures: what <see cref="ChangeRuleTests"/> and <see cref="ChangeTests"/> do not say yet.</summary>
public class Thesis4
{
    // 4.1: "Servers process incoming RPC requests without consulting their current configurations."
    [Fact]
    public void A_server_accepts_append_entries_requests_from_a_leader_that_is_not_part_of_the_servers_latest_configuration()
    {
        RaftNode server = Desk.Follower();
        server.Receive(9, Given.Append(1, 0, 0, 1, 1));
        Assert.True(server.TakeOne<AppendReply>().Success);
        Assert.Equal(("1@1", new ReplicaId(9)), (server.Applied[0].Command, server.Status.Leader));
    }

    [Fact]
    public void A_server_grants_its_vote_to_a_candidate_that_is_not_part_of_the_servers_latest_configuration()
    {
        RaftNode server = Desk.Follower();
        server.Receive(9, Given.Vote(1));
        Assert.True(server.TakeOne<VoteReply>().Granted);
    }

    // 4.1: "A server always uses the latest configuration in its log, regardless of whether the entry is committed", also as it starts.
    [Fact]
    public void The_new_configuration_takes_effect_on_each_server_as_soon_as_it_is_added_to_that_servers_log()
    {
        RaftNode follower = Desk.Follower();
        follower.Receive(2, new AppendRequest(1, 0, 0, 0, [Desk.Entry(1, 1, new RaftConfiguration(Desk.Ids(1, 2, 3, 4, 5)))]));
        Assert.Equal(0, follower.Status.CommitIndex);
        follower.Sent.Clear();
        follower.Pass(Desk.MaxTimeout);
        Assert.Equal(Desk.Ids(2, 3, 4, 5), follower.Take<VoteRequest>().Select(sent => sent.To));
    }

    // Figure 4.3: with one server more or less the majorities of old and new overlap. Here they need not: 4.3 is used for every change.
    [Theory]
    [InlineData("1 2 3 4", "1 2 3 4 5")]
    [InlineData("1 2 3", "1 2 3 4")]
    [InlineData("1 2 3 4 5", "1 2 3 4")]
    [InlineData("1 2 3 4", "1 2 3")]
    public void Figure_4_3_any_majority_of_the_old_cluster_overlaps_with_any_majority_of_the_new_cluster(string before, string after)
    {
        var old = new RaftConfiguration(Given.Terms(before).Select(id => new ReplicaId((int)id)));
        var next = new RaftConfiguration(Given.Terms(after).Select(id => new ReplicaId((int)id)));
        RaftConfiguration joint = old.Toward(next.Membership, []);
        foreach (int one in Enumerable.Range(0, 32).Where(set => old.HasQuorum(id => Has(set, id))))
        {
            foreach (int other in Enumerable.Range(0, 32).Where(set => next.HasQuorum(id => Has(set, id))))
                Assert.NotEqual(0, one & other);
        }

        Assert.All(Enumerable.Range(0, 32), set => Assert.Equal(old.HasQuorum(id => Has(set, id)) && next.HasQuorum(id => Has(set, id)), joint.HasQuorum(id => Has(set, id))));
    }

    // Figure 4.4: servers that are added with empty logs must not stop commits while they catch up.
    [Fact]
    public void Figure_4_4_adding_servers_with_empty_logs_does_not_put_availability_at_risk()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        cluster.Kill(cluster.Nodes.First(node => node.Id != leader.Id).Id.Value);
        leader.Change(Desk.Voters(1, 2, 3, 4, 5, 6));
        cluster.Run(50 * RaftNode.Ms);
        long id = leader.Command("x");
        cluster.Settle();
        Assert.Equal("x", leader.Replies[id]);
    }

    // Figure 4.5: each round replicates what the log had when it began.
    [Fact]
    public void Figure_4_5_replication_to_the_new_server_is_split_into_rounds_and_the_last_must_be_shorter_than_an_election_timeout()
    {
        RaftNode leader = Desk.LeaderInStep();
        leader.Change(Desk.Voters(1, 2, 3, 4));
        leader.Acknowledge(2, 2);
        for (int round = 0; round < 3; round++)
        {
            Hold(leader, Desk.MinTimeout + RaftNode.Ms);
            long end = leader.Status.LastIndex;
            leader.Command($"c{round}");
            leader.Acknowledge(2, end + 1);
            leader.Acknowledge(4, end);
            Assert.Equal(Desk.Ids(1, 2, 3), leader.Status.Members!.Voters);
        }

        Hold(leader, 10 * RaftNode.Ms);
        leader.Acknowledge(4, leader.Status.LastIndex);
        Assert.Equal(Desk.Ids(1, 2, 3, 4), leader.Status.Members!.Voters);
    }

    [Fact]
    public void The_algorithm_waits_a_fixed_number_of_rounds_such_as_10_and_then_the_leader_aborts_the_change()
    {
        RaftNode leader = Desk.LeaderInStep();
        long change = leader.Change(Desk.Voters(1, 2, 3, 4), leader.Now + 100 * Instant.Second);
        leader.Acknowledge(2, 2);
        for (int round = 0; round < 12 && !leader.Rejections.ContainsKey(change); round++)
        {
            Hold(leader, Desk.MinTimeout + RaftNode.Ms);
            long end = leader.Status.LastIndex;
            leader.Command($"c{round}");
            leader.Acknowledge(2, end + 1);
            leader.Acknowledge(4, end);
        }

        Assert.True(leader.Rejections[change] is { Reason: RejectReason.NoQuorum, OutcomeUnknown: false });
        Assert.Equal(Desk.Ids(1, 2, 3), leader.Status.Members!.Voters);
    }

    // Figure 4.6: S1 leads {S1, S2} and goes; until its successor has the new entry, only S1 may be electable.
    [Fact]
    public void Figure_4_6_until_the_new_entry_is_committed_a_server_that_is_not_part_of_its_own_latest_configuration_can_still_be_needed_and_win()
    {
        RaftConfiguration joint = new RaftConfiguration(Desk.Ids(1, 2)).Toward(Desk.Voters(2), []);
        EntryBatch[] log = [Given.Batch(1, 1), Desk.Entry(2, 1, joint), Desk.Entry(3, 1, joint.Alone())];
        RaftNode first = new RaftNode(1, 2, recovered: Given.Log(1) with { Log = log }).Start();
        first.Pass(Desk.MaxTimeout);
        Assert.Equal(Desk.Ids(2), first.Take<VoteRequest>().Select(sent => sent.To).Distinct());
        first.Receive(2, new VoteReply(2, granted: true, pre: true));
        first.Receive(2, new VoteReply(2, granted: true, pre: false));
        Assert.True(first.IsLeader);
    }

    // Figure 4.7: a server that is to go hears no heartbeats any more, and its log is as long as the others.
    [Fact]
    public void Figure_4_7_a_server_that_is_being_removed_cannot_depose_the_leader_by_timing_out_before_the_new_entry_is_committed()
    {
        var cluster = new RaftCluster(4);
        RaftNode leader = cluster.ElectLeader();
        RaftNode leaving = cluster.Nodes.First(node => node.Id != leader.Id);
        // The leaving one hears nothing more, and is heard: its log is as up to date as the others'.
        foreach (RaftNode node in cluster.Nodes.Where(node => node.Id != leaving.Id))
            cluster.Cut(node.Id.Value, leaving.Id.Value);
        long term = leader.Status.Term;
        cluster.Run(3 * Instant.Second);
        leaving.Sent.Clear();
        foreach (RaftNode node in cluster.Nodes.Where(node => node.Id != leaving.Id))
            node.Receive(leaving.Id.Value, Given.Vote(term + 1, leader.Status.LastIndex, term));
        cluster.Run(Instant.Second);
        Assert.True(leader.IsLeader);
        Assert.Equal(term, leader.Status.Term);
        long change = leader.Change(Desk.Voters([.. Enumerable.Range(1, 4).Where(id => id != leaving.Id.Value)]));
        cluster.Until(() => leader.Replies.ContainsKey(change));
        Assert.Equal(term, leader.Status.Term);
    }

    // Figure 4.8: C-old alone, then C-old and C-new together, then C-new alone; no moment at which each could decide alone.
    [Fact]
    public void Figure_4_8_there_is_no_point_in_time_in_which_the_old_and_the_new_configuration_can_both_make_unilateral_decisions()
    {
        RaftNode leader = Desk.LeaderInStep();
        leader.Change(Desk.Voters(1, 4, 5));
        leader.Acknowledge(2, 2);
        leader.Acknowledge(4, 2);
        leader.Acknowledge(5, 2);
        Assert.Equal("n1,n4,n5 from n1,n2,n3", Desk.Configurations(leader)[^1]);
        // The joint entry is at index 3: neither the old ones nor the new ones commit it by themselves.
        leader.Acknowledge(4, 3);
        leader.Acknowledge(5, 3);
        Assert.Equal(2, leader.Status.CommitIndex);
        leader.Acknowledge(2, 3);
        Assert.Equal(3, leader.Status.CommitIndex);
        Assert.Equal("n1,n4,n5", Desk.Configurations(leader)[^1]);
        // And the new entry needs the new ones alone.
        leader.Acknowledge(4, 4);
        Assert.Equal(4, leader.Status.CommitIndex);
    }

    private static bool Has(int set, ReplicaId id) => (set >> (id.Value - 1) & 1) != 0;

    /// <summary>Time passes in which the followers answer.</summary>
    private static void Hold(RaftNode leader, long micros)
    {
        for (long end = leader.Now + micros; leader.Now < end;)
        {
            leader.Pass(Math.Min(10 * RaftNode.Ms, end - leader.Now));
            foreach (int follower in (int[])[2, 3, 4])
                leader.Receive(follower, new HeartbeatReply(leader.Status.Term, nonVoter: false, 0));
        }
    }
}
