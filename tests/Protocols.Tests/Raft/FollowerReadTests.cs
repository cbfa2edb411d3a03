using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>Reads at replicas that do not lead (thesis 6.4): the leader says how far they must have applied.</summary>
public class FollowerReadTests
{
    private static RaftNode Follower(int of = 3)
    {
        RaftNode follower = new RaftNode(2, of).Start();
        follower.Receive(1, Given.Append(term: 1, 0, 0, commit: 1, 1));
        follower.Sent.Clear();
        return follower;
    }

    private static long BoundedRead(RaftNode node, long maxStaleness)
    {
        ClientRequest read = node.Request(RequestKind.BoundedRead, "") with { MaxStaleness = maxStaleness };
        node.Step(new Input.Requests([read]));
        return read.Id;
    }

    [Fact]
    public void The_follower_asks_the_leader_for_its_read_index_and_serves_once_it_has_applied_as_far()
    {
        RaftNode follower = Follower();
        long read = follower.Read(RequestKind.FollowerRead);
        (ReplicaId to, ReadIndexRequest question) = Assert.Single(follower.Take<ReadIndexRequest>());
        Assert.Equal(1, to.Value);
        Assert.Empty(follower.Served);

        follower.Receive(1, new ReadIndexReply(1, question.Token, index: 2));
        Assert.Empty(follower.Served);
        follower.Receive(1, Given.Append(term: 1, 1, 1, commit: 2, 1));
        Assert.Equal([read], follower.Served);
    }

    [Fact]
    public void Reads_that_wait_together_share_a_question_and_those_that_come_meanwhile_the_next()
    {
        RaftNode follower = Follower();
        long first = follower.Read(RequestKind.FollowerRead);
        long token = follower.TakeOne<ReadIndexRequest>().Token;
        long second = follower.Read(RequestKind.FollowerRead), third = follower.Read(RequestKind.FollowerRead);
        Assert.Empty(follower.Take<ReadIndexRequest>());

        follower.Receive(1, new ReadIndexReply(1, token, index: 1));
        Assert.Equal([first], follower.Served);
        follower.Receive(1, new ReadIndexReply(1, follower.TakeOne<ReadIndexRequest>().Token, index: 1));
        Assert.Equal([first, second, third], follower.Served);
    }

    [Fact]
    public void An_answer_to_an_earlier_question_says_nothing_about_a_later_read()
    {
        RaftNode follower = Follower();
        follower.Read(RequestKind.FollowerRead);
        long earlier = follower.TakeOne<ReadIndexRequest>().Token;
        follower.Receive(1, new ReadIndexReply(1, earlier, index: 1));
        follower.Read(RequestKind.FollowerRead);
        follower.Receive(1, new ReadIndexReply(1, earlier, index: 1));
        Assert.Single(follower.Served);
    }

    [Fact]
    public void A_question_that_was_lost_is_asked_again_and_a_new_leader_is_asked_at_once()
    {
        RaftNode follower = Follower();
        long read = follower.Read(RequestKind.FollowerRead);
        long token = follower.TakeOne<ReadIndexRequest>().Token;
        follower.Pass(RaftOptions.Default.HeartbeatMicros);
        Assert.Equal(token, follower.TakeOne<ReadIndexRequest>().Token);

        follower.Receive(3, new Heartbeat(2, 0, 1));
        (ReplicaId to, _) = Assert.Single(follower.Sent, sent => sent.Message is ReadIndexRequest);
        Assert.Equal(3, to.Value);
        follower.Receive(3, new ReadIndexReply(2, token, index: 1));
        Assert.Equal([read], follower.Served);
    }

    [Fact]
    public void Without_a_leader_reads_are_refused_for_certain_when_it_falls_silent_and_at_once_later()
    {
        RaftNode follower = Follower();
        long waiting = follower.Read(RequestKind.FollowerRead);
        follower.Pass(RaftOptions.Default.ElectionMaxMicros);
        long later = follower.Read(RequestKind.FollowerRead);
        foreach (long read in (long[])[waiting, later])
            Assert.Equal((RejectReason.NotLeader, false), (follower.Rejections[read].Reason, follower.Rejections[read].OutcomeUnknown));
    }

    [Fact]
    public void A_read_that_no_leader_answers_ends_with_its_deadline()
    {
        RaftNode follower = Follower();
        long read = follower.Read(RequestKind.FollowerRead, deadline: follower.Now + 100 * RaftNode.Ms);
        for (int i = 0; i < 4; i++)
        {
            follower.Pass(50 * RaftNode.Ms);
            follower.Receive(1, new Heartbeat(1, 1, 1));
        }

        Assert.Equal((RejectReason.NoQuorum, false), (follower.Rejections[read].Reason, follower.Rejections[read].OutcomeUnknown));
        follower.Sent.Clear();
        follower.Pass(200 * RaftNode.Ms);
        Assert.Empty(follower.Take<ReadIndexRequest>());
    }

    [Fact]
    public void A_leader_answers_a_question_when_a_round_that_left_after_it_is_confirmed()
    {
        RaftNode leader = new RaftNode(1, 3).Start().Elect(2);
        leader.Acknowledge(2, 1);
        leader.Sent.Clear();
        leader.Receive(3, new ReadIndexRequest(leader.Status.Term, 77));
        long round = leader.Take<Heartbeat>()[0].Message.Round;
        leader.Receive(2, new HeartbeatReply(leader.Status.Term, false, round - 1));
        Assert.Empty(leader.Take<ReadIndexReply>());
        leader.Receive(2, new HeartbeatReply(leader.Status.Term, false, round));
        (ReplicaId to, ReadIndexReply reply) = Assert.Single(leader.Take<ReadIndexReply>());
        Assert.Equal((3, 77L, 1L), (to.Value, reply.Token, reply.Index));
    }

    [Fact]
    public void A_deposed_leader_that_does_not_know_it_answers_no_follower()
    {
        var cluster = new RaftCluster(5);
        RaftNode old = cluster.ElectLeader();
        RaftNode companion = cluster.Nodes.First(node => node != old);
        foreach (RaftNode other in cluster.Nodes.Where(node => node != old && node != companion))
        {
            foreach (RaftNode inside in (RaftNode[])[old, companion])
            {
                cluster.Cut(other.Id.Value, inside.Id.Value);
                cluster.Cut(inside.Id.Value, other.Id.Value);
            }
        }

        long read = companion.Read(RequestKind.FollowerRead);
        cluster.Run(3 * Instant.Second);
        Assert.Empty(companion.Served);
        Assert.Equal(RejectReason.NotLeader, companion.Rejections[read].Reason);
    }

    [Fact]
    public void Every_replica_serves_what_was_written_before_the_read()
    {
        var cluster = new RaftCluster(5);
        RaftNode leader = cluster.ElectLeader();
        foreach (RaftNode node in cluster.Nodes)
        {
            leader.Command($"before {node.Id}");
            cluster.Settle();
            long read = node.Read(RequestKind.FollowerRead);
            cluster.Settle();
            Assert.Contains(read, node.Served);
            Assert.Contains(node.Applied, applied => applied.Command == $"before {node.Id}");
        }
    }

    [Fact]
    public void A_bounded_read_is_served_at_once_while_the_last_question_is_young_enough()
    {
        RaftNode follower = Follower();
        follower.Read(RequestKind.FollowerRead);
        long token = follower.TakeOne<ReadIndexRequest>().Token;
        follower.Pass(40 * RaftNode.Ms);
        follower.Receive(1, new ReadIndexReply(1, token, index: 1));
        follower.Pass(50 * RaftNode.Ms);

        long young = BoundedRead(follower, 100 * RaftNode.Ms);
        Assert.Contains(young, follower.Served);
        Assert.Empty(follower.Take<ReadIndexRequest>());
        // 90 ms since the question, 50 since the answer: what counts is the question.
        long old = BoundedRead(follower, 80 * RaftNode.Ms);
        Assert.DoesNotContain(old, follower.Served);
        follower.Receive(1, new ReadIndexReply(1, follower.TakeOne<ReadIndexRequest>().Token, index: 1));
        Assert.Contains(old, follower.Served);
    }

    [Fact]
    public void A_bounded_read_waits_for_what_the_last_answer_named()
    {
        RaftNode follower = Follower();
        follower.Read(RequestKind.FollowerRead);
        follower.Receive(1, new ReadIndexReply(1, follower.TakeOne<ReadIndexRequest>().Token, index: 2));
        long read = BoundedRead(follower, Instant.Second);
        Assert.Empty(follower.Served);
        follower.Receive(1, Given.Append(term: 1, 1, 1, commit: 2, 1));
        follower.Receive(1, new ReadIndexReply(1, follower.TakeOne<ReadIndexRequest>().Token, index: 2));
        Assert.Contains(read, follower.Served);
    }

    [Fact]
    public void A_leader_serves_bounded_reads_from_the_last_confirmed_round()
    {
        RaftNode leader = new RaftNode(1, 3).Start().Elect(2);
        leader.Acknowledge(2, 1);
        leader.Read();
        leader.Receive(2, new HeartbeatReply(leader.Status.Term, false, leader.Take<Heartbeat>()[0].Message.Round));
        leader.Sent.Clear();
        leader.Now += 30 * RaftNode.Ms;
        Assert.Contains(BoundedRead(leader, 40 * RaftNode.Ms), leader.Served);
        Assert.Empty(leader.Sent);
        Assert.DoesNotContain(BoundedRead(leader, 20 * RaftNode.Ms), leader.Served);
        Assert.Equal(2, leader.Take<Heartbeat>().Count);
    }
}
