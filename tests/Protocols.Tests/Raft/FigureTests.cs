using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Figures 7 and 8 of the paper.</summary>
public class FigureTests
{
    private static readonly long[] LeaderLog = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];

    /// <summary>Figure 7: "When the leader at the top comes to power, it is possible that any of scenarios (a–f) could occur in follower logs."</summary>
    [Theory]
    [InlineData("a", "1 1 1 4 4 5 5 6 6")]
    [InlineData("b", "1 1 1 4")]
    [InlineData("c", "1 1 1 4 4 5 5 6 6 6 6")]
    [InlineData("d", "1 1 1 4 4 5 5 6 6 6 7 7")]
    [InlineData("e", "1 1 1 4 4 4 4")]
    [InlineData("f", "1 1 1 2 2 2 3 3 3 3 3")]
    public void Figure_7_the_leader_brings_each_follower_log_to_its_own(string scenario, string followerLog)
    {
        // The leader and one more have the leader's log; two followers have the scenario's.
        var cluster = new RaftCluster(4, recovered: id => Given.Log(7, id <= 2 ? LeaderLog : Given.Terms(followerLog)));
        RaftNode leader = ElectFirst(cluster, scenario);
        cluster.Run(Instant.Second);

        Assert.Equal([.. LeaderLog, leader.Status.Term], leader.Terms);
        Assert.All(cluster.Nodes, node => Assert.Equal(leader.Terms, node.Terms));
        Assert.All(cluster.Nodes, node => Assert.Equal(leader.Applied, node.Applied));
    }

    // In scenario d the followers would not vote for the leader: in the figure its votes came from others.
    private static RaftNode ElectFirst(RaftCluster cluster, string scenario)
    {
        RaftNode leader = cluster[1];
        leader.Pass(RaftOptions.Default.ElectionMaxMicros);
        leader.Sent.Clear();
        for (int voter = 2; voter <= 3; voter++)
            leader.Receive(voter, new VoteReply(8, granted: true, pre: true));
        for (int voter = 2; voter <= 3; voter++)
            leader.Receive(voter, new VoteReply(8, granted: true, pre: false));
        Assert.True(leader.IsLeader, $"scenario {scenario}");
        cluster.SkipTo(leader.Now);
        return leader;
    }

    /// <summary>
    /// Figure 8: S1 leads in term 2 and replicates index 2 to S2 only; S5 leads in term 3 with another entry there; S1 leads
    /// again in term 4 and replicates its old entry to a majority. It must not be committed: S5 can still overwrite it.
    /// </summary>
    [Fact]
    public void Figure_8_an_entry_of_an_old_term_on_a_majority_can_still_be_overwritten()
    {
        RaftNode s1 = new RaftNode(1, 5, recovered: Given.Log(3, 1, 2)).Start().Elect(2, 3);
        Assert.Equal(4, s1.Status.Term);
        s1.Acknowledge(2, 2);
        s1.Acknowledge(3, 2);

        // (c): three of five have the entry of term 2, and it is not committed.
        Assert.Equal(0, s1.Status.CommitIndex);
        Assert.Empty(s1.Applied);

        // (d): S5 wins with its entry of term 3, and S3 takes it in place of the old one.
        RaftNode s3 = new RaftNode(3, 5, recovered: Given.Log(4, 1, 2)).Start();
        s3.Receive(5, Given.Vote(5, 2, 3));
        Assert.True(s3.TakeOne<VoteReply>().Granted);
        s3.Receive(5, Given.Append(5, 1, 1, 0, 3));
        Assert.Equal([1L, 3], s3.Terms);
    }

    [Fact]
    public void Figure_8_e_once_an_entry_of_the_current_term_is_on_a_majority_all_before_it_are_committed_and_the_other_cannot_win()
    {
        RaftNode s1 = new RaftNode(1, 5, recovered: Given.Log(3, 1, 2)).Start().Elect(2, 3);
        s1.Acknowledge(2, 3);
        s1.Acknowledge(3, 3);
        Assert.Equal(3, s1.Status.CommitIndex);

        RaftNode s3 = new RaftNode(3, 5, recovered: Given.Log(4, 1, 2, 4)).Start();
        s3.Receive(5, Given.Vote(5, 2, 3));
        Assert.False(s3.TakeOne<VoteReply>().Granted);
    }
}
