using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Reads that must see what their session has seen, at any replica.</summary>
public class SessionReadTests
{
    private static RaftNode Follower()
    {
        RaftNode follower = new RaftNode(2, 3).Start();
        follower.Receive(1, Given.Append(term: 1, 0, 0, commit: 2, 1, 1));
        follower.Sent.Clear();
        return follower;
    }

    private static long SessionRead(RaftNode node, long term, long index, long patience = 10 * Instant.Second)
    {
        ClientRequest read = node.Request(RequestKind.SessionRead, "", node.Now + patience) with { AtLeast = new LogPosition(term, index) };
        node.Step(new Input.Requests([read]));
        return read.Id;
    }

    [Fact]
    public void A_replica_that_has_applied_what_the_session_has_seen_answers_without_a_word_to_anyone()
    {
        RaftNode follower = Follower();
        long[] reads = [SessionRead(follower, 1, 2), SessionRead(follower, 1, 1), SessionRead(follower, 0, 0)];
        Assert.Equal(reads, follower.Served);
        Assert.Empty(follower.Sent);
    }

    [Fact]
    public void A_replica_that_is_behind_waits_until_it_has_applied_as_far()
    {
        RaftNode follower = Follower();
        long later = SessionRead(follower, 1, 4), sooner = SessionRead(follower, 1, 3);
        Assert.Empty(follower.Served);
        follower.Receive(1, Given.Append(term: 1, 2, 1, commit: 3, 1, 1));
        Assert.Equal([sooner], follower.Served);
        follower.Receive(1, new Heartbeat(1, 4, 1));
        Assert.Equal([sooner, later], follower.Served);
    }

    [Fact]
    public void What_is_there_and_not_committed_does_not_count_as_applied()
    {
        RaftNode follower = Follower();
        follower.Receive(1, Given.Append(term: 1, 2, 1, commit: 2, 1));
        SessionRead(follower, 1, 3);
        Assert.Empty(follower.Served);
    }

    [Fact]
    public void A_replica_that_stays_behind_says_so_while_there_is_time_left_for_another()
    {
        RaftNode follower = Follower();
        long read = SessionRead(follower, 1, 9, patience: Instant.Second);
        for (int i = 0; i < 12; i++)
        {
            follower.Pass(50 * RaftNode.Ms);
            follower.Receive(1, new Heartbeat(1, 2, i + 1));
        }

        Assert.Equal((RejectReason.TooStale, false, 1), (follower.Rejections[read].Reason, follower.Rejections[read].OutcomeUnknown, follower.Rejections[read].Leader.Value));
    }

    [Fact]
    public void What_another_term_s_entry_took_the_place_of_is_lost_and_said_to_be()
    {
        RaftNode follower = Follower();
        follower.Receive(3, Given.Append(term: 3, 2, 1, commit: 4, 3, 3));
        long replaced = SessionRead(follower, 2, 3), before = SessionRead(follower, 1, 2), present = SessionRead(follower, 3, 4);
        Assert.Equal(RejectReason.HistoryLost, follower.Rejections[replaced].Reason);
        Assert.Equal([before, present], follower.Served);
    }

    [Fact]
    public void A_read_that_waited_is_told_as_well_that_another_entry_came()
    {
        RaftNode follower = Follower();
        long read = SessionRead(follower, 2, 3);
        follower.Receive(3, Given.Append(term: 3, 2, 1, commit: 3, 3));
        Assert.Equal(RejectReason.HistoryLost, follower.Rejections[read].Reason);
        Assert.Empty(follower.Served);
    }

    [Fact]
    public void A_later_term_than_any_that_was_applied_is_lost_even_where_the_entry_s_own_term_is_forgotten()
    {
        var recovered = new RecoveredState
        {
            HardState = new HardState(1, ReplicaId.None, NonVoter: false).Encode(),
            Checkpoint = Given.Manifest(index: 10, term: 1, lsn: 1),
            LastLsn = 1,
        };
        RaftNode follower = new RaftNode(2, 3, recovered: recovered).Start();
        follower.Receive(1, new Heartbeat(1, 10, 1));
        long lost = SessionRead(follower, 2, 5), unknown = SessionRead(follower, 1, 5);
        Assert.Equal(RejectReason.HistoryLost, follower.Rejections[lost].Reason);
        Assert.Equal([unknown], follower.Served);
    }

    [Fact]
    public void A_leader_that_lacks_it_makes_sure_that_it_leads_and_then_says_that_it_is_lost()
    {
        RaftNode leader = new RaftNode(1, 3).Start().Elect(2);
        leader.Acknowledge(2, 1);
        leader.Sent.Clear();
        long read = SessionRead(leader, 1, 50);
        Assert.Empty(leader.Rejections);
        leader.Receive(2, new HeartbeatReply(leader.Status.Term, false, leader.Take<Heartbeat>()[0].Message.Round));
        Assert.Equal(RejectReason.HistoryLost, leader.Rejections[read].Reason);
    }

    [Fact]
    public void A_session_that_writes_at_the_leader_reads_its_write_from_every_replica()
    {
        var cluster = new RaftCluster(5);
        RaftNode leader = cluster.ElectLeader();
        leader.Command("written");
        cluster.Settle();
        ReplicaStatus status = leader.Status;
        Assert.Equal(status.LastIndex, status.AppliedIndex);
        foreach (RaftNode node in cluster.Nodes)
        {
            long read = SessionRead(node, status.Term, status.AppliedIndex);
            // A follower hears of the commit with the next heartbeat.
            cluster.Run(100 * RaftNode.Ms);
            Assert.Contains(read, node.Served);
            Assert.Contains(node.Applied, applied => applied.Command == "written");
        }
    }

    [Fact]
    public void Without_a_leader_a_read_that_would_have_to_wait_is_refused_for_another_replica()
    {
        RaftNode follower = Follower();
        long waiting = SessionRead(follower, 1, 9);
        follower.Pass(RaftOptions.Default.ElectionMaxMicros);
        long later = SessionRead(follower, 1, 9), seen = SessionRead(follower, 1, 2);
        Assert.Equal(RejectReason.NotLeader, follower.Rejections[waiting].Reason);
        Assert.Equal(RejectReason.NotLeader, follower.Rejections[later].Reason);
        Assert.Contains(seen, follower.Served);
    }
}
