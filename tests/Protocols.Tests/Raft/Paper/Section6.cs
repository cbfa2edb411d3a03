using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>Section 6, cluster membership changes: what <see cref="ChangeRuleTests"/> and <see cref="ChangeTests"/> do not say yet.</summary>
public class Section6
{
    private static RaftConfiguration Old => new(Desk.Ids(1, 2, 3));

    /// <summary>1, 2 and 3 are to become 3, 4 and 5; the leader is 1 and has the joint configuration in its log.</summary>
    private static RaftNode JointLeader()
    {
        RaftConfiguration stage = Old.Toward(new Membership(Desk.Ids(1, 2, 3), Desk.Ids(4, 5)), []);
        EntryBatch[] log = [Desk.Entry(1, 1, stage), Desk.Entry(2, 1, stage.Toward(Desk.Voters(3, 4, 5), []))];
        RaftNode node = new RaftNode(1, 3, recovered: Given.Log(1) with { Log = log }).Start();
        node.Pass(Desk.MaxTimeout);
        foreach (bool pre in (bool[])[true, false])
        {
            foreach (int voter in (int[])[2, 3, 4])
                node.Receive(voter, new VoteReply(2, granted: true, pre));
        }

        Assert.True(node.IsLeader);
        return node;
    }

    [Fact]
    public void Log_entries_are_replicated_to_all_servers_in_both_configurations()
    {
        RaftNode leader = JointLeader();
        Assert.Equal(Desk.Ids(2, 3, 4, 5), leader.Take<AppendRequest>().Select(sent => sent.To).Distinct().OrderBy(id => id.Value));
    }

    [Fact]
    public void Agreement_for_entry_commitment_requires_separate_majorities_from_both_the_old_and_new_configurations()
    {
        RaftNode leader = JointLeader();
        leader.Acknowledge(4, 3);
        leader.Acknowledge(5, 3);
        Assert.Equal(0, leader.Status.CommitIndex);
        leader.Acknowledge(2, 3);
        Assert.Equal(3, leader.Status.CommitIndex);
    }

    [Theory]
    [InlineData(2, 3, 5)]
    [InlineData(4, 5, 2)]
    public void Agreement_for_elections_requires_separate_majorities_from_both_the_old_and_new_configurations(int first, int second, int deciding)
    {
        RaftConfiguration joint = new RaftConfiguration(new Membership(Desk.Ids(1, 2, 3), Desk.Ids(4, 5))).Toward(Desk.Voters(3, 4, 5), []);
        RaftNode node = new RaftNode(1, 3, recovered: Given.Log(1) with { Log = [Desk.Entry(1, 1, joint)] }).Start();
        node.Pass(Desk.MaxTimeout);
        foreach (int voter in (int[])[2, 3, 4, 5])
            node.Receive(voter, new VoteReply(2, granted: true, pre: true));
        node.Receive(first, new VoteReply(2, granted: true, pre: false));
        node.Receive(second, new VoteReply(2, granted: true, pre: false));
        Assert.Equal(("candidate", 2L), (node.Status.Role, node.Status.Term));
        node.Receive(deciding, new VoteReply(2, granted: true, pre: false));
        Assert.True(node.IsLeader);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    public void Any_server_from_either_configuration_may_serve_as_leader(int id)
    {
        RaftConfiguration joint = new RaftConfiguration(new Membership(Desk.Ids(1, 2, 3), Desk.Ids(4, 5))).Toward(Desk.Voters(3, 4, 5), []);
        RaftNode node = new RaftNode(id, 3, recovered: Given.Log(1) with { Log = [Desk.Entry(1, 1, joint)] }).Start();
        node.Pass(Desk.MaxTimeout);
        foreach (bool pre in (bool[])[true, false])
        {
            foreach (int voter in Enumerable.Range(1, 5).Where(voter => voter != id))
                node.Receive(voter, new VoteReply(2, granted: true, pre));
        }

        Assert.True(node.IsLeader);
    }

    [Fact]
    public void Once_a_given_server_adds_the_new_configuration_entry_to_its_log_it_uses_that_configuration_for_all_future_decisions()
    {
        RaftNode leader = Desk.LeaderInStep();
        leader.Change(Desk.Voters(1, 2));
        leader.Acknowledge(2, 2);
        Assert.Equal(["n1,n2 from n1,n2,n3", "n1,n2"], Desk.Configurations(leader));
        // The last of them is in force before it is committed: 3 is one of no majority any more.
        leader.Acknowledge(3, 3);
        Assert.Equal(2, leader.Status.CommitIndex);
        leader.Acknowledge(2, 3);
        Assert.Equal(3, leader.Status.CommitIndex);
    }

    [Fact]
    public void New_servers_join_as_non_voting_members_and_the_leader_replicates_to_them_but_they_are_not_considered_for_majorities()
    {
        RaftNode leader = Desk.LeaderInStep();
        leader.Change(Desk.Voters(1, 2, 3, 4, 5));
        leader.Pass(1);
        Assert.Superset(Desk.Ids(4, 5).ToHashSet(), leader.Take<AppendRequest>().Select(sent => sent.To).ToHashSet());
        Assert.Equal(Desk.Ids(4, 5), leader.Status.Members!.Learners);
        leader.Acknowledge(4, 2);
        leader.Acknowledge(5, 2);
        Assert.Equal(1, leader.Status.CommitIndex);
        leader.Acknowledge(2, 2);
        Assert.Equal(2, leader.Status.CommitIndex);
    }

    /// <summary>While it commits the configuration without itself, a leader leads a group that it is no part of.</summary>
    [Fact]
    public void The_leader_is_managing_a_cluster_that_does_not_include_itself_it_replicates_log_entries_but_does_not_count_itself_in_majorities()
    {
        RaftNode leader = Desk.LeaderInStep();
        leader.Change(Desk.Voters(2, 3));
        leader.Acknowledge(2, 2);
        leader.Acknowledge(3, 2);
        Assert.Equal("n2,n3", Desk.Configurations(leader)[^1]);
        Assert.True(leader.IsLeader);
        leader.Acknowledge(2, 3);
        Assert.Equal(2, leader.Status.CommitIndex);
        leader.Acknowledge(3, 3);
        Assert.Equal(3, leader.Status.CommitIndex);
    }

    [Fact]
    public void The_leader_steps_down_once_it_has_committed_the_new_configuration_entry_without_it()
    {
        var cluster = new RaftCluster(3);
        RaftNode old = cluster.ElectLeader();
        int[] stay = [.. Enumerable.Range(1, 3).Where(id => id != old.Id.Value)];
        Assert.Equal("", cluster.Change(Desk.Voters(stay)));
        cluster.Run(3 * Instant.Second);
        Assert.NotEqual(old.Id, cluster.Leader!.Id);
        Assert.NotEqual("leader", old.Status.Role);
        Assert.False(old.Status.Voter);
    }

    [Fact]
    public void Removed_servers_do_not_disrupt_the_cluster_with_request_vote_rpcs_of_new_terms()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        RaftNode removed = cluster.Nodes.First(node => node.Id != leader.Id);
        cluster.Isolate(removed.Id.Value);
        long term = leader.Status.Term;
        Assert.Equal("", cluster.Change(Desk.Voters([.. Enumerable.Range(1, 3).Where(id => id != removed.Id.Value)])));
        cluster.Run(10 * Instant.Second);
        cluster.Heal();
        cluster.Run(10 * Instant.Second);
        Assert.True(leader.IsLeader);
        Assert.Equal(term, leader.Status.Term);
    }
}
