using System.Text;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.TestKit.Xunit2;

namespace ActorRepl.Actors.Tests;

/// <summary>The router against stand-ins for the replicas: what is sent where, how often, and what the caller hears.</summary>
public sealed class ShardRouterTests : TestKit
{
    [Fact]
    public void What_waits_for_a_leader_travels_together_once_one_is_known()
    {
        var shard = new StandIns(this);
        foreach (string command in new[] { "a", "b", "c" })
            shard.Command(command);
        Lead(shard, 2, term: 1);
        Assert.Equal(["a", "b", "c"], Payloads(Batch(shard, 2)));
    }

    [Fact]
    public void Results_go_to_who_asked()
    {
        var shard = new StandIns(this);
        Lead(shard, 2, term: 1);
        shard.Command("a");
        shard.Call(RequestKind.Read, "b");
        var batch = Batch(shard, 2);
        if (batch.Requests.Length == 1)
            Answer(shard, 2, new RoutedReply(batch.Requests[0].Id, KeyValue.Bytes("A"), null));
        RequestBatch last = batch.Requests.Length == 1 ? Batch(shard, 2) : batch;
        Answer(shard, 2, [.. last.Requests.Select(request => new RoutedReply(request.Id, KeyValue.Bytes(Text(request.Payload).ToUpperInvariant()), null))]);
        Assert.Equal("A", Text(shard.Asker.ExpectMsg<Executed>().Result));
        Assert.Equal("B", Text(shard.Asker.ExpectMsg<QueryResult>().Result));
    }

    [Fact]
    public void What_a_replica_that_does_not_lead_sends_back_goes_to_the_one_it_names_in_the_order_of_arrival()
    {
        var shard = new StandIns(this);
        foreach (string command in new[] { "a", "b", "c" })
            shard.Command(command);
        Lead(shard, 2, term: 1);
        RequestBatch batch = Batch(shard, 2);
        Reject(shard, 2, batch, new Rejection(RejectReason.NotLeader, Leader: new ReplicaId(3)), order: [2, 0, 1]);
        Assert.Equal(["a", "b", "c"], Payloads(Batch(shard, 3)));
        shard.Asker.ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public void A_command_with_an_unknown_outcome_is_not_sent_again_a_read_is()
    {
        var shard = new StandIns(this);
        shard.Command("a");
        shard.Call(RequestKind.Read, "r");
        Lead(shard, 2, term: 1);
        RequestBatch batch = Batch(shard, 2);
        Reject(shard, 2, batch, new Rejection(RejectReason.Unavailable, OutcomeUnknown: true));

        Assert.True(shard.Asker.ExpectMsg<RequestRejected>().OutcomeUnknown);
        Lead(shard, 3, term: 2);
        Assert.Equal(["r"], Payloads(Batch(shard, 3)));
    }

    [Fact]
    public void When_the_leaders_node_goes_its_commands_have_an_unknown_outcome_and_its_reads_go_to_the_next()
    {
        var shard = new StandIns(this);
        shard.Command("a");
        shard.Call(RequestKind.Read, "r");
        Lead(shard, 2, term: 1);
        Batch(shard, 2);
        shard.Router.Tell(new PeerChanged(new ReplicaId(2), Up: false), ActorRefs.NoSender);

        var lost = shard.Asker.ExpectMsg<RequestRejected>();
        Assert.True(lost.OutcomeUnknown);
        Assert.Contains("n2 went away", lost.Message, StringComparison.Ordinal);
        Report(shard, from: 1, leader: 2, term: 1);
        shard[2].ExpectMsg<GetReplicaStatus>();
        Lead(shard, 3, term: 2);
        Assert.Equal(["r"], Payloads(Batch(shard, 3)));
    }

    [Fact]
    public void A_replica_that_stopped_loses_only_what_it_had_been_given()
    {
        var shard = new StandIns(this);
        Lead(shard, 2, term: 1);
        shard.Command("given");
        RequestBatch given = Batch(shard, 2);
        shard.Command("not given");
        RequestBatch notGiven = Batch(shard, 2);
        shard.Router.Tell(new ReplicaStopped(KeyValue.Group, 0, new ReplicaId(2), given.Number), shard[2]);
        Assert.True(shard.Asker.ExpectMsg<RequestRejected>().OutcomeUnknown);

        Down(shard, 2, notGiven, new Rejection(RejectReason.Unavailable));
        Lead(shard, 3, term: 2);
        Assert.Equal(["not given"], Payloads(Batch(shard, 3)));
    }

    [Fact]
    public void A_deadline_ends_a_call_with_group_shard_and_time_and_says_what_is_certain()
    {
        var shard = new StandIns(this);
        shard.Command("waits", timeoutMillis: 200);
        var waited = shard.Asker.ExpectMsg<RequestRejected>();
        Assert.Equal((RejectReason.NoQuorum, false), (waited.Reason, waited.OutcomeUnknown));
        Assert.Contains("group 'kv', shard 0 did not answer within 200 ms", waited.Message, StringComparison.Ordinal);

        Lead(shard, 2, term: 1);
        shard.Command("sent", timeoutMillis: 1_000);
        Batch(shard, 2);
        var sent = shard.Asker.ExpectMsg<RequestRejected>();
        Assert.Equal((RejectReason.NoQuorum, true), (sent.Reason, sent.OutcomeUnknown));
    }

    [Fact]
    public void The_deadline_travels_as_what_remains_of_it()
    {
        var shard = new StandIns(this);
        Lead(shard, 2, term: 1);
        shard.Command("a", timeoutMillis: 3_000);
        Assert.InRange(Batch(shard, 2).Requests.Single().RemainingMillis, 1, 3_000);
    }

    [Fact]
    public void Beyond_its_limits_the_router_refuses_as_overloaded_and_too_large_as_invalid()
    {
        var shard = new StandIns(this, settings => settings with { Router = settings.Router with { MaxRequests = 2 } });
        foreach (string command in new[] { "a", "b", "c" })
            shard.Command(command);
        Assert.Equal(RejectReason.Overloaded, shard.Asker.ExpectMsg<RequestRejected>().Reason);
        shard.Command(new string('x', 1 << 21));
        Assert.Equal(RejectReason.Invalid, shard.Asker.ExpectMsg<RequestRejected>().Reason);
    }

    [Fact]
    public void Batches_are_cut_by_bytes()
    {
        var shard = new StandIns(this, settings => settings with { Limits = settings.Limits with { BatchBytes = 1_024 } });
        string large = new('x', 700);
        foreach (string command in new[] { large, large, new string('y', 3_000), "z" })
            shard.Command(command);
        Lead(shard, 2, term: 1);
        Assert.Equal([700], Batch(shard, 2).Requests.Select(request => request.Payload.Length));
        Assert.Equal([700], Batch(shard, 2).Requests.Select(request => request.Payload.Length));
        Assert.Equal([3_000], Batch(shard, 2).Requests.Select(request => request.Payload.Length));
        Assert.Equal([1], Batch(shard, 2).Requests.Select(request => request.Payload.Length));
    }

    [Fact]
    public void A_term_that_died_with_its_replica_does_not_hide_the_leader_of_an_older_one()
    {
        var shard = new StandIns(this);
        Report(shard, from: 1, leader: 0, term: 9);
        shard.Command("a");
        shard[2].ExpectMsg<GetReplicaStatus>();
        shard.Router.Tell(Status(from: 2, leader: 2, term: 5), shard[2]);
        Assert.Equal(["a"], Payloads(Batch(shard, 2)));
    }

    [Fact]
    public void When_storage_has_failed_at_every_replica_what_waits_is_refused_at_once()
    {
        var shard = new StandIns(this);
        shard.Command("a");
        foreach (int node in new[] { 1, 2, 3 })
            shard.Router.Tell(new ReplicaReport(KeyValue.Group, 0, new ReplicaId(node), ReplicaHealth.StorageFailed, null) { Detail = "gone" }, shard[node]);
        var refused = shard.Asker.ExpectMsg<RequestRejected>(TimeSpan.FromSeconds(2));
        Assert.Equal((RejectReason.StorageUnavailable, false), (refused.Reason, refused.OutcomeUnknown));
    }

    [Fact]
    public void Stale_reads_go_to_the_replica_of_this_node()
    {
        var shard = new StandIns(this);
        Lead(shard, 2, term: 1);
        shard.Call(RequestKind.StaleRead, "r");
        Assert.Equal(["r"], Payloads(Batch(shard, 1)));
    }

    [Fact]
    public void A_leader_that_became_a_member_later_is_found_by_a_replicas_hint_once_its_node_is_known()
    {
        var shard = new StandIns(this);
        shard.Command("a");
        Lead(shard, 2, term: 1);
        shard.Nodes.Put(shard.Fourth);
        Reject(shard, 2, Batch(shard, 2), new Rejection(RejectReason.NotLeader, Leader: new ReplicaId(4)));
        Assert.Equal(["a"], Payloads(Batch(shard, 4)));
    }

    [Fact]
    public void When_none_of_the_replicas_it_knows_has_a_leader_the_router_asks_every_node()
    {
        var shard = new StandIns(this);
        shard.Nodes.Put(shard.Fourth);
        shard.Command("a");
        shard[4].ExpectMsg<GetReplicaStatus>(TimeSpan.FromSeconds(5));
        shard.Router.Tell(Status(from: 4, leader: 4, term: 3), shard[4]);
        Assert.Equal(["a"], Payloads(Batch(shard, 4)));
    }

    [Fact]
    public void A_node_that_its_leader_does_not_count_among_the_members_is_not_asked_any_more()
    {
        var shard = new StandIns(this);
        shard.Nodes.Put(shard.Fourth);
        ReplicaReport report = Status(from: 4, leader: 4, term: 1);
        shard.Router.Tell(report with { Status = report.Status! with { Members = new Membership([new(2), new(3), new(4)]) } }, shard[4]);
        shard.Router.Tell(new PeerChanged(new ReplicaId(4), Up: false), ActorRefs.NoSender);
        shard.Command("a");
        shard[3].ExpectMsg<GetReplicaStatus>();
        shard[2].ExpectMsg<GetReplicaStatus>();
        shard[1].ExpectNoMsg(TimeSpan.FromMilliseconds(20));
    }

    [Fact]
    public void A_witness_is_asked_for_no_state()
    {
        var shard = new StandIns(this);
        shard.Router.Tell(new ShardHeldBy(new Membership([new(2), new(3)], witnesses: [new(1)])), ActorRefs.NoSender);
        shard.Call(RequestKind.StaleRead, "r");
        Assert.Equal(["r"], Payloads(Batch(shard, 2)));
    }

    [Theory]
    [InlineData(RequestKind.FollowerRead)]
    [InlineData(RequestKind.BoundedRead)]
    public void A_read_for_any_replica_goes_to_the_one_of_this_node_and_to_the_leader_if_that_one_has_none_to_ask(RequestKind kind)
    {
        var shard = new StandIns(this);
        Lead(shard, 3, term: 1);
        shard.Call(kind, "r");
        RequestBatch batch = Batch(shard, 1);
        Assert.Equal(kind, Assert.Single(batch.Requests).Kind);
        Reject(shard, 1, batch, new Rejection(RejectReason.NotLeader));
        RequestBatch again = Batch(shard, 3);
        Answer(shard, 3, new RoutedReply(again.Requests[0].Id, KeyValue.Bytes("R"), null));
        Assert.Equal("R", Text(shard.Asker.ExpectMsg<QueryResult>().Result));
    }

    private static void Lead(StandIns shard, int node, long term) => Report(shard, node, node, term);

    private static void Report(StandIns shard, int from, int leader, long term) =>
        shard.Router.Tell(new ReplicaStatusChanged(Status(from, leader, term)), shard[from]);

    private static ReplicaReport Status(int from, int leader, long term) => new(
        KeyValue.Group, 0, new ReplicaId(from), ReplicaHealth.Running,
        new ReplicaStatus(from == leader ? "leader" : "follower", term, new ReplicaId(leader), 0, 0, 0, 0, true));

    private static RequestBatch Batch(StandIns shard, int node) =>
        (RequestBatch)shard[node].FishForMessage(message => message is RequestBatch, TimeSpan.FromSeconds(3));

    private static void Reject(StandIns shard, int node, RequestBatch batch, Rejection why, int[]? order = null) =>
        Answer(shard, node, [.. (order ?? [.. Enumerable.Range(0, batch.Requests.Length)]).Select(i => new RoutedReply(batch.Requests[i].Id, default, why))]);

    private static void Answer(StandIns shard, int node, params RoutedReply[] replies) =>
        shard.Router.Tell(new ReplyBatch(KeyValue.Group, 0, new ReplicaId(node), ReplicaDown: false, replies), shard[node]);

    private static void Down(StandIns shard, int node, RequestBatch batch, Rejection why) => shard.Router.Tell(
        new ReplyBatch(KeyValue.Group, 0, new ReplicaId(node), ReplicaDown: true, [.. batch.Requests.Select(request => new RoutedReply(request.Id, default, why))]), shard[node]);

    private static IEnumerable<string> Payloads(RequestBatch batch) => batch.Requests.Select(request => Text(request.Payload));

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
