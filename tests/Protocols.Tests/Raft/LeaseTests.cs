using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Reads on a lease (thesis 6.4.1), and the promises of voters that it rests on.</summary>
public class LeaseTests
{
    private static readonly RaftOptions Leases = RaftOptions.Default with { LeaseReads = true, MaxClockDriftPpm = 10_000 };

    private static RaftNode Leader()
    {
        RaftNode leader = new RaftNode(1, 3, Leases).Start().Elect(2);
        leader.Acknowledge(2, 1);
        leader.Sent.Clear();
        return leader;
    }

    private static void ConfirmRound(RaftNode leader, long after)
    {
        leader.Read();
        long round = leader.Take<Heartbeat>()[0].Message.Round;
        leader.Now += after;
        leader.Receive(2, new HeartbeatReply(leader.Status.Term, false, round));
        leader.Served.Clear();
        leader.Sent.Clear();
    }

    [Fact]
    public void Once_the_leaders_heartbeats_were_acknowledged_by_a_majority_it_replies_to_read_only_queries_without_communication()
    {
        RaftNode leader = Leader();
        ConfirmRound(leader, after: RaftNode.Ms);
        long read = leader.Read();
        Assert.Equal([read], leader.Served);
        Assert.Empty(leader.Sent);
    }

    [Fact]
    public void The_lease_counts_from_when_the_round_was_sent_and_is_shorter_than_the_election_timeout_by_the_drift_of_two_clocks()
    {
        RaftNode leader = Leader();
        ConfirmRound(leader, after: 100 * RaftNode.Ms);
        leader.Now += 192 * RaftNode.Ms;
        Assert.Equal([leader.Read()], leader.Served);
        // 300 ms less 2 % less 1 ms, of which 292 are over.
        leader.Now += RaftNode.Ms;
        long late = leader.Read();
        Assert.DoesNotContain(late, leader.Served);
        Assert.NotEmpty(leader.Take<Heartbeat>());
    }

    [Fact]
    public void A_leader_that_was_paused_finds_its_lease_over()
    {
        RaftNode leader = Leader();
        ConfirmRound(leader, after: 0);
        leader.Now += Instant.Second;
        leader.Read();
        Assert.Empty(leader.Served);
    }

    [Fact]
    public void Leases_are_off_unless_they_are_asked_for()
    {
        RaftNode leader = new RaftNode(1, 3).Start().Elect(2);
        leader.Acknowledge(2, 1);
        leader.Sent.Clear();
        ConfirmRound(leader, after: RaftNode.Ms);
        leader.Read();
        Assert.Empty(leader.Served);
    }

    [Fact]
    public void A_leader_that_hands_over_reads_on_no_lease_for_the_rest_of_its_term()
    {
        RaftNode leader = Leader();
        ConfirmRound(leader, after: RaftNode.Ms);
        leader.Step(new Input.HandOver(new ReplicaId(2)));
        leader.TakeOne<TimeoutNow>();
        leader.Read();
        Assert.Empty(leader.Served);
    }

    [Fact]
    public void A_hint_that_the_leader_is_down_frees_nobody_from_the_promise_to_it()
    {
        foreach (bool leases in (bool[])[true, false])
        {
            RaftNode voter = new RaftNode(2, 3, leases ? Leases : null).Start();
            voter.Receive(1, new Heartbeat(1, 0, 1));
            voter.Step(new Input.PeerHint(new ReplicaId(1), Up: false));
            voter.Sent.Clear();
            voter.Receive(3, Given.Vote(2));
            Assert.Equal(!leases, voter.Sent.Any(sent => sent.Message is VoteReply { Granted: true }));
        }
    }

    [Fact]
    public void A_voter_that_learns_of_a_later_term_keeps_its_promise()
    {
        RaftNode voter = new RaftNode(2, 3, Leases).Start();
        voter.Pass(RaftOptions.Default.ElectionMaxMicros);
        voter.Receive(1, new Heartbeat(1, 0, 1));
        voter.Receive(3, new VoteReply(5, granted: false, pre: false));
        voter.Sent.Clear();
        voter.Receive(3, Given.Vote(6));
        Assert.DoesNotContain(voter.Sent, sent => sent.Message is VoteReply { Granted: true });
        voter.Now += RaftOptions.Default.ElectionMinMicros;
        voter.Receive(3, Given.Vote(6));
        Assert.Contains(voter.Sent, sent => sent.Message is VoteReply { Granted: true });
    }

    [Fact]
    public void A_voter_that_starts_again_may_have_promised_just_before()
    {
        RaftNode voter = new RaftNode(2, 3, Leases).Start();
        voter.Receive(3, Given.Vote(1));
        Assert.Empty(voter.Take<VoteReply>());
        voter.Now += RaftOptions.Default.ElectionMinMicros;
        voter.Receive(3, Given.Vote(1));
        Assert.True(voter.TakeOne<VoteReply>().Granted);
    }

    [Fact]
    public void A_drift_that_leaves_no_lease_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => (Leases with { MaxClockDriftPpm = 450_000 }).Validate());
}
