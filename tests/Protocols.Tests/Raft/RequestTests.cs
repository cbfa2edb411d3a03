using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>What a client is told, and when: nothing false, and never nothing.</summary>
public class RequestTests
{
    private const long Second = Instant.Second;

    private static RaftNode Leader(int of = 3, RaftOptions? options = null)
    {
        RaftNode leader = new RaftNode(1, of, options).Start().Elect([.. Enumerable.Range(2, of / 2)]);
        for (int id = 2; id <= of; id++)
            leader.Acknowledge(id, 1);
        leader.Sent.Clear();
        return leader;
    }

    /// <summary>Followers 2 and 3 answer heartbeats for as long as this lasts.</summary>
    private static void PassInTouch(RaftNode leader, long micros)
    {
        for (long end = leader.Now + micros; leader.Now < end;)
        {
            leader.Pass(RaftOptions.Default.HeartbeatMicros);
            leader.Receive(2, new HeartbeatReply(leader.Status.Term, false, 0));
            leader.Receive(3, new HeartbeatReply(leader.Status.Term, false, 0));
        }
    }

    [Fact]
    public void If_a_client_contacts_a_follower_it_is_told_the_leader_at_once()
    {
        RaftNode follower = new RaftNode(1, 3).Start();
        Assert.Equal(new Rejection(RejectReason.NotLeader), follower.Rejections[follower.Command("a")]);
        follower.Receive(3, new Heartbeat(1, 0, 1));
        Assert.Equal(new Rejection(RejectReason.NotLeader, Leader: new ReplicaId(3)), follower.Rejections[follower.Command("a")]);
        Assert.Equal(RejectReason.NotLeader, follower.Rejections[follower.Read()].Reason);
    }

    [Fact]
    public void A_stale_read_is_served_anywhere_at_once()
    {
        RaftNode follower = new RaftNode(1, 3).Start();
        long read = follower.Read(RequestKind.StaleRead);
        Assert.Equal([read], follower.Served);
    }

    [Theory]
    [InlineData(RequestKind.Command)]
    [InlineData(RequestKind.Read)]
    [InlineData(RequestKind.StaleRead)]
    public void A_request_whose_deadline_is_past_is_refused_before_anything(RequestKind kind)
    {
        RaftNode leader = Leader();
        int written = leader.Written.Count;
        ClientRequest late = leader.Request(kind, "a", leader.Now);
        leader.Step(new Input.Requests([late]));
        Assert.True(leader.Rejections[late.Id] is { Reason: RejectReason.NoQuorum, OutcomeUnknown: false });
        Assert.Equal(written, leader.Written.Count);
    }

    [Fact]
    public void A_command_without_a_majority_is_answered_at_its_deadline_as_unknown()
    {
        RaftNode leader = Leader();
        long id = leader.Command("a", leader.Now + Second);
        PassInTouch(leader, Second - 100 * RaftNode.Ms);
        Assert.Empty(leader.Rejections);
        PassInTouch(leader, 150 * RaftNode.Ms);
        Assert.True(leader.Rejections[id] is { Reason: RejectReason.NoQuorum, OutcomeUnknown: true });

        leader.Acknowledge(2, 2);
        Assert.Equal("a", leader.Applied[^1].Command);
        Assert.Empty(leader.Replies);
    }

    [Fact]
    public void A_read_without_a_majority_is_answered_at_its_deadline_as_not_done()
    {
        RaftNode leader = Leader();
        long id = leader.Read(deadline: leader.Now + Second);
        PassInTouch(leader, Second + 50 * RaftNode.Ms);
        Assert.True(leader.Rejections[id] is { Reason: RejectReason.NoQuorum, OutcomeUnknown: false });
        Assert.Empty(leader.Served);
    }

    [Fact]
    public void Requests_with_different_deadlines_are_each_answered_at_their_own()
    {
        RaftNode leader = Leader();
        long late = leader.Command("late", leader.Now + 2 * Second);
        long soon = leader.Command("soon", leader.Now + Second / 10);
        PassInTouch(leader, Second / 5);
        Assert.Equal([soon], leader.Rejections.Keys);
        PassInTouch(leader, 2 * Second);
        Assert.Equal([soon, late], leader.Rejections.Keys.Order().Reverse());
    }

    [Fact]
    public void A_leader_that_lost_its_place_keeps_commands_until_the_log_tells_they_are_done()
    {
        RaftNode leader = Leader();
        long[] ids = leader.Commands(null, "a", "b");
        leader.Receive(3, new Heartbeat(2, 0, 1));
        Assert.Equal("follower", leader.Status.Role);
        Assert.Empty(leader.Rejections);

        leader.Receive(3, Given.Append(2, 3, 1, 3));

        Assert.Equal(["a", "b"], ids.Select(id => leader.Replies[id]));
    }

    [Fact]
    public void A_leader_that_lost_its_place_says_dropped_only_when_another_term_is_committed_there()
    {
        RaftNode leader = Leader();
        long[] ids = leader.Commands(null, "a", "b", "c");
        leader.Receive(3, Given.Append(2, 2, 1, 1, 2));
        Assert.Equal([1L, 1, 2], leader.Terms);
        Assert.Empty(leader.Rejections);

        leader.Receive(3, Given.Append(2, 3, 2, 3));

        Assert.Equal("a", leader.Replies[ids[0]]);
        Assert.Equal(ids[1..], leader.Rejections.Keys.Order());
        Assert.All(leader.Rejections.Values, why => Assert.True(why is { Reason: RejectReason.Dropped, OutcomeUnknown: false }));
    }

    [Fact]
    public void A_command_truncated_and_not_decided_by_the_deadline_is_unknown()
    {
        RaftNode leader = Leader();
        long id = leader.Command("a", leader.Now + Second);
        leader.Receive(3, Given.Append(2, 1, 1, 1, 2));
        leader.Pass(2 * Second);
        Assert.True(leader.Rejections[id] is { Reason: RejectReason.NoQuorum, OutcomeUnknown: true });
    }

    [Fact]
    public void Commands_of_two_leaderships_at_the_same_index_are_told_apart()
    {
        RaftNode leader = Leader();
        long[] first = leader.Commands(null, "a", "b", "c");
        leader.Receive(3, Given.Append(2, 1, 1, 1, 2));
        leader.Receive(3, new HeartbeatReply(2, false, 0));
        leader.Elect(2);
        long[] second = leader.Commands(null, "x", "y");
        leader.Acknowledge(2, leader.Status.LastIndex);

        Assert.Equal(["x", "y"], second.Select(id => leader.Replies[id]));
        Assert.Equal(first, leader.Rejections.Keys.Order());
        Assert.All(leader.Rejections.Values, why => Assert.Equal(RejectReason.Dropped, why.Reason));
    }

    [Fact]
    public void Reads_of_a_leader_that_lost_its_place_are_refused_at_once()
    {
        RaftNode leader = Leader();
        long id = leader.Read();
        leader.Receive(3, new Heartbeat(2, 0, 1));
        Assert.Equal(new Rejection(RejectReason.NotLeader, Leader: new ReplicaId(3)), leader.Rejections[id]);
    }

    [Fact]
    public void A_cancelled_request_is_not_answered_and_still_takes_effect()
    {
        RaftNode leader = Leader();
        long command = leader.Command("a"), read = leader.Read();
        leader.Step(new Input.Cancel([command, read]));
        leader.Acknowledge(2, 2);
        leader.Receive(2, new HeartbeatReply(1, false, 99));
        Assert.Equal("a", leader.Applied[^1].Command);
        Assert.Empty(leader.Replies);
        Assert.Empty(leader.Served);
        PassInTouch(leader, 6 * Second);
        Assert.Empty(leader.Rejections);
    }

    [Fact]
    public void Too_many_waiting_requests_are_refused_as_overload()
    {
        RaftNode leader = Leader(options: new RaftOptions { MaxPendingRequests = 3 });
        leader.Commands(null, "a", "b");
        leader.Read();
        long refused = leader.Command("c");
        Assert.True(leader.Rejections[refused] is { Reason: RejectReason.Overloaded, OutcomeUnknown: false });
        leader.Acknowledge(2, 3);
        Assert.DoesNotContain(leader.Command("d"), leader.Rejections.Keys);
    }

    [Fact]
    public void A_log_that_nobody_takes_is_bounded_in_memory()
    {
        var options = new RaftOptions { MaxLogBytes = 4000, CheckpointBytes = 1000, KeepBytes = 0, MaxBatchBytes = 1000 };
        RaftNode leader = Leader(options: options);
        for (int i = 0; i < 20; i++)
            leader.Command(new string('x', 500));
        Assert.Contains(leader.Rejections.Values, why => why.Reason == RejectReason.Overloaded);
        Assert.InRange(leader.Status.LastIndex, 7, 9);

        leader.Acknowledge(2, leader.Status.LastIndex);
        leader.Rejections.Clear();
        leader.Command("room again");
        Assert.Empty(leader.Rejections);
    }

    [Fact]
    public void A_command_over_the_limit_is_invalid()
    {
        RaftNode leader = Leader(options: new RaftOptions { MaxCommandBytes = 10 });
        Assert.Equal(RejectReason.Invalid, leader.Rejections[leader.Command("12345678901")].Reason);
    }

    [Fact]
    public void A_full_disk_refuses_commands_serves_reads_and_takes_commands_again_when_it_has_room()
    {
        RaftNode leader = Leader();
        leader.DiskWorks = false;
        leader.Step(new Input.Storage(StorageState.Full));
        Assert.True(leader.Rejections[leader.Command("a")] is { Reason: RejectReason.StorageUnavailable, OutcomeUnknown: false });
        long read = leader.Read();
        leader.Receive(2, new HeartbeatReply(1, false, leader.Take<Heartbeat>()[0].Message.Round));
        Assert.Equal([read], leader.Served);
        leader.Pass(RaftOptions.Default.HeartbeatMicros);
        Assert.Equal(2, leader.Take<Heartbeat>().Count);

        leader.DiskWorks = true;
        leader.Step(new Input.Storage(StorageState.Healthy));
        long command = leader.Command("b");
        leader.Acknowledge(2, 2);
        Assert.Equal("b", leader.Replies[command]);
    }

    [Fact]
    public void A_command_taken_just_before_the_disk_was_full_is_unknown_at_its_deadline()
    {
        RaftNode leader = Leader();
        leader.DiskWorks = false;
        long id = leader.Command("a", leader.Now + Second);
        leader.Step(new Input.Storage(StorageState.Full));
        PassInTouch(leader, 2 * Second);
        Assert.True(leader.Rejections[id] is { Reason: RejectReason.StorageUnavailable, OutcomeUnknown: true });
    }

    [Fact]
    public void A_minority_answers_every_command_by_its_deadline()
    {
        var cluster = new RaftCluster(3);
        RaftNode leader = cluster.ElectLeader();
        cluster.Isolate(leader.Id.Value);
        long before = leader.Command("a", cluster.Now + Second);
        cluster.Run(2 * Second);
        leader.Now = cluster.Now;
        long after = leader.Command("b");
        Assert.True(leader.Rejections[before] is { Reason: RejectReason.NoQuorum, OutcomeUnknown: true });
        Assert.Equal(RejectReason.NotLeader, leader.Rejections[after].Reason);
    }
}
