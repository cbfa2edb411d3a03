using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft.Paper;

/// <summary>Section 8, client interaction: what <see cref="RequestTests"/> and <see cref="ReadTests"/> do not say yet.</summary>
public class Section8
{
    [Fact]
    public void If_the_clients_first_choice_is_not_the_leader_that_server_rejects_the_request_and_supplies_information_about_the_most_recent_leader()
    {
        RaftNode follower = Desk.Follower();
        Assert.Equal(new Rejection(RejectReason.NotLeader), follower.Rejections[follower.Command("x")] with { Detail = null });
        follower.Receive(2, new Heartbeat(1, 0, 1));
        Assert.Equal(new ReplicaId(2), follower.Rejections[follower.Command("x")].Leader);
        follower.Receive(3, new Heartbeat(2, 0, 1));
        Assert.Equal(new ReplicaId(3), follower.Rejections[follower.Command("x")].Leader);
        Assert.DoesNotContain(follower.Written, entry => entry.Record.Entries.Count > 0);
    }

    [Fact]
    public void Each_leader_commits_a_blank_no_op_entry_into_the_log_at_the_start_of_its_term()
    {
        RaftNode leader = Desk.Leader(term: 3, log: [1, 3]);
        EntryBatch noOp = leader.Written[^1].Record.Entries[^1];
        Assert.Equal((EntryKind.NoOp, 3L, 4L, 1), (noOp.Kind, noOp.FirstIndex, noOp.Term, noOp.Count));
        leader.Acknowledge(2, 3);
        Assert.Equal(3, leader.Status.CommitIndex);
    }

    [Fact]
    public void Read_only_operations_can_be_handled_without_writing_anything_into_the_log()
    {
        RaftNode leader = Desk.LeaderInStep();
        int written = leader.Written.Count;
        long read = leader.Read();
        leader.Receive(2, new HeartbeatReply(1, nonVoter: false, leader.Take<Heartbeat>()[0].Message.Round));
        Assert.Equal([read], leader.Served);
        Assert.Equal(written, leader.Written.Count);
    }

    [Fact]
    public void A_leader_must_check_whether_it_has_been_deposed_before_processing_a_read_only_request()
    {
        RaftNode leader = Desk.LeaderInStep();
        long read = leader.Read();
        Assert.Empty(leader.Served);
        long round = leader.Take<Heartbeat>()[0].Message.Round;
        leader.Receive(3, new HeartbeatReply(2, nonVoter: false, round));
        leader.Receive(2, new HeartbeatReply(1, nonVoter: false, round));
        Assert.Empty(leader.Served);
        Assert.Equal(RejectReason.NotLeader, leader.Rejections[read].Reason);
    }
}
