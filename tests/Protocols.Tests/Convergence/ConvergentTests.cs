using System.Text;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;
using ActorRepl.Simulation.Convergence;
using static ActorRepl.Protocols.Tests.Convergence.ConvergentCluster;

namespace ActorRepl.Protocols.Tests.Convergence;

/// <summary>What a client of a CRDT group notices.</summary>
public class ConvergentTests
{
    private static readonly CrdtKey Views = new(CrdtType.Counter, "views"), Tags = new(CrdtType.Set, "tags"), Note = new(CrdtType.Text, "note"), Fields = new(CrdtType.Map, "fields");
    private static readonly CrdtKey Entries = new(CrdtType.RemoveWinsMap, "entries"), Stock = new(CrdtType.BoundedCounter, "stock");

    [Fact]
    public void One_that_lost_its_disk_says_whom_it_waits_for()
    {
        var cluster = new ConvergentCluster();
        cluster.Update(1, new CrdtKey(CrdtType.Counter, "c"), new CrdtOperation.Add(1));
        cluster.UntilEven();
        cluster.World[3].Crash();
        cluster.World[2].LoseDisk();
        cluster.World[2].Start();
        cluster.World.RunFor(5 * Instant.Second);
        Rejection why = cluster.Refused(2, new CrdtUpdate(new CrdtKey(CrdtType.Counter, "c"), new CrdtOperation.Add(1)));
        Assert.Equal(RejectReason.Unavailable, why.Reason);
        Assert.Contains("n3 may have more", why.Detail);
        cluster.Run(1, RequestKind.ChangeMembers, new Membership([new(1), new(2)]).Encode(), patience: Instant.Second);
        cluster.UntilEven();
    }

    [Fact]
    public void The_fields_of_a_map_come_in_pages()
    {
        var cluster = new ConvergentCluster();
        var key = new CrdtKey(CrdtType.Map, "m");
        for (int i = 0; i < 10; i++)
        {
            foreach (Protocols.Crdt.StoreKind kind in (ReadOnlySpan<Protocols.Crdt.StoreKind>)[Protocols.Crdt.StoreKind.Counter, Protocols.Crdt.StoreKind.OrSet])
                cluster.Update(1, key, new CrdtOperation.Field(Encoding.UTF8.GetBytes($"f{i}"), kind, kind == Protocols.Crdt.StoreKind.Counter ? new CrdtOperation.Add(i + 1) : ConvergentCluster.Insert("x")));
        }

        var seen = new List<string>();
        while (((CrdtData.Fields)cluster.Read(1, new CrdtQuery.Page(key, Encoding.UTF8.GetBytes(seen.LastOrDefault() ?? ""), 3))).List is { Count: > 0 } page)
        {
            Assert.InRange(page.Count, 3, 4);
            seen.AddRange(page.Select(each => Encoding.UTF8.GetString(each.Field.Key.Span)));
        }

        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"f{i / 2}"), seen);
    }

    [Fact]
    public void A_value_of_many_messages_is_brought_to_one_that_lost_its_disk()
    {
        var cluster = new ConvergentCluster(new ConvergentOptions { CheckpointBytes = 200_000, MaxRetainedBytes = 100_000 });
        CrdtKey key = new(CrdtType.Map, "large"), text = new(CrdtType.Text, "long");
        for (int i = 0; i < 10; i++)
        {
            int from = 2_000 * i;
            cluster.Update(1 + i % 3, new CrdtUpdate([.. Enumerable.Range(from, 2_000).Select(at => (key, (CrdtOperation)new CrdtOperation.Field(Encoding.UTF8.GetBytes($"{at}"), Protocols.Crdt.StoreKind.MvRegister, new CrdtOperation.Write(new byte[150]))))]));
            cluster.Update(1 + i % 3, text, new CrdtOperation.InsertText(0, new string((char)('a' + i), 100_000)));
        }

        cluster.UntilEven();
        Assert.True(cluster.World[1].Store.StateOf(key)!.Length > 3_000_000);
        cluster.World[3].LoseDisk();
        cluster.World[3].Start();
        cluster.UntilEven();
        Assert.InRange(cluster.World.LargestMessage, 250_000, 700_000);
        cluster.World[2].Crash();
        cluster.World[2].Start();
        cluster.UntilEven();
    }

    [Fact]
    public void A_text_that_is_typed_and_deleted_again_and_again_keeps_what_is_visible_and_one_who_was_away_still_finds_its_place()
    {
        var cluster = new ConvergentCluster();
        var key = new CrdtKey(CrdtType.Text, "note");
        cluster.Update(1, key, new CrdtOperation.InsertText(0, "[]"));
        cluster.UntilEven();
        cluster.World.Isolate(3);
        cluster.Update(3, key, new CrdtOperation.InsertText(1, "away"));
        for (int i = 0; i < 100; i++)
            Retype(1 + i % 2);
        cluster.World.RunFor(3 * Instant.Second);
        Assert.True(KeptOf(1) > 1_000, "one that is away may not know of what was deleted");

        cluster.World.HealNetwork();
        cluster.UntilEven();
        Assert.True(cluster.World.RunUntil(() => Enumerable.Range(1, 3).All(node => KeptOf(node) == cluster.Text(node, key).Length), 10 * Instant.Second), "only what is visible is kept");
        Assert.Contains("away", cluster.Text(2, key));
        for (int i = 0; i < 100; i++)
        {
            Retype(1 + i % 3);
            cluster.World.RunFor(200 * Instant.Millisecond);
            Assert.InRange(KeptOf(2), 2, 200);
        }

        void Retype(int node)
        {
            cluster.Update(node, key, new CrdtOperation.InsertText(1, "some words"));
            cluster.Update(node, key, new CrdtOperation.DeleteRange(1, 10));
        }

        long KeptOf(int node) => Protocols.Crdt.CrdtCodec.Decode<Protocols.Crdt.Text>(cluster.World[node].Store.StateOf(key)).Kept;
    }

    [Fact]
    public void A_node_that_starts_again_with_other_limits_judges_what_it_had_as_it_did_and_what_comes_by_the_new_ones()
    {
        var group = new ConvergentCluster(new ConvergentOptions { MaxValueBytes = 2_000 });
        int done = 0;
        for (int i = 0; i < 300; i++)
            done += group.Run(1, RequestKind.Command, new CrdtUpdate(Tags, Insert($"element {i}")).ToBytes()).Reply is null ? 0 : 1;
        Assert.InRange(done, 50, 250);
        group.Update(1, Views, new CrdtOperation.Add(1));
        group.UntilEven();
        VersionVector before = group.World[1].Store.Vector;
        group.World.Options = new ConvergentOptions();
        group.World[1].Crash();
        group.World[1].Start();
        group.UntilEven();
        Assert.Equal((before, done), (group.World[1].Store.Vector, group.Elements(1, Tags).Length));
        group.Update(1, Tags, Insert("one more"));
        group.UntilEven();
        Assert.Equal(done + 1, group.Elements(2, Tags).Length);
    }

    [Fact]
    public void Updates_that_wait_for_others_are_not_asked_for_again_at_each_answer()
    {
        var group = new ConvergentCluster(members: 4);
        group.World.RunFor(Instant.Second);
        // Node 3 hears of nodes 1 and 4 through node 2 alone, and of what node 4 does not even so.
        int wants = 0;
        group.World.Loses = (from, to, message) =>
        {
            wants += from == 3 && message[0] == Want.Tag ? 1 : 0;
            return (from, to) is (1, 3) or (4, 3) or (3, 1) or (3, 4) || ((from, to) is (2, 3) && ConvergentMessage.Decode(message) is Units { Source.Replica.Value: 4 });
        };
        group.Update(4, Views, new CrdtOperation.Add(1));
        group.World.RunFor(Instant.Second / 10);
        group.Update(1, Views, new CrdtOperation.Add(1));
        group.World.RunFor(5 * Instant.Second);
        Assert.Equal((0, 2), (group.Number(3, Views), group.Number(2, Views)));
        Assert.InRange(wants, 4, 60);
        group.World.Loses = null;
        group.UntilEven();
    }

    [Fact]
    public void Any_member_takes_an_update_and_every_member_has_it_soon()
    {
        var group = new ConvergentCluster();
        for (int node = 1; node <= 3; node++)
            Assert.Equal(1, group.Update(node, new CrdtKey(CrdtType.Counter, $"by {node}"), new CrdtOperation.Add(1)).Values[0]);
        group.UntilEven();
        for (int node = 1; node <= 3; node++)
            Assert.Equal([1L, 1, 1], Enumerable.Range(1, 3).Select(by => group.Number(node, new CrdtKey(CrdtType.Counter, $"by {by}"))));
        Assert.Equal(0, group.Number(1, new CrdtKey(CrdtType.Counter, "never changed")));
    }

    [Fact]
    public void Members_that_are_cut_off_go_on_and_merge_when_they_meet_again()
    {
        var group = new ConvergentCluster();
        group.Update(1, Note, new CrdtOperation.InsertText(0, "abc"));
        group.Update(1, Tags, Insert("red"));
        group.UntilEven();
        group.World.Isolate(3);
        group.Update(1, Note, new CrdtOperation.InsertText(3, "d"));
        group.Update(3, Note, new CrdtOperation.DeleteRange(0, 1));
        group.Update(1, Tags, Remove("red"));
        group.Update(3, Tags, Insert("red"));
        group.Update(3, Views, new CrdtOperation.Add(5));
        group.Update(1, Views, new CrdtOperation.Add(2));
        Assert.Equal(("bc", "abcd"), (group.Text(3, Note), group.Text(1, Note)));
        group.World.HealNetwork();
        group.UntilEven();
        Assert.Equal(("bcd", 7), (group.Text(2, Note), group.Number(2, Views)));
        Assert.Equal(["red"], group.Elements(2, Tags));
    }

    [Fact]
    public void An_update_to_several_keys_is_done_whole_or_not_at_all()
    {
        var group = new ConvergentCluster();
        group.Update(1, new CrdtUpdate([(Tags, Insert("a")), (Note, new CrdtOperation.InsertText(0, "xy")), (Note, new CrdtOperation.DeleteRange(1, 1)), (Views, new CrdtOperation.Add(1))]));
        Assert.Contains("beyond the end", group.Refused(1, new CrdtUpdate([(Tags, Insert("b")), (Views, new CrdtOperation.Add(1)), (Note, new CrdtOperation.DeleteRange(1, 1))])).Detail!, StringComparison.Ordinal);
        Assert.Contains("rights", group.Refused(1, new CrdtUpdate([(Tags, Insert("c")), (Views, new CrdtOperation.Add(1)), (Stock, new CrdtOperation.Add(-1))])).Detail!, StringComparison.Ordinal);
        Assert.Contains("cannot be done", group.Refused(1, new CrdtUpdate([(Tags, Insert("d")), (Tags, new CrdtOperation.Add(1))])).Detail!, StringComparison.Ordinal);
        group.UntilEven();
        Assert.Equal(["a"], group.Elements(3, Tags));
        Assert.Equal(("x", 1), (group.Text(3, Note), group.Number(3, Views)));
    }

    [Fact]
    public void A_level_that_too_few_can_meet_says_so_and_what_was_done_here_stays()
    {
        var group = new ConvergentCluster();
        group.World[2].Crash();
        group.World[3].Crash();
        Rejection why = group.Refused(1, new CrdtUpdate(Views, new CrdtOperation.Add(1), level: ConsistencyLevel.Quorum));
        Assert.Equal((RejectReason.NoQuorum, true), (why.Reason, why.OutcomeUnknown));
        Assert.Contains("n2, n3", why.Detail!, StringComparison.Ordinal);
        Assert.Equal(1, group.Number(1, Views));
        Assert.Equal(RejectReason.NoQuorum, group.Run(1, RequestKind.Read, new CrdtRead(new CrdtQuery.Whole(Views), ConsistencyLevel.Quorum).ToBytes()).Why!.Value.Reason);
        group.World[2].Start();
        group.World[3].Start();
        group.UntilEven();
        Assert.Equal(1, group.Number(3, Views, ConsistencyLevel.All));
    }

    [Fact]
    public void What_a_majority_has_acknowledged_every_read_of_a_majority_finds()
    {
        var group = new ConvergentCluster();
        for (int round = 1; round <= 20; round++)
        {
            group.World.Isolate(1 + (round % 3));
            int writer = 1 + ((round + 1) % 3), reader = 1 + ((round + 2) % 3);
            group.Update(writer, new CrdtUpdate(Views, new CrdtOperation.Add(1), level: ConsistencyLevel.Quorum));
            Assert.Equal(round, group.Number(reader, Views, ConsistencyLevel.Quorum));
            group.World.HealNetwork();
            Assert.Equal(round, group.Number(1 + (round % 3), Views, ConsistencyLevel.Quorum));
        }
    }

    [Fact]
    public void The_same_update_sent_again_wherever_it_is_known_counts_once()
    {
        var group = new ConvergentCluster();
        var id = Guid.NewGuid();
        var update = new CrdtUpdate(Views, new CrdtOperation.Add(3), id, ConsistencyLevel.All);
        Assert.Equal(3, group.Update(1, update).Values[0]);
        Assert.Equal(3, group.Update(1, update).Values[0]);
        Assert.Equal(3, group.Update(2, update).Values[0]);
        group.World[1].Crash();
        group.World[1].Start();
        group.UntilEven();
        Assert.Equal(3, group.Update(1, update).Values[0]);
    }

    [Fact]
    public void A_bounded_counter_is_taken_from_by_who_has_the_rights_and_rights_are_handed_on()
    {
        var group = new ConvergentCluster();
        group.Update(1, Stock, new CrdtOperation.Add(10));
        group.UntilEven();
        Assert.Contains("rights to take 0 of the 10", group.Refused(2, new CrdtUpdate(Stock, new CrdtOperation.Add(-1))).Detail!, StringComparison.Ordinal);
        group.Update(1, Stock, new CrdtOperation.Transfer(new ReplicaId(2), 4));
        Assert.Contains("node 9 is no member of the shard", group.Refused(1, new CrdtUpdate(Stock, new CrdtOperation.Transfer(new ReplicaId(9), 1))).Detail!, StringComparison.Ordinal);
        group.UntilEven();
        Assert.Equal(7, group.Update(2, Stock, new CrdtOperation.Add(-3)).Values[0]);
        Assert.Equal(new CrdtData.Number(7, 1), group.Read(2, new CrdtQuery.Whole(Stock)));
    }

    [Fact]
    public void Who_lost_its_disk_serves_nobody_until_it_has_all_that_the_others_have()
    {
        var group = new ConvergentCluster();
        for (int i = 0; i < 50; i++)
            group.Update(1 + (i % 3), new CrdtUpdate(Tags, Insert($"e{i}"), level: ConsistencyLevel.Quorum));
        group.World[3].LoseDisk();
        group.World.Isolate(2);
        group.World[3].Start();
        group.World.RunFor(5 * Instant.Second);
        Assert.Equal(RejectReason.Unavailable, group.Refused(3, new CrdtUpdate(Tags, Insert("x"))).Reason);
        group.World.HealNetwork();
        group.UntilEven();
        Assert.Equal(50, group.Elements(3, Tags).Length);
        group.Update(3, new CrdtUpdate(Tags, Insert("y"), level: ConsistencyLevel.All));
        Assert.Contains(group.World[1].Store.Vector.Last, last => last.Source.Replica.Value == 3 && last.Source.Generation != 0);
    }

    [Fact]
    public void A_replica_says_who_lacks_how_much_and_what_it_keeps_for_them()
    {
        var group = new ConvergentCluster();
        group.Update(1, Views, new CrdtOperation.Add(1));
        group.UntilEven();
        group.World.RunFor(3 * Instant.Second); // what all have is let go of
        group.World.Isolate(3);
        for (int i = 0; i < 5; i++)
            group.Update(1, Fields, new CrdtOperation.Field(Encoding.UTF8.GetBytes("n"), StoreKind.Counter, new CrdtOperation.Add(1)));
        group.Refused(1, new CrdtUpdate(Stock, new CrdtOperation.Add(-1)));
        group.Update(3, Views, new CrdtOperation.Add(1));
        group.World.RunFor(2 * Instant.Second);
        SpreadProgress one = SpreadOf(1), three = SpreadOf(3);
        Assert.Equal([(2, true, 0L, 0L), (3, true, 5L, 0L)], one.Members.Select(member => (member.Id.Value, member.Heard, member.Lacks, member.Ahead)));
        Assert.InRange(one.Members[1].SilentMicros, 2 * Instant.Second, 3 * Instant.Second);
        Assert.Equal((5, 1, 2, 5), (one.KeptUpdates, one.Refused, one.Keys, one.Tags));
        Assert.Equal(1, three.KeptUpdates);
        Assert.Equal([1L, 1L], three.Members.Select(member => member.Lacks));
        Assert.True(one.KeptBytes > 0, "what is kept has bytes");

        group.World[2].LoseDisk();
        group.World[2].Start();
        group.World.RunFor(Instant.Second);
        Assert.True(SpreadOf(2).Rebuilding, "one that lost its disk waits for all");
        group.World.HealNetwork();
        group.UntilEven();
        group.World.RunFor(5 * Instant.Second);
        Assert.Equal((0, 0, false), (SpreadOf(1).KeptUpdates, SpreadOf(1).Tags, SpreadOf(2).Rebuilding));
        Assert.InRange(SpreadOf(2).Comparisons, 1, 10);

        SpreadProgress SpreadOf(int node) => group.World[node].Replica!.Status.Spread!;
    }

    [Fact]
    public void A_long_absence_is_made_up_by_trees_and_brings_only_what_differs()
    {
        var group = new ConvergentCluster(new ConvergentOptions { MaxRetainedBytes = 2_000 });
        for (int i = 0; i < 300; i++)
            group.Update(1, new CrdtKey(CrdtType.Counter, $"key{i}"), new CrdtOperation.Add(1));
        group.UntilEven();
        group.World.Isolate(3);
        for (int i = 0; i < 60; i++)
            group.Update(1, new CrdtKey(CrdtType.Counter, $"key{i}"), new CrdtOperation.Add(1));
        group.Update(3, Views, new CrdtOperation.Add(9));
        group.World.HealNetwork();
        group.UntilEven();
        Assert.Equal((2, 1, 9), (group.Number(3, new CrdtKey(CrdtType.Counter, "key59")), group.Number(3, new CrdtKey(CrdtType.Counter, "key60")), group.Number(1, Views)));
        Assert.InRange(group.World[3].Staged, 60, 120);
    }

    [Fact]
    public void What_everybody_has_leaves_nothing_behind()
    {
        var group = new ConvergentCluster();
        for (int i = 0; i < 30; i++)
        {
            byte[] field = Encoding.UTF8.GetBytes($"f{i % 3}");
            group.Update(1 + (i % 3), Fields, new CrdtOperation.Field(field, StoreKind.Counter, new CrdtOperation.Add(1)));
            group.Update(1 + (i % 3), Entries, new CrdtOperation.Field(field, StoreKind.MvRegister, new CrdtOperation.Write(field)));
            group.Update(1 + ((i + 1) % 3), Entries, new CrdtOperation.RemoveField(field, StoreKind.MvRegister));
            group.Update(1, Tags, Insert($"e{i}"));
            group.Update(2, Tags, Remove($"e{i}"));
        }

        group.UntilEven();
        group.World.RunFor(10 * Instant.Second);
        group.UntilEven();
        Assert.All(group.World.MemberNodes, node =>
        {
            Assert.Equal(0, node.Store.RetainedBytes);
            Assert.True(node.Store.StateOf(Fields)!.Length < 120, "the additions of a source are one");
            Assert.True(node.Store.StateOf(Entries)!.Length < 200, "removals are forgotten");
        });
    }

    [Fact]
    public void An_update_can_ask_that_what_it_was_made_for_is_unchanged_and_a_feed_says_what_changed()
    {
        var group = new ConvergentCluster();
        group.Update(1, Note, new CrdtOperation.InsertText(0, "ab"));
        CrdtAnswer seen = CrdtAnswer.Decode(group.Run(1, RequestKind.Read, new CrdtRead(new CrdtQuery.Whole(Note)).ToBytes()).Reply!);
        var condition = new CrdtCondition(Note, seen.Feed, seen.Views[0].Version);
        Assert.True(group.Update(1, new CrdtUpdate(Note, new CrdtOperation.InsertText(1, "x")) { Unchanged = [condition] }).Applied);
        Assert.False(group.Update(1, new CrdtUpdate(Note, new CrdtOperation.InsertText(1, "y")) { Unchanged = [condition] }).Applied);
        Assert.Equal("axb", group.Text(1, Note));
        group.Update(2, Tags, Insert("z"));
        group.UntilEven();
        var changes = (CrdtData.Changes)group.Read(1, new CrdtQuery.Changes(seen.Feed, seen.Position, 10));
        Assert.False(changes.All);
        Assert.Equal([Note, Tags], changes.List);
        Assert.True(((CrdtData.Changes)group.Read(2, new CrdtQuery.Changes(seen.Feed, seen.Position, 10))).All);
    }

    [Fact]
    public void A_newcomer_takes_the_place_of_a_member_and_has_everything()
    {
        var group = new ConvergentCluster();
        for (int i = 0; i < 20; i++)
            group.Update(1 + (i % 3), new CrdtUpdate(Tags, Insert($"e{i}"), level: ConsistencyLevel.Quorum));
        group.World.Install(new Membership([new(1), new(2), new(3), new(4)]));
        group.UntilEven();
        group.World.Install(new Membership([new(1), new(2), new(4)]));
        group.World.RunFor(Instant.Second);
        group.UntilEven();
        Assert.Equal(20, group.Elements(4, Tags).Length);
        Assert.Equal(1, group.Update(4, new CrdtUpdate(Tags, Insert("new"), level: ConsistencyLevel.All)).Values[0]);
    }

    [Fact]
    public void What_a_member_has_acknowledged_alone_is_not_lost_when_it_leaves()
    {
        var group = new ConvergentCluster();
        int left = 100;
        var acknowledged = new List<string>();
        for (int i = 0; i < 100; i++)
        {
            string element = $"e{i}";
            group.World.After(i * 3 * Instant.Millisecond, () => group.World.Submit(3, RequestKind.Command, new CrdtUpdate(Tags, Insert(element)).ToBytes(), Instant.Second, outcome =>
            {
                left--;
                if (outcome.Reply is not null)
                    acknowledged.Add(element);
            }));
        }

        // What it takes stays with it for a while.
        group.World.After(100 * Instant.Millisecond, () => group.World.Cut(new(3), new(1)));
        group.World.After(100 * Instant.Millisecond, () => group.World.Cut(new(3), new(2)));
        group.World.After(2 * Instant.Second, group.World.HealNetwork);
        ConvergentOutcome? changed = null;
        group.World.After(150 * Instant.Millisecond, () => group.World.Submit(1, RequestKind.ChangeMembers, new Membership([new(1), new(2)]).Encode(), 20 * Instant.Second, outcome => changed = outcome));
        Assert.True(group.World.RunUntil(() => changed is not null && left == 0, 30 * Instant.Second), "the change ends");
        Assert.NotNull(changed!.Reply);
        group.UntilEven();
        Assert.InRange(acknowledged.Count, 40, 100);
        Assert.Empty(acknowledged.Except(group.Elements(1, Tags)));
        Assert.Equal(2, group.World.Members.Members.Count);
    }

    [Fact]
    public void A_change_of_members_that_nobody_answers_ends_at_its_deadline_and_the_next_one_is_taken()
    {
        var group = new ConvergentCluster();
        group.World.Isolate(3);
        group.World[3].Crash();
        ConvergentOutcome late = group.Run(1, RequestKind.ChangeMembers, new Membership([new(1), new(2)]).Encode(), patience: Instant.Second);
        Assert.True(late.Reply is not null || late.Why!.Value.OutcomeUnknown);
        group.World.RunFor(2 * Instant.Second);
        Assert.NotNull(group.Run(1, RequestKind.ChangeMembers, new Membership([new(1), new(2)]).Encode(), patience: Instant.Second).Reply);
    }

    [Fact]
    public void A_value_that_has_grown_too_large_can_be_made_smaller_and_grows_no_more()
    {
        var group = new ConvergentCluster(new ConvergentOptions { MaxValueBytes = 655_360 });
        string half = new('x', 300_000);
        group.Update(1, Note, new CrdtOperation.InsertText(0, half));
        group.Update(1, Note, new CrdtOperation.InsertText(0, half));
        Assert.Contains("over 655360", group.Refused(1, new CrdtUpdate(Note, new CrdtOperation.InsertText(0, half))).Detail!, StringComparison.Ordinal);
        group.Update(1, Note, new CrdtOperation.DeleteRange(0, 300_000));
        group.Update(1, Note, new CrdtOperation.InsertText(0, "y"));
        group.UntilEven();
    }
}
