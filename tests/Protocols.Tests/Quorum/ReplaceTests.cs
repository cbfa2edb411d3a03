using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Versions;
using ActorRepl.Simulation.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>Writes of clients that have no contexts, by themselves and many in one request.</summary>
public class ReplaceTests
{
    private readonly QuorumCluster _group = new();

    [Fact]
    public void A_value_that_is_set_follows_what_was_acknowledged_even_where_its_coordinator_lacks_it_and_its_clock_is_behind()
    {
        _group.World[1].WallSkew = 400 * Instant.Millisecond;
        _group.World.Isolate(3);
        Assert.NotNull(Set(1, "key", "earlier").Reply);
        _group.World.HealNetwork();
        Assert.Empty(_group.Held(3, "key"));
        Assert.NotNull(Set(3, "key", "later").Reply);
        Assert.Equal(["later"], _group.Values(1, "key"));
        Assert.Equal(["later"], _group.Held(3, "key"));
    }

    [Fact]
    public void A_value_is_not_set_where_too_few_say_what_it_follows_and_that_is_certain()
    {
        _group.World[2].Crash();
        _group.World[3].Crash();
        Rejection why = Set(1, "key", "a").Why!.Value;
        Assert.Equal(RejectReason.NoQuorum, why.Reason);
        Assert.False(why.OutcomeUnknown);
        Assert.Contains("1 did (n1), not n2, n3", why.Detail, StringComparison.Ordinal);
        Assert.Empty(_group.Held(1, "key"));
    }

    [Fact]
    public void The_same_set_again_at_another_coordinator_that_lacks_it_is_done_once()
    {
        var id = Guid.NewGuid();
        _group.World.Isolate(3);
        Assert.NotNull(Set(1, "key", "first", id).Reply);
        Assert.NotNull(Set(1, "key", "second").Reply);
        _group.World.HealNetwork();
        Assert.NotNull(Set(3, "key", "first", id).Reply);
        Assert.Equal(["second"], _group.Values(3, "key"));
    }

    [Fact]
    public void Many_keys_in_one_request_are_each_done_or_refused_by_themselves()
    {
        QuorumRequest[] sets = [Request("a", "1"), Request("b", "2"), Request("", new string('x', QuorumCluster.Quiet.MaxValueBytes + 1)), Request("a", "3")];
        QuorumPart[] done = Batch(RequestKind.Command, sets);
        Assert.Equal([true, true, false, true], done.Select(part => part.Reply is not null));
        Assert.Equal(RejectReason.Invalid, done[2].Why.Reason);
        QuorumPart[] read = Batch(RequestKind.Read, [Get("a"), Get("b"), Get("none")]);
        Assert.Equal(["3", "2", ""], read.Select(part => string.Concat(part.Reply!.Values.Select(value => System.Text.Encoding.UTF8.GetString(value.Span)))));
    }

    [Fact]
    public void A_reply_that_has_no_room_beside_the_others_of_its_batch_is_asked_for_again()
    {
        var group = new QuorumCluster(QuorumCluster.Quiet with { MaxMessageBytes = 1_000 });
        foreach (string key in (string[])["a", "b"])
            Assert.NotNull(group.Put(1, key, new string('x', 700)).Reply);
        QuorumPart[] read = Batch(RequestKind.Read, [Get("a"), Get("b")], group);
        Assert.NotNull(read[0].Reply);
        Assert.Equal((RejectReason.Dropped, false), (read[1].Why.Reason, read[1].Why.OutcomeUnknown));
    }

    [Fact]
    public void A_batch_of_which_all_is_refused_alike_is_refused()
    {
        QuorumOutcome outcome = Submit(RequestKind.Command, [Request("a", "1") with { DurableAcks = 9 }, Request("b", "2") with { DurableAcks = 9 }], _group);
        Assert.Null(outcome.Parts);
        Assert.Equal(RejectReason.Invalid, outcome.Why!.Value.Reason);
    }

    [Fact]
    public void A_set_at_a_coordinator_whose_clock_is_behind_is_refused_at_once_and_another_can_do_it()
    {
        foreach (int node in (int[])[1, 2])
            _group.World[node].WallSkew = 20 * Instant.Second;
        Assert.NotNull(Set(1, "key", "later").Reply);
        long before = _group.World.Time;
        QuorumOutcome refused = _group.Run(3, Request("key", "earlier", default), patience: 5 * Instant.Second);
        Assert.Equal((RejectReason.Unavailable, false), (refused.Why!.Value.Reason, refused.Why.Value.OutcomeUnknown));
        Assert.Contains("ahead of this replica's clock", refused.Why.Value.Detail, StringComparison.Ordinal);
        Assert.InRange(_group.World.Time - before, 0, Instant.Second);
    }

    [Fact]
    public void A_forged_context_ends_no_replica_and_takes_the_key_from_nobody()
    {
        VersionVector forged = VersionVector.Of([new Dot(new VersionSource(new ReplicaId(1), 0), long.MaxValue / 2), new Dot(new VersionSource(new ReplicaId(1), 2), long.MaxValue / 2)]);
        Assert.NotNull(_group.Put(2, "key", "forged", new KeyContext(forged, []).ToToken(QuorumCluster.Bytes("key"))).Reply);
        Assert.NotNull(Set(1, "key", "set").Reply);
        Assert.Equal(["set"], _group.Values(2, "key"));
        Assert.NotNull(_group.CompareValue(1, "key", "compared", "set").Reply);
        Assert.Equal(["compared"], _group.Values(3, "key"));
        Assert.NotNull(Set(1, "other", "b").Reply);
    }

    private static QuorumRequest Request(string key, string value, Guid id = default) => new(QuorumOperation.Put, QuorumCluster.Bytes(key), QuorumCluster.Bytes(value), Id: id, Replace: true);

    private static QuorumRequest Get(string key) => new(QuorumOperation.Get, QuorumCluster.Bytes(key));

    private QuorumOutcome Set(int node, string key, string value, Guid id = default) => _group.Run(node, Request(key, value, id));

    private QuorumPart[] Batch(RequestKind kind, QuorumRequest[] requests, QuorumCluster? group = null)
    {
        QuorumOutcome outcome = Submit(kind, requests, group ?? _group);
        Assert.True(outcome.Parts is not null, $"{outcome.Why}");
        return outcome.Parts;
    }

    private static QuorumOutcome Submit(RequestKind kind, QuorumRequest[] requests, QuorumCluster group)
    {
        QuorumOutcome? ended = null;
        group.World.Submit(1, kind, QuorumBatch.Encode(requests), 500 * Instant.Millisecond, outcome => ended = outcome);
        Assert.True(group.World.RunUntil(() => ended is not null, 10 * Instant.Second), "a batch ends");
        return ended!;
    }
}
