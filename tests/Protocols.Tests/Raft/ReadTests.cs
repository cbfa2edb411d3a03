using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Linearizable reads: section 8 of the paper, thesis 6.4.</summary>
public class ReadTests
{
    private static RaftNode Leader(int of = 3)
    {
        RaftNode leader = new RaftNode(1, of).Start().Elect([.. Enumerable.Range(2, of / 2)]);
        for (int id = 2; id <= of; id++)
            leader.Acknowledge(id, 1);
        leader.Sent.Clear();
        return leader;
    }

    private static long Round(RaftNode leader) => leader.Take<Heartbeat>()[0].Message.Round;

    private static void Answer(RaftNode leader, int from, long round) => leader.Receive(from, new HeartbeatReply(leader.Status.Term, false, round));

    [Fact]
    public void A_leader_must_exchange_heartbeats_with_a_majority_before_it_responds_to_read_only_requests()
    {
        RaftNode leader = Leader(of: 5);
        long read = leader.Read();
        long round = Round(leader);
        Answer(leader, 2, round);
        Answer(leader, 2, round);
        Assert.Empty(leader.Served);
        Answer(leader, 3, round);
        Assert.Equal([read], leader.Served);
    }

    [Fact]
    public void An_answer_to_an_earlier_round_says_nothing_about_a_later_read()
    {
        RaftNode leader = Leader();
        leader.Pass(RaftOptions.Default.HeartbeatMicros);
        long earlier = Round(leader);
        leader.Read();
        Answer(leader, 2, earlier);
        Assert.Empty(leader.Served);
        Answer(leader, 2, Round(leader));
        Assert.Single(leader.Served);
    }

    [Fact]
    public void A_later_round_confirms_the_reads_of_one_whose_messages_were_lost()
    {
        RaftNode leader = Leader();
        leader.Read();
        leader.Sent.Clear();
        leader.Pass(RaftOptions.Default.HeartbeatMicros);
        Answer(leader, 3, Round(leader));
        Assert.Single(leader.Served);
    }

    [Fact]
    public void Reads_that_wait_together_share_a_round_and_those_that_come_meanwhile_the_next()
    {
        RaftNode leader = Leader();
        long first = leader.Read();
        long round = Round(leader);
        long second = leader.Read(), third = leader.Read();
        Assert.Empty(leader.Take<Heartbeat>());

        Answer(leader, 2, round);
        Assert.Equal([first], leader.Served);
        Assert.Equal(2, leader.Sent.Count(sent => sent.Message is Heartbeat));
        Answer(leader, 2, Round(leader));
        Assert.Equal([first, second, third], leader.Served);
    }

    [Fact]
    public void A_leader_must_have_the_latest_information_on_which_entries_are_committed_a_no_op_at_the_start_of_its_term()
    {
        RaftNode leader = new RaftNode(1, 3, recovered: Given.Log(3, 1, 3)).Start().Elect(2);
        leader.Sent.Clear();
        long read = leader.Read();
        leader.Pass(RaftOptions.Default.HeartbeatMicros);
        Answer(leader, 2, Round(leader));
        Assert.Empty(leader.Served);

        leader.Acknowledge(2, 3);
        Answer(leader, 2, Round(leader));
        Assert.Equal([read], leader.Served);
        Assert.Equal(3, leader.Applied.Count);
    }

    [Fact]
    public void A_read_waits_until_the_machine_has_applied_what_was_committed_when_it_left()
    {
        RaftNode leader = Leader();
        leader.MachineWorks = false;
        leader.Command("a");
        leader.Acknowledge(2, 2);
        leader.Sent.Clear();
        long read = leader.Read();
        Answer(leader, 2, Round(leader));
        Assert.Empty(leader.Served);
        leader.Step(new Input.Applied(2));
        Assert.Equal([read], leader.Served);
    }

    [Fact]
    public void An_answer_to_a_heartbeat_of_an_earlier_term_confirms_no_round_of_this_one()
    {
        RaftNode follower = new RaftNode(2, 3).Start();
        follower.Receive(1, new Heartbeat(4, 0, 7));
        follower.Sent.Clear();
        follower.Receive(1, new Heartbeat(3, 0, 500));
        HeartbeatReply reply = follower.TakeOne<HeartbeatReply>();
        Assert.Equal((4, 0), (reply.Term, reply.Round));
    }

    [Fact]
    public void With_one_voter_a_read_is_served_at_once()
    {
        RaftNode leader = new RaftNode(1, 1).Start();
        long read = leader.Read();
        Assert.Equal([read], leader.Served);
    }

    [Fact]
    public void A_deposed_leader_that_does_not_know_it_serves_no_read()
    {
        var cluster = new RaftCluster(3);
        RaftNode old = cluster.ElectLeader();
        cluster.Isolate(old.Id.Value);
        old.Read();
        cluster.Run(200 * RaftNode.Ms);
        old.Now = cluster.Now;
        old.Read();
        cluster.Run(5 * Instant.Second);
        Assert.Empty(old.Served);
        Assert.Equal(2, old.Rejections.Count);
    }

    [Fact]
    public void A_disk_that_hangs_does_not_hold_up_reads()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        cluster.Run(100 * RaftNode.Ms);
        foreach (RaftNode node in cluster.Nodes)
            node.DiskWorks = false;
        leader.Command("waits");
        long read = leader.Read();
        cluster.Settle();
        Assert.Equal([read], leader.Served);
    }
}
