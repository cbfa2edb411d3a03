using System.Text;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.TestKit.Xunit2;

namespace ActorRepl.Actors.Tests;

/// <summary>Where requests to a group without a leader go. This node is node 1.</summary>
public sealed class LeaderlessRoutingTests : TestKit
{
    [Fact]
    public void Everything_goes_to_this_nodes_replica_as_it_was_sent()
    {
        StandIns shard = Group();
        shard.Command("c");
        Assert.Equal("c", Text(Batch(shard, 1)));
        shard.Call(RequestKind.Read, "r");
        Assert.Equal("r", Text(Batch(shard, 1)));
    }

    [Fact]
    public void While_this_nodes_replica_is_down_the_others_are_asked_and_then_it_again()
    {
        StandIns shard = Group();
        Down(shard, 1);
        shard.Command("c");
        Assert.Equal("c", Text(Batch(shard, 2)));
        Down(shard, 2);
        shard.Command("d");
        Assert.Equal("d", Text(Batch(shard, 3)));
        shard.Router.Tell(new PeerChanged(new ReplicaId(1), Up: true), ActorRefs.NoSender);
        shard.Command("e");
        Assert.Equal("e", Text(Batch(shard, 1)));
    }

    [Fact]
    public void What_only_another_member_can_do_goes_to_the_one_that_is_named_and_nothing_else_does()
    {
        StandIns shard = Group();
        shard.Command("c");
        Reject(shard, 1, Batch(shard, 1), new Rejection(RejectReason.NotLeader, Leader: new ReplicaId(3)));
        Assert.Equal("c", Text(Batch(shard, 3)));
        shard.Command("d");
        Assert.Equal("d", Text(Batch(shard, 1)));
    }

    [Fact]
    public void A_member_that_cannot_now_is_passed_over()
    {
        StandIns shard = Group();
        shard.Command("c");
        Reject(shard, 1, Batch(shard, 1), new Rejection(RejectReason.Unavailable, Detail: "starting"));
        Assert.Equal("c", Text(Batch(shard, 2)));
        Reject(shard, 2, new RequestBatch("", 0, 0, [new RoutedRequest(1, RequestKind.Command, 1, default)]), new Rejection(RejectReason.Unavailable, Detail: "starting"));
        Assert.Equal("c", Text(Batch(shard, 1)));
    }

    [Fact]
    public void A_command_that_may_have_been_done_is_not_sent_again_and_a_read_is()
    {
        StandIns shard = Group();
        shard.Command("c");
        Batch(shard, 1);
        shard.Call(RequestKind.Read, "r");
        Batch(shard, 1);
        Down(shard, 1);
        Assert.True(shard.Asker.ExpectMsg<RequestRejected>() is { OutcomeUnknown: true, Reason: RejectReason.Unavailable });
        Assert.Equal("r", Text(Batch(shard, 2)));
    }

    [Fact]
    public void A_coordinators_own_word_on_who_did_not_answer_is_the_callers()
    {
        StandIns shard = Group();
        shard.Command("c");
        RequestBatch batch = Batch(shard, 1);
        Assert.InRange(batch.Requests[0].RemainingMillis, 1, 4_950);
        Reject(shard, 1, batch, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Detail: "n2 and n3 did not answer"));
        Assert.Contains("n2 and n3 did not answer", shard.Asker.ExpectMsg<RequestRejected>().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void When_nobody_answers_the_members_that_are_silent_are_named()
    {
        StandIns shard = Group();
        foreach (int node in (int[])[1, 2, 3])
            Down(shard, node);
        shard.Command("c", timeoutMillis: 300);
        RequestRejected refused = shard.Asker.ExpectMsg<RequestRejected>();
        Assert.Equal(RejectReason.NoQuorum, refused.Reason);
        Assert.Contains("of its 3 members", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Who_joins_is_asked_once_a_member_says_so()
    {
        StandIns shard = Group();
        foreach (int node in (int[])[1, 2, 3])
            Down(shard, node);
        shard.Nodes.Put(shard.Fourth);
        shard.Command("c");
        var status = new ReplicaStatus("replica", 2, new ReplicaId(4), 0, 0, 0, 0, true) { Members = new Membership([new ReplicaId(1), new ReplicaId(4)]) };
        shard.Router.Tell(new ReplicaReport(KeyValue.Group, 0, new ReplicaId(4), ReplicaHealth.Running, status), shard[4]);
        Assert.Equal("c", Text(Batch(shard, 4)));
    }

    [Fact]
    public void A_member_whose_node_may_still_be_starting_is_asked_whether_it_is_there_before_it_is_asked_anything_else()
    {
        StandIns shard = Starting();
        shard.Command("c");
        var recovering = new Rejection(RejectReason.Unavailable, Detail: "the replica is recovering");
        Reject(shard, 1, Batch(shard, 1), recovering);
        // There is nobody else yet.
        RequestBatch again = Batch(shard, 1);
        foreach (int node in (int[])[2, 3])
            shard[node].ExpectMsg<GetReplicaStatus>();
        // Whatever it says: it is there to refuse what it cannot do.
        shard.Router.Tell(new ReplicaReport(KeyValue.Group, 0, new ReplicaId(3), ReplicaHealth.Running, new ReplicaStatus("replica", 1, ReplicaId.None, 0, 0, 0, 0, true)), shard[3]);
        Reject(shard, 1, again, recovering);
        Assert.Equal("c", Text(Batch(shard, 3)));
    }

    private StandIns Group()
    {
        StandIns shard = Starting();
        Up(shard, 2);
        Up(shard, 3);
        return shard;
    }

    /// <summary>Nothing has been heard of the other nodes.</summary>
    private StandIns Starting() => new(this, protocol: new LeaderlessStub());

    private static void Up(StandIns shard, int node) => shard.Router.Tell(new PeerChanged(new ReplicaId(node), Up: true), ActorRefs.NoSender);

    private static void Down(StandIns shard, int node) => shard.Router.Tell(new PeerChanged(new ReplicaId(node), Up: false), ActorRefs.NoSender);

    private static RequestBatch Batch(StandIns shard, int node) =>
        (RequestBatch)shard[node].FishForMessage(message => message is RequestBatch, TimeSpan.FromSeconds(3));

    private static void Reject(StandIns shard, int node, RequestBatch batch, Rejection why) => shard.Router.Tell(
        new ReplyBatch(KeyValue.Group, 0, new ReplicaId(node), ReplicaDown: false, [.. batch.Requests.Select(request => new RoutedReply(request.Id, default, why))]),
        shard[node]);

    private static string Text(RequestBatch batch) => Encoding.UTF8.GetString(batch.Requests.Single().Payload.Span);

    private sealed class LeaderlessStub : IProtocolFactory
    {
        public string Name => "stub";

        public bool IsLeaderless => true;

        public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) => throw new NotSupportedException();
    }
}
