using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.TestKit.Xunit2;

namespace ActorRepl.Actors.Tests;

/// <summary>Which replica a read goes to by its preference, and where to when that one cannot answer. This node is node 1.</summary>
public sealed class ReadPreferenceTests : TestKit
{
    [Theory]
    [InlineData(ReadFrom.Default, 1, 1)]
    [InlineData(ReadFrom.Default, 2, 1)]
    [InlineData(ReadFrom.Primary, 1, 1)]
    [InlineData(ReadFrom.Primary, 2, 2)]
    [InlineData(ReadFrom.PrimaryPreferred, 3, 3)]
    [InlineData(ReadFrom.Secondary, 2, 1)]
    [InlineData(ReadFrom.Secondary, 1, 2)]
    [InlineData(ReadFrom.SecondaryPreferred, 1, 2)]
    [InlineData(ReadFrom.Nearest, 1, 1)]
    [InlineData(ReadFrom.Nearest, 2, 1)]
    public void A_stale_read_goes_to(ReadFrom from, int leader, int expected)
    {
        var shard = new StandIns(this);
        Lead(shard, leader);
        shard.Read(from, "r");
        Assert.Equal("r", Text(Batch(shard, expected).Requests.Single().Payload));
    }

    [Fact]
    public void Without_a_leader_a_read_that_prefers_it_goes_to_the_nearest()
    {
        var shard = new StandIns(this);
        shard.Read(ReadFrom.PrimaryPreferred, "r");
        Batch(shard, 1);
    }

    [Fact]
    public void Nearest_is_by_rack_then_region_and_only_then_by_anything_else()
    {
        var shard = new StandIns(this);
        Place(shard, 1, "eu", "a");
        Place(shard, 2, "us", "a");
        Place(shard, 3, "eu", "b");
        Lead(shard, 1);
        shard.Read(ReadFrom.Secondary, "same region");
        Batch(shard, 3);
        Place(shard, 2, "eu", "a");
        shard.Read(ReadFrom.Secondary, "same rack");
        Batch(shard, 2);
    }

    [Fact]
    public void Of_those_equally_near_the_one_that_answers_fast_is_asked_and_the_slow_one_is_not()
    {
        var shard = new StandIns(this);
        Lead(shard, 1);
        // Each is tried once, as nobody knows yet how fast it is: node 2 answers at once, node 3 so late that no thread that is held up is mistaken for it.
        foreach ((int node, int afterMillis) in ((int, int)[])[(2, 0), (3, 1_500)])
        {
            shard.Read(ReadFrom.Secondary, "try");
            RequestBatch batch = Batch(shard, node);
            shard.Asker.ExpectNoMsg(TimeSpan.FromMilliseconds(afterMillis));
            Answer(shard, node, batch);
            shard.Asker.ExpectMsg<QueryResult>();
        }

        for (int i = 0; i < 5; i++)
        {
            shard.Read(ReadFrom.Secondary, "again");
            Answer(shard, 2, Batch(shard, 2));
            shard.Asker.ExpectMsg<QueryResult>();
        }
    }

    [Fact]
    public void A_secondary_too_far_behind_gives_way_to_the_leader_where_that_is_allowed()
    {
        var shard = new StandIns(this);
        Lead(shard, 2);
        shard.Read(ReadFrom.SecondaryPreferred, "r", RequestKind.SessionRead);
        Reject(shard, 1, Batch(shard, 1), RejectReason.TooStale);
        Batch(shard, 2);
    }

    [Fact]
    public void Where_only_secondaries_may_answer_each_is_asked_once_and_then_the_read_is_refused()
    {
        var shard = new StandIns(this);
        Lead(shard, 2);
        shard.Read(ReadFrom.Secondary, "r", RequestKind.SessionRead);
        Reject(shard, 1, Batch(shard, 1), RejectReason.TooStale);
        Reject(shard, 3, Batch(shard, 3), RejectReason.TooStale);
        Assert.Equal(RejectReason.TooStale, shard.Asker.ExpectMsg<RequestRejected>().Reason);
        shard[2].ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public void A_lost_history_is_believed_of_the_leader_only()
    {
        var shard = new StandIns(this);
        Lead(shard, 2);
        shard.Read(ReadFrom.Nearest, "r", RequestKind.SessionRead);
        Reject(shard, 1, Batch(shard, 1), RejectReason.HistoryLost);
        Reject(shard, 2, Batch(shard, 2), RejectReason.HistoryLost);
        Assert.Equal(RejectReason.HistoryLost, shard.Asker.ExpectMsg<RequestRejected>().Reason);
    }

    [Fact]
    public void Where_no_secondary_is_there_the_read_waits_for_one()
    {
        var shard = new StandIns(this);
        Lead(shard, 1);
        foreach (int node in (int[])[2, 3])
            shard.Router.Tell(new PeerChanged(new ReplicaId(node), Up: false), ActorRefs.NoSender);
        shard.Read(ReadFrom.Secondary, "r");
        shard[1].ExpectNoMsg(TimeSpan.FromMilliseconds(100));
        shard.Router.Tell(new PeerChanged(new ReplicaId(3), Up: true), ActorRefs.NoSender);
        Batch(shard, 3);
    }

    [Theory]
    [InlineData(RequestKind.Read, ReadFrom.Secondary, RequestKind.FollowerRead)]
    [InlineData(RequestKind.Read, ReadFrom.Nearest, RequestKind.FollowerRead)]
    [InlineData(RequestKind.Read, ReadFrom.Primary, RequestKind.Read)]
    [InlineData(RequestKind.StaleRead, ReadFrom.Secondary, RequestKind.StaleRead)]
    public void A_linearizable_read_that_others_than_the_primary_may_answer_is_a_follower_read(RequestKind asked, ReadFrom from, RequestKind sent) =>
        Assert.Equal((sent, from), Routing.Reads.Resolve(null, asked, from));

    [Fact]
    public void What_does_not_go_together_is_refused_by_name()
    {
        Assert.Contains("not by the Primary alone", Routing.Reads.Refusal(RequestKind.FollowerRead, ReadFrom.Primary, default), StringComparison.Ordinal);
        Assert.Contains("not for a StaleRead", Routing.Reads.Refusal(RequestKind.StaleRead, ReadFrom.Primary, new LogPosition(1, 1)), StringComparison.Ordinal);
        Assert.Contains("not Command", Routing.Reads.Refusal(RequestKind.Command, ReadFrom.Default, default), StringComparison.Ordinal);
        Assert.Null(Routing.Reads.Refusal(RequestKind.BoundedRead, ReadFrom.Secondary, default));
    }

    private static void Place(StandIns shard, int node, string region, string rack) =>
        shard.Nodes.Put(shard.Nodes.Find(new ReplicaId(node))! with { Region = region, Rack = rack });

    private static void Lead(StandIns shard, int node) => shard.Router.Tell(
        new ReplicaStatusChanged(new ReplicaReport(
            KeyValue.Group, 0, new ReplicaId(node), ReplicaHealth.Running, new ReplicaStatus("leader", 1, new ReplicaId(node), 0, 0, 0, 0, true))),
        shard[node]);

    private static RequestBatch Batch(StandIns shard, int node) =>
        (RequestBatch)shard[node].FishForMessage(message => message is RequestBatch, TimeSpan.FromSeconds(3));

    private static void Answer(StandIns shard, int node, RequestBatch batch) => shard.Router.Tell(
        new ReplyBatch(KeyValue.Group, 0, new ReplicaId(node), ReplicaDown: false, [.. batch.Requests.Select(request => new RoutedReply(request.Id, Encoding.UTF8.GetBytes("R"), null))]),
        shard[node]);

    private static void Reject(StandIns shard, int node, RequestBatch batch, RejectReason why) => shard.Router.Tell(
        new ReplyBatch(KeyValue.Group, 0, new ReplicaId(node), ReplicaDown: false, [.. batch.Requests.Select(request => new RoutedReply(request.Id, default, new Rejection(why)))]),
        shard[node]);

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
