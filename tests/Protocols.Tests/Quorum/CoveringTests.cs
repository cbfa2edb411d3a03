using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Versions;
using ActorRepl.Simulation.Quorum;

namespace ActorRepl.Protocols.Tests.Quorum;

/// <summary>Sets in one round: written at once, and once more where owners had more than their coordinator knew.</summary>
public class CoveringTests
{
    private readonly QuorumCluster _group = new();

    [Fact]
    public void A_set_is_one_message_to_each_other_owner_and_one_back()
    {
        Assert.NotNull(Set(1, "a").Reply);
        _group.World.RunFor(100 * Instant.Millisecond);
        long before = _group.World.Messages;
        Assert.NotNull(Set(1, "b").Reply);
        _group.World.RunFor(100 * Instant.Millisecond);
        Assert.Equal(4, _group.World.Messages - before);
        Assert.All((int[])[1, 2, 3], node => Assert.Equal(["b"], _group.Held(node, "key")));
    }

    [Fact]
    public void A_set_follows_what_was_acknowledged_even_where_its_coordinator_lacks_it_and_its_clock_is_behind()
    {
        _group.World[1].WallSkew = 400 * Instant.Millisecond;
        _group.World.Isolate(3);
        Assert.NotNull(Set(1, "earlier").Reply);
        _group.World.HealNetwork();
        Assert.Empty(_group.Held(3, "key"));
        Assert.NotNull(Set(3, "later").Reply);
        Assert.Equal(["later"], _group.Values(1, "key"));
        Assert.Equal(["later"], _group.Held(3, "key"));
    }

    [Fact]
    public void A_set_that_is_sent_again_after_another_has_followed_it_does_not_come_back()
    {
        var id = new Guid("00000000-0000-0000-0000-000000000001");
        _group.World.Isolate(3);
        Assert.NotNull(Set(1, "first", id).Reply);
        Assert.NotNull(Set(1, "second").Reply);
        _group.World.HealNetwork();
        Assert.NotNull(Set(3, "first", id, again: true).Reply);
        Assert.Equal(["second"], _group.Values(3, "key"));
    }

    [Fact]
    public void A_set_whose_coordinator_heard_nobody_is_finished_by_whoever_gets_it_next()
    {
        var id = new Guid("00000000-0000-0000-0000-000000000001");
        _group.World.Isolate(3);
        Assert.NotNull(Set(1, "earlier").Reply);
        _group.World.HealNetwork();
        foreach (int other in (int[])[1, 2])
            _group.World.Cut(new ReplicaId(other), new ReplicaId(3));
        Rejection why = Set(3, "later", id).Why!.Value;
        Assert.Equal((RejectReason.NoQuorum, true), (why.Reason, why.OutcomeUnknown));
        _group.World.HealNetwork();
        Assert.Equal(["earlier", "later"], _group.Values(1, "key").Order());
        Assert.NotNull(Set(2, "later", id, again: true).Reply);
        Assert.Equal(["later"], _group.Values(1, "key"));
        Assert.NotNull(Set(1, "latest").Reply);
        Assert.NotNull(Set(2, "later", id, again: true).Reply);
        Assert.Equal(["latest"], _group.Values(3, "key"));
    }

    [Fact]
    public void Where_too_few_are_known_to_be_there_nothing_is_begun()
    {
        _group.World[2].Crash();
        _group.World[3].Crash();
        foreach (int other in (int[])[2, 3])
            _group.World[1].Tell(new Input.PeerHint(new ReplicaId(other), Up: false));
        Rejection why = Set(1, "a").Why!.Value;
        Assert.Equal((RejectReason.NoQuorum, false), (why.Reason, why.OutcomeUnknown));
        Assert.Empty(_group.Held(1, "key"));
    }

    [Fact]
    public void What_too_few_have_acknowledged_may_be_done()
    {
        _group.World[2].Crash();
        _group.World[3].Crash();
        Rejection why = Set(1, "a").Why!.Value;
        Assert.Equal((RejectReason.NoQuorum, true), (why.Reason, why.OutcomeUnknown));
        Assert.Contains("1 did (n1), not n2, n3", why.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void An_owner_that_lost_its_disk_acknowledges_a_set_and_does_not_say_that_it_had_no_more()
    {
        _group.World.Isolate(3);
        Assert.NotNull(Set(1, "earlier").Reply);
        _group.World.HealNetwork();
        _group.World[1].Crash();
        _group.World[2].LoseDisk();
        _group.World[2].Start();
        _group.World.RunFor(100 * Instant.Millisecond);
        Assert.True(_group.World[2].Replica!.IsRebuilding);
        Rejection why = Set(3, "later").Why!.Value;
        Assert.Equal((RejectReason.NoQuorum, true), (why.Reason, why.OutcomeUnknown));
        Assert.Equal(["later"], _group.Held(2, "key"));
    }

    /// <summary>What was acknowledged without it is still on its way to it; and when its word is heard, reads may ask it.</summary>
    [Fact]
    public void An_owner_that_is_being_filled_acknowledges_a_set_and_does_not_say_that_it_had_no_more()
    {
        RingView founded = RingView.Found([.. Enumerable.Range(1, 3).Select(id => new ReplicaId(id))], QuorumCluster.Quiet), copying = founded.Join(new ReplicaId(4), QuorumCluster.Quiet);
        var joins = new SteppedReplica(4, [1, 2, 3], QuorumCluster.Quiet, joins: true);
        joins.Take(new Input.ViewChanged(copying.Epoch, copying.Encode()));
        Assert.False(joins.IsRebuilding);
        byte[] key = Enumerable.Range(0, 100).Select(i => QuorumCluster.Bytes($"key{i}")).First(each => new KeyPlacement(copying).Of(each).Contains(new ReplicaId(4)));

        joins.Receive(1, new Cover([new Parcel(17, default, key, Write(KeyVersions.Empty, replica: 1, Guid.Empty, "a"))]), copying.Epoch);
        CoverAck ack = Assert.Single(joins.Sent.Select(each => each.Message).OfType<CoverAck>());
        Assert.Empty(ack.Covering);
        Assert.Equal([17], ack.Others);
    }

    [Fact]
    public void Sets_at_all_coordinators_at_once_are_all_acknowledged_and_the_next_one_replaces_them()
    {
        for (int round = 0; round < 20; round++)
        {
            var ended = new List<QuorumOutcome>();
            for (int node = 1; node <= 3; node++)
                _group.World.Submit(node, Request($"{round}.{node}", default, again: false), Instant.Second, ended.Add);
            Assert.True(_group.World.RunUntil(() => ended.Count == 3, 2 * Instant.Second), "sets end");
            Assert.All(ended, outcome => Assert.True(outcome.Reply is not null, $"{outcome.Why}"));
            string[] values = _group.Values(2, "key");
            Assert.InRange(values.Length, 1, 3);
            Assert.All(values, value => Assert.StartsWith($"{round}.", value, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_provisional_name_gives_way_to_the_final_one_and_not_the_other_way_round()
    {
        var id = new Guid("00000000-0000-0000-0000-000000000001");
        Assert.True(WriteName.IsProvisional(WriteName.ProvisionalOf(id)) && !WriteName.IsProvisional(id));
        Assert.Equal((id, Guid.Empty), (WriteName.FinalOf(WriteName.ProvisionalOf(id)), WriteName.ProvisionalOf(Guid.Empty)));
        KeyVersions begun = Write(KeyVersions.Empty, replica: 1, WriteName.ProvisionalOf(id), "x"), final = Write(KeyVersions.Empty, replica: 2, id, "x");
        Assert.Equal(id, Assert.Single(begun.Merge(final).Set.Siblings).Value.Id);
        Assert.True(begun.Merge(final).IsSame(final.Merge(begun)));
        KeyVersions follows = Write(final, replica: 2, new Guid("00000000-0000-0000-0000-000000000002"), "y");
        Assert.Equal("y", Text(Assert.Single(begun.Merge(follows).Set.Siblings)));
        KeyVersions instead = Write(begun, replica: 1, new Guid("00000000-0000-0000-0000-000000000003"), "z");
        Assert.Equal(2, final.Merge(instead).Set.Siblings.Count);
    }

    private static KeyVersions Write(KeyVersions before, int replica, Guid name, string value)
    {
        var source = new VersionSource(new ReplicaId(replica), 0);
        var dot = new Dot(source, before.Set.Clock[source] + 1);
        return before.Write(before.Context, dot, new StoredValue(new HybridTime(dot.Counter, replica), name, IsTombstone: false, QuorumCluster.Bytes(value)));
    }

    private static string Text(Sibling<StoredValue> sibling) => System.Text.Encoding.UTF8.GetString(sibling.Value.Bytes.Span);

    private static QuorumRequest Request(string value, Guid id, bool again) =>
        new(QuorumOperation.Put, QuorumCluster.Bytes("key"), QuorumCluster.Bytes(value), Id: id, Replace: true, First: !again);

    private QuorumOutcome Set(int node, string value, Guid id = default, bool again = false) => _group.Run(node, Request(value, id, again));
}
