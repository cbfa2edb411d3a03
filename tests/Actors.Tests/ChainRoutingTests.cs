using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using Akka.Actor;
using Akka.TestKit.Xunit2;

namespace ActorRepl.Actors.Tests;

/// <summary>Where requests to a chain go: commands to its head, linearizable reads to its tail. This node is node 1.</summary>
public sealed class ChainRoutingTests : TestKit
{
    [Fact]
    public void Commands_go_to_the_head_and_reads_to_the_tail()
    {
        StandIns shard = Chain(2, 1, 3);
        shard.Command("c");
        shard.Call(RequestKind.Read, "r");
        Assert.Equal("c", Text(Batch(shard, 2)));
        Assert.Equal("r", Text(Batch(shard, 3)));
    }

    [Fact]
    public void What_waits_for_the_tail_does_not_hold_up_what_goes_to_the_head()
    {
        StandIns shard = Chain(2, 1, 3);
        Down(shard, 3);
        shard.Call(RequestKind.Read, "r");
        shard.Command("c");
        Assert.Equal("c", Text(Batch(shard, 2)));
        Say(shard, 2, epoch: 2, 2, 1);
        Assert.Equal("r", Text(Batch(shard, 1)));
    }

    [Fact]
    public void A_read_that_went_to_a_tail_that_is_none_any_more_goes_to_the_next_one_at_once()
    {
        StandIns shard = Chain(1, 2, 3);
        shard.Call(RequestKind.Read, "r");
        Batch(shard, 3);
        Say(shard, 1, epoch: 2, 1, 2);
        Assert.Equal("r", Text(Batch(shard, 2)));
    }

    [Fact]
    public void A_link_that_may_not_answer_says_who_can()
    {
        StandIns shard = Chain(1, 2, 3);
        shard.Call(RequestKind.Read, "r");
        Reject(shard, 3, Batch(shard, 3), new Rejection(RejectReason.NotLeader, Leader: new ReplicaId(2)));
        Assert.Equal("r", Text(Batch(shard, 2)));
        shard.Command("c");
        Reject(shard, 1, Batch(shard, 1), new Rejection(RejectReason.NotLeader, Leader: new ReplicaId(3)));
        Assert.Equal("c", Text(Batch(shard, 3)));
    }

    [Fact]
    public void A_read_that_the_nearest_link_cannot_answer_goes_to_the_tail()
    {
        StandIns shard = Chain(2, 1, 3);
        shard.Read(ReadFrom.Nearest, "r", RequestKind.FollowerRead);
        Reject(shard, 1, Batch(shard, 1), new Rejection(RejectReason.NotLeader, Leader: new ReplicaId(3)));
        Assert.Equal("r", Text(Batch(shard, 3)));
        // The head's place is its own: nobody said anything about it.
        shard.Command("c");
        Assert.Equal("c", Text(Batch(shard, 2)));
    }

    [Fact]
    public void A_read_that_the_nearest_link_cannot_answer_as_it_is_cut_off_goes_to_the_tail()
    {
        StandIns shard = Chain(2, 1, 3);
        shard.Read(ReadFrom.Nearest, "r", RequestKind.FollowerRead);
        Reject(shard, 1, Batch(shard, 1), new Rejection(RejectReason.Unavailable, Detail: "cut off"));
        Assert.Equal("r", Text(Batch(shard, 3)));
    }

    [Fact]
    public void Of_a_chain_the_secondaries_are_those_that_are_not_the_tail_and_only_links_are_asked()
    {
        StandIns shard = Chain(2, 3);
        shard.Read(ReadFrom.Nearest, "n", RequestKind.StaleRead);
        shard.Read(ReadFrom.Secondary, "s", RequestKind.StaleRead);
        Assert.Equal("s", Text(Batch(shard, 2)));
    }

    [Fact]
    public void An_older_epoch_is_not_believed()
    {
        StandIns shard = Chain(1, 2, 3);
        Say(shard, 1, epoch: 5, 1, 2);
        Say(shard, 3, epoch: 1, 1, 2, 3);
        shard.Call(RequestKind.Read, "r");
        Assert.Equal("r", Text(Batch(shard, 2)));
    }

    [Fact]
    public void A_command_that_a_lost_head_had_is_not_sent_again_and_one_that_it_had_not_goes_to_the_next()
    {
        StandIns shard = Chain(2, 1, 3);
        shard.Command("under way");
        Batch(shard, 2);
        Down(shard, 2);
        RequestRejected lost = shard.Asker.ExpectMsg<RequestRejected>();
        Assert.True(lost is { OutcomeUnknown: true, Reason: RejectReason.Unavailable }, lost.Message);
        shard.Command("new");
        Say(shard, 1, epoch: 2, 1, 3);
        Assert.Equal("new", Text(Batch(shard, 1)));
    }

    [Fact]
    public void Where_every_link_may_answer_a_read_that_does_not_say_where_is_for_the_nearest()
    {
        var group = new GroupDefinition { Name = KeyValue.Group, Protocol = new ChainStub(anywhere: true), Machine = () => new KeyValueMachine() };
        Assert.Equal((RequestKind.FollowerRead, ReadFrom.Nearest), Reads.Resolve(group, RequestKind.Read, ReadFrom.Default));
        Assert.Equal((RequestKind.StaleRead, ReadFrom.Nearest), Reads.Resolve(group, RequestKind.StaleRead, ReadFrom.Default));
        Assert.Equal((RequestKind.Read, ReadFrom.Primary), Reads.Resolve(group, RequestKind.Read, ReadFrom.Primary));
        Assert.Equal((RequestKind.Command, ReadFrom.Default), Reads.Resolve(group, RequestKind.Command, ReadFrom.Default));
    }

    private StandIns Chain(params int[] links)
    {
        var shard = new StandIns(this, protocol: new ChainStub(anywhere: false));
        Say(shard, links[0], epoch: 1, links);
        return shard;
    }

    /// <summary>A replica says what the chain is.</summary>
    private static void Say(StandIns shard, int speaker, long epoch, params int[] links)
    {
        ReplicaId[] chain = [.. links.Select(link => new ReplicaId(link))];
        var status = new ReplicaStatus("link", epoch, chain[0], 0, 0, 0, 0, true) { Links = chain };
        shard.Router.Tell(new ReplicaReport(KeyValue.Group, 0, new ReplicaId(speaker), ReplicaHealth.Running, status), shard[speaker]);
    }

    private static void Down(StandIns shard, int node) => shard.Router.Tell(new PeerChanged(new ReplicaId(node), Up: false), ActorRefs.NoSender);

    private static RequestBatch Batch(StandIns shard, int node) =>
        (RequestBatch)shard[node].FishForMessage(message => message is RequestBatch, TimeSpan.FromSeconds(3));

    private static void Reject(StandIns shard, int node, RequestBatch batch, Rejection why) => shard.Router.Tell(
        new ReplyBatch(KeyValue.Group, 0, new ReplicaId(node), ReplicaDown: false, [.. batch.Requests.Select(request => new RoutedReply(request.Id, default, why))]),
        shard[node]);

    private static string Text(RequestBatch batch) => Encoding.UTF8.GetString(batch.Requests.Single().Payload.Span);

    private sealed class ChainStub(bool anywhere) : IProtocolFactory
    {
        public string Name => "stub";

        public bool ReadsAtTail => true;

        public bool ReadsAnywhere => anywhere;

        public IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false) => throw new NotSupportedException();
    }
}
