using System.Text;
using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Tests.Convergence;

public class StoreTests
{
    private static readonly VersionSource Source = new(new ReplicaId(1));

    [Fact]
    public void A_checkpoint_brings_back_all_of_a_store_texts_that_were_being_edited_too()
    {
        ConvergentStore store = Begun();
        long index = 1;
        for (int i = 0; i < 200; i++)
        {
            Apply(store, ++index, new CrdtUpdate(new CrdtKey(CrdtType.Text, "note"), new CrdtOperation.InsertText(i / 2, $"{i}"), Guid.NewGuid()));
            Apply(store, ++index, new CrdtUpdate(new CrdtKey(CrdtType.Set, $"set{i % 7}"), ConvergentCluster.Insert($"e{i}")));
        }

        using ICheckpointView view = store.BeginCheckpoint();
        ReadOnlyMemory<byte>[] segments = [.. view.Segments(1_000)];
        Apply(store, ++index, new CrdtUpdate(new CrdtKey(CrdtType.Text, "note"), new CrdtOperation.Clear()));
        var restored = new ConvergentStore();
        restored.Restore(segments);
        Assert.NotEqual(store.Root(), restored.Root());
        Apply(restored, index, new CrdtUpdate(new CrdtKey(CrdtType.Text, "note"), new CrdtOperation.Clear()));
        Assert.Equal((store.Root(), store.Vector, store.RetainedBytes), (restored.Root(), restored.Vector, restored.RetainedBytes));
    }

    [Fact]
    public void A_value_larger_than_a_segment_comes_in_parts()
    {
        ConvergentStore store = Begun();
        long index = 1;
        var random = new DeterministicRandom(4);
        CrdtKey map = new(CrdtType.Map, "large"), text = new(CrdtType.Text, "long");
        for (int i = 0; i < 20; i++)
        {
            Apply(store, ++index, new CrdtUpdate([.. Enumerable.Range(0, 1_000).Select(at => (map, (CrdtOperation)new CrdtOperation.Field(Encoding.UTF8.GetBytes($"field {1_000 * i + at}"), Protocols.Crdt.StoreKind.MvRegister, new CrdtOperation.Write(new byte[150]))))]));
            Apply(store, ++index, new CrdtUpdate(text, new CrdtOperation.InsertText(i, new string((char)('a' + i), 200_000))));
        }

        Assert.True(store.StateOf(map)!.Length > 3_000_000 && store.StateOf(text)!.Length > 3_900_000);
        using ICheckpointView view = store.BeginCheckpoint();
        ReadOnlyMemory<byte>[] segments = [.. view.Segments(256 * 1024)];
        Assert.All(segments.Where(segment => segment.Span[0] is 1 or 7), segment => Assert.InRange(segment.Length, 1, 256 * 1024));
        var restored = new ConvergentStore();
        restored.Restore(segments);
        Assert.Equal(store.Root(), restored.Root());
        ReadOnlyMemory<byte>[] without = [.. segments.Where((segment, i) => i == 0 || segment.Span[0] != 7 || segments[i - 1].Span[0] == 7)];
        Assert.ThrowsAny<InvalidDataException>(() => new ConvergentStore().Restore(without));
    }

    [Fact]
    public void A_value_takes_no_more_than_its_limit_and_nothing_is_changed_by_what_is_refused()
    {
        var store = new ConvergentStore(new ConvergentOptions { MaxValueBytes = 100_000, MaxUpdateBytes = 50_000 });
        store.Apply(new AppliedCommand(1, 1, new StoreUpdate.Begin(Source, Anew: true).ToBytes()));
        var key = new CrdtKey(CrdtType.Set, "s");
        long index = 1;
        while (store.ApproximateBytes < 1_000_000 && Outcome(store, ++index, Elements(index, 100)) is null)
        {
        }

        UInt128 root = store.Root();
        Assert.InRange(store.StateOf(key)!.Length, 80_000, 100_000);
        Assert.Contains("100000", Outcome(store, ++index, Elements(index, 200)));
        // Every second one goes: what is left has no two dots side by side, and its removal in one is large.
        for (int i = 2; i < 60; i++)
            Assert.Null(Outcome(store, ++index, new CrdtUpdate([.. Enumerable.Range(0, 50).Select(at => (key, (CrdtOperation)ConvergentCluster.Remove($"{i}-{2 * at}")))])));
        Assert.NotEqual(root, store.Root());
        Assert.Null(Outcome(store, ++index, Elements(index, 100)));

        CrdtUpdate Elements(long from, int count) => new([.. Enumerable.Range(0, count).Select(at => (key, (CrdtOperation)ConvergentCluster.Insert($"{from}-{at}")))]);
    }

    [Fact]
    public void An_update_that_becomes_larger_than_a_message_holds_is_refused_and_leaves_no_trace()
    {
        var store = new ConvergentStore(new ConvergentOptions { MaxUpdateBytes = 1_500 });
        store.Apply(new AppliedCommand(1, 1, new StoreUpdate.Begin(Source, Anew: true).ToBytes()));
        CrdtKey set = new(CrdtType.Set, "s"), text = new(CrdtType.Text, "t");
        long index = 1;
        for (int i = 0; i < 1_000; i++)
        {
            Assert.Null(Outcome(store, ++index, new CrdtUpdate(set, ConvergentCluster.Insert($"{i}"))));
            Assert.Null(Outcome(store, ++index, new CrdtUpdate(text, new CrdtOperation.InsertText(i / 2, "xy"))));
            if (i % 2 == 0)
                Assert.Null(Outcome(store, ++index, new CrdtUpdate(set, ConvergentCluster.Remove($"{i}"))));
        }

        // What is visible of one source in one piece is removed by naming its ends.
        for (int i = 0; i < 600; i++)
            Assert.Null(Outcome(store, ++index, new CrdtUpdate(text, new CrdtOperation.DeleteRange(i, 1))));
        UInt128 root = store.Root();
        Assert.Contains("1500 is the most", Outcome(store, ++index, new CrdtUpdate(set, new CrdtOperation.Clear())));
        Assert.Contains("1500 is the most", Outcome(store, ++index, new CrdtUpdate([(set, ConvergentCluster.Insert("new")), (set, new CrdtOperation.Clear())])));
        Assert.Contains("1500 is the most", Outcome(store, ++index, new CrdtUpdate(text, new CrdtOperation.Clear())));
        Assert.Equal(root, store.Root());
        Assert.Null(Outcome(store, ++index, new CrdtUpdate(text, new CrdtOperation.DeleteRange(0, 20))));
    }

    [Fact]
    public void Changes_that_a_member_lacks_are_told_apart_up_to_a_limit()
    {
        var store = new ConvergentStore(new ConvergentOptions { MaxTagBytes = 20_000 });
        store.Apply(new AppliedCommand(1, 1, new StoreUpdate.Begin(Source, Anew: true).ToBytes()));
        CrdtKey map = new(CrdtType.Map, "m"), counter = new(CrdtType.Counter, "c");
        CrdtUpdate change = new(map, new CrdtOperation.Field("f"u8.ToArray(), Protocols.Crdt.StoreKind.Counter, new CrdtOperation.Add(1)));
        long index = 1;
        int made = 0;
        for (; made < 10_000 && Outcome(store, ++index, change) is null; made++)
        {
        }

        Assert.InRange(made, 500, 2_000);
        Assert.Contains("20000 is the most", Outcome(store, ++index, change));
        Assert.Null(Outcome(store, ++index, new CrdtUpdate(counter, new CrdtOperation.Add(1))));
        store.Apply(new AppliedCommand(++index, index, new StoreUpdate.Stable(store.Vector, store.Vector).ToBytes()));
        Assert.Null(Outcome(store, ++index, change));
    }

    [Fact]
    public void What_is_no_request_is_refused_and_changes_nothing()
    {
        ConvergentStore store = Begun();
        byte[] update = new CrdtUpdate([(new CrdtKey(CrdtType.Map, "m"), new CrdtOperation.Field("k"u8.ToArray(), StoreKind.Counter, new CrdtOperation.Add(1)))], Guid.NewGuid()).ToBytes();
        var random = new DeterministicRandom(5);
        for (int i = 0; i < 5_000; i++)
        {
            byte[] damaged = [.. update[..(int)random.Next(update.Length + 1)]];
            for (int j = (int)random.Next(4); j > 0 && damaged.Length > 0; j--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            store.Apply(new AppliedCommand(2 + i, 1, new StoreUpdate.Local(damaged).ToBytes()));
            store.Query(new StoreQuery.Read(damaged).ToBytes());
            store.Apply(new AppliedCommand(2 + i, 1, new StoreUpdate.Remote(new VersionSource(new ReplicaId(2)), Unit(store, damaged)).ToBytes()));
        }
    }

    [Fact]
    public void A_counter_that_went_to_both_ends_becomes_as_few_parts_as_fit_once_stable()
    {
        ConvergentStore store = Begun();
        var key = new CrdtKey(CrdtType.Map, "m");
        long index = 1;
        foreach (long amount in (long[])[long.MaxValue, -long.MaxValue, long.MaxValue])
            Apply(store, ++index, new CrdtUpdate(key, new CrdtOperation.Field("n"u8.ToArray(), Protocols.Crdt.StoreKind.Counter, new CrdtOperation.Add(amount))));
        store.Apply(new AppliedCommand(++index, index, new StoreUpdate.Stable(store.Vector, store.Vector).ToBytes()));
        CrdtData field = Read(store, new CrdtQuery.Field(key, [new Protocols.Crdt.MapField("n", Protocols.Crdt.StoreKind.Counter)]));
        Assert.Equal(new CrdtData.Number(long.MaxValue), field);
    }

    [Fact]
    public void A_counter_that_replicas_brought_beyond_64_bits_is_not_read_and_harms_nothing_else()
    {
        ConvergentStore store = Begun();
        var key = new CrdtKey(CrdtType.Counter, "n");
        var theirs = new VersionSource(new ReplicaId(2));
        Apply(store, 2, new CrdtUpdate(key, new CrdtOperation.Add(long.MaxValue)));
        Apply(store, 3, new CrdtUpdate(new CrdtKey(CrdtType.Counter, "fine"), new CrdtOperation.Add(1)));
        byte[] delta = Protocols.Crdt.CrdtCodec.Encode(new Protocols.Crdt.PNCounter().Add(theirs, long.MaxValue));
        byte[] unit = new UpdateUnit(1, VersionVector.Empty, VersionVector.Empty, Guid.Empty, [(key, delta)]).ToBytes();
        store.Apply(new AppliedCommand(4, 4, new StoreUpdate.Remote(theirs, unit).ToBytes()));
        Assert.False(StoreAnswer.IsOk(store.Query(new StoreQuery.Read(new CrdtRead(new CrdtQuery.Whole(key)).ToBytes()).ToBytes()), out _, out string? why));
        Assert.Contains("64 bits", why, StringComparison.Ordinal);
        Assert.Equal(new CrdtData.Number(1), Read(store, new CrdtQuery.Whole(new CrdtKey(CrdtType.Counter, "fine"))));
    }

    [Fact]
    public void A_store_that_is_asked_again_for_what_it_keeps_for_a_peer_shows_what_it_was()
    {
        ConvergentStore store = Begun();
        Apply(store, 2, new CrdtUpdate(new CrdtKey(CrdtType.Counter, "a"), new CrdtOperation.Add(1)));
        byte[] freeze = new StoreQuery.Freeze(new ReplicaId(2), 7).ToBytes();
        byte[] first = store.Query(freeze).ToArray();
        Apply(store, 3, new CrdtUpdate(new CrdtKey(CrdtType.Counter, "a"), new CrdtOperation.Add(1)));
        Assert.Equal(first, store.Query(freeze).ToArray());
        Assert.NotEqual(first, store.Query(new StoreQuery.Freeze(new ReplicaId(2), 8).ToBytes()).ToArray());
    }

    private static CrdtData Read(ConvergentStore store, CrdtQuery query)
    {
        Assert.True(StoreAnswer.IsOk(store.Query(new StoreQuery.Read(new CrdtRead(query).ToBytes()).ToBytes()), out ReadOnlyMemory<byte> answer, out _));
        return CrdtAnswer.Decode(answer.Span).Views[0].Data;
    }

    /// <summary>The delta is nonsense: it is left out, and what comes after it goes on.</summary>
    private static byte[] Unit(ConvergentStore store, byte[] delta) =>
        new UpdateUnit(store.Vector[new VersionSource(new ReplicaId(2))] + 1, VersionVector.Empty, VersionVector.Empty, Guid.Empty, [(new CrdtKey(CrdtType.Text, "t"), delta), (new CrdtKey(CrdtType.RemoveWinsMap, "r"), delta)]).ToBytes();

    [Fact]
    public void What_is_refused_of_a_large_value_changes_nothing_and_stops_nobody()
    {
        ConvergentStore store = Begun();
        var set = new CrdtKey(CrdtType.Set, "large");
        var map = new CrdtKey(CrdtType.Map, "map");
        long index = 1;
        for (int i = 0; i < 300; i++)
        {
            Apply(store, ++index, new CrdtUpdate(set, ConvergentCluster.Insert($"element {i}")));
            Apply(store, ++index, new CrdtUpdate(map, new CrdtOperation.Field(BitConverter.GetBytes(i), StoreKind.Counter, new CrdtOperation.Add(long.MaxValue))));
        }

        UInt128 before = store.Root();
        Apply(store, ++index, new CrdtUpdate(set, ConvergentCluster.Insert("one more")));
        Apply(store, ++index, new CrdtUpdate(set, new CrdtOperation.Add(1)));
        Apply(store, ++index, new CrdtUpdate(map, new CrdtOperation.Field(BitConverter.GetBytes(7), StoreKind.Counter, new CrdtOperation.Add(1))));
        Apply(store, ++index, new CrdtUpdate([(set, ConvergentCluster.Insert("and another")), (map, new CrdtOperation.Add(1))]));
        Apply(store, ++index, new CrdtUpdate(set, ConvergentCluster.Remove("one more")));
        Assert.Equal(602, store.Vector[Source]);
        Assert.NotEqual(before, store.Root());
        Assert.Equal(new CrdtData.Switch(false), Answer(store, new CrdtQuery.Contains(set, "and another"u8.ToArray())));
        Assert.Equal(new CrdtData.Number(300), Answer(store, new CrdtQuery.Count(set)));
    }

    [Fact]
    public void A_text_is_not_edited_by_an_update_of_which_something_else_is_refused()
    {
        ConvergentStore store = Begun();
        CrdtKey text = new(CrdtType.Text, "note"), stock = new(CrdtType.BoundedCounter, "stock");
        Apply(store, 2, new CrdtUpdate(text, new CrdtOperation.InsertText(0, "ab")));
        Apply(store, 3, new CrdtUpdate([(text, new CrdtOperation.InsertText(0, "x")), (stock, new CrdtOperation.Add(-1))]));
        Assert.Equal(new CrdtData.Text("ab"), Answer(store, new CrdtQuery.Whole(text)));
        Assert.Equal(1, store.Vector[Source]);
    }

    [Fact]
    public void Additions_whose_sum_does_not_fit_are_collected_apart()
    {
        ConvergentStore store = Begun();
        var map = new CrdtKey(CrdtType.Map, "map");
        foreach (long amount in (long[])[long.MaxValue, -long.MaxValue, long.MaxValue, -long.MaxValue, 5])
            Apply(store, 1 + store.Position + 1, new CrdtUpdate(map, new CrdtOperation.Field("f"u8.ToArray(), StoreKind.Counter, new CrdtOperation.Add(amount))));
        store.Apply(new AppliedCommand(100, 1, new StoreUpdate.Stable(store.Vector, store.Vector).ToBytes()));
        var fields = (CrdtData.Fields)Answer(store, new CrdtQuery.Whole(map));
        Assert.Equal(new CrdtData.Number(5), fields.List[0].Value);
    }

    [Fact]
    public void A_store_that_is_frozen_again_under_the_same_name_is_what_it_was()
    {
        ConvergentStore store = Begun();
        Apply(store, 2, new CrdtUpdate(new CrdtKey(CrdtType.Set, "s"), ConvergentCluster.Insert("a")));
        byte[] first = store.Query(new StoreQuery.Freeze(new ReplicaId(2), 7).ToBytes()).ToArray();
        Apply(store, 3, new CrdtUpdate(new CrdtKey(CrdtType.Set, "s"), ConvergentCluster.Insert("b")));
        Assert.Equal(first, store.Query(new StoreQuery.Freeze(new ReplicaId(2), 7).ToBytes()).ToArray());
        Assert.NotEqual(first, store.Query(new StoreQuery.Freeze(new ReplicaId(2), 8).ToBytes()).ToArray());
    }

    [Fact]
    public void A_few_bytes_that_tell_of_many_deleted_letters_take_little_memory()
    {
        var text = new Text();
        var other = new Text();
        // One letter, then very many that were deleted before anybody else saw them.
        text.Insert(Source, 0, "a");
        for (int i = 0; i < 60; i++)
        {
            text.Insert(Source, 1, new string('b', 1 << 20));
            text.Delete(1, 1 << 20);
        }

        text.Insert(Source, 1, "c");
        byte[] whole = CrdtCodec.Encode(text), delta = text.TakeDelta().Encode();
        Assert.InRange(whole.Length + delta.Length, 1, 2_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Text read = CrdtCodec.Decode<Text>(whole);
        Assert.True(other.TryMerge(SequenceDelta.Decode<char>(delta)));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Equal(("ac", "ac"), (read.ToString(), other.ToString()));
        read.Insert(new VersionSource(new ReplicaId(2)), 1, "x");
        Assert.Equal("axc", read.ToString());
        Assert.Equal(whole, CrdtCodec.Encode(other));
    }

    [Fact]
    public void What_is_deleted_makes_no_room_in_a_text_whose_deleted_letters_some_member_may_not_know_of()
    {
        ConvergentStore store = Begun();
        CrdtKey key = new(CrdtType.Text, "t");
        VersionSource theirs = new(new ReplicaId(2));
        var text = new Text();
        text.Insert(theirs, 0, "a");
        for (int left = CrdtLimits.SequenceElements - 1_001; left > 0; left -= 1 << 20)
        {
            text.Insert(theirs, 1, new string('b', Math.Min(left, 1 << 20)));
            text.Delete(1, Math.Min(left, 1 << 20));
        }

        byte[] unit = new UpdateUnit(1, VersionVector.Empty, VersionVector.Empty, Guid.Empty, [(key, text.TakeDelta().Encode())]).ToBytes();
        store.Apply(new AppliedCommand(2, 2, new StoreUpdate.Remote(theirs, unit).ToBytes()));
        Assert.Null(Outcome(store, 3, new CrdtUpdate(key, new CrdtOperation.InsertText(0, new string('c', 600)))));
        // 400 have room, and no more when 500 of those that are there go in the same update.
        Assert.Contains($"{CrdtLimits.SequenceElements} is the most", Outcome(store, 4, new CrdtUpdate([(key, new CrdtOperation.DeleteRange(0, 500)), (key, new CrdtOperation.InsertText(0, new string('d', 600)))])));
        Assert.Null(Outcome(store, 5, new CrdtUpdate([(key, new CrdtOperation.DeleteRange(0, 500)), (key, new CrdtOperation.InsertText(0, new string('d', 300)))])));
        Assert.Equal(new CrdtData.Number(401), Answer(store, new CrdtQuery.Count(key)));
    }

    [Fact]
    public void Decoded_values_are_bounded_by_their_bytes_and_not_by_their_number_alone()
    {
        var hot = new HotValues(most: 10, mostBytes: 1_000);
        for (int i = 0; i < 5; i++)
        {
            IReadOnlyList<HotValue> cooled = hot.Add(Of(i, 400));
            Assert.Equal(i < 2 ? [] : [$"v{i - 2}"], cooled.Select(value => Encoding.UTF8.GetString(value.Key.Name.Span)));
        }

        // The one that is used now stays, and stays alone where it is larger than all may be.
        Assert.Equal(2, hot.Add(Of(5, 5_000)).Count);
        Assert.Equal(["v5"], hot.All.Select(value => Encoding.UTF8.GetString(value.Key.Name.Span)));
        Assert.Single(hot.Add(Of(6, 10)));
        for (int i = 7; i < 30; i++)
            hot.Add(Of(i, 10));
        Assert.Equal(10, hot.All.Count());

        static HotValue Of(int number, long bytes) => new(new CrdtKey(CrdtType.Set, $"v{number}"), new object()) { Bytes = bytes };
    }

    /// <summary>An operator changes the limits and starts the node again: what was refused then stays refused, and what was done stays done.</summary>
    [Theory]
    [InlineData(1_000_000)]
    [InlineData(200)]
    public void A_log_that_is_replayed_under_other_limits_gives_the_same_values_and_numbers(int other)
    {
        ConvergentOptions then = new() { MaxValueBytes = 3_000, MaxUpdateBytes = 2_000, MaxTagBytes = 3_000 };
        List<byte[]> log = [new StoreUpdate.Limits(then.MaxValueBytes, then.MaxUpdateBytes, then.MaxTagBytes).ToBytes(), new StoreUpdate.Begin(Source, Anew: false).ToBytes()];
        for (int i = 0; i < 400; i++)
        {
            log.Add(new StoreUpdate.Local(new CrdtUpdate(new CrdtKey(CrdtType.Set, "s"), ConvergentCluster.Insert($"element {i}")).ToBytes()).ToBytes());
            log.Add(new StoreUpdate.Local(new CrdtUpdate(new CrdtKey(CrdtType.Map, "m"), new CrdtOperation.Field("f"u8.ToArray(), StoreKind.Counter, new CrdtOperation.Add(1))).ToBytes()).ToBytes());
            log.Add(new StoreUpdate.Local(new CrdtUpdate(new CrdtKey(CrdtType.Counter, "c"), new CrdtOperation.Add(1)).ToBytes()).ToBytes());
        }

        ConvergentStore live = new(then), replayed = new(new ConvergentOptions { MaxValueBytes = other, MaxUpdateBytes = other, MaxTagBytes = other });
        for (int i = 0; i < log.Count; i++)
        {
            live.Apply(new AppliedCommand(i + 1, i, log[i]));
            // What peers ask and what clients read is not in the log.
            if (i % 17 == 0)
                live.Root();
        }

        for (int i = 0; i < log.Count; i++)
            replayed.Apply(new AppliedCommand(i + 1, i, log[i]));
        Assert.InRange(live.Vector[Source], 500, 1_100);
        Assert.Equal((live.Vector, live.Root()), (replayed.Vector, replayed.Root()));

        // A checkpoint says by what is judged after it.
        using ICheckpointView view = live.BeginCheckpoint();
        var restored = new ConvergentStore(new ConvergentOptions { MaxValueBytes = other, MaxUpdateBytes = other, MaxTagBytes = other });
        restored.Restore(view.Segments(1_000));
        foreach (ConvergentStore store in (ConvergentStore[])[live, restored])
        {
            for (int i = 0; i < 10; i++)
                store.Apply(new AppliedCommand(log.Count + 1 + i, i, log[^3]));
        }

        Assert.Equal((live.Vector, live.Root()), (restored.Vector, restored.Root()));
    }

    private static ConvergentStore Begun(int replica = 1)
    {
        var store = new ConvergentStore();
        store.Apply(new AppliedCommand(1, 1, new StoreUpdate.Begin(new VersionSource(new ReplicaId(replica)), Anew: false).ToBytes()));
        return store;
    }

    private static CrdtData Answer(ConvergentStore store, CrdtQuery query) => CrdtAnswer.Decode(store.Query(new CrdtRead(query).ToBytes()).Span).Views[0].Data;

    private static void Apply(ConvergentStore store, long index, CrdtUpdate update) => store.Apply(new AppliedCommand(index, index, new StoreUpdate.Local(update.ToBytes()).ToBytes()));

    /// <summary>Null: it was done.</summary>
    private static string? Outcome(ConvergentStore store, long index, CrdtUpdate update)
    {
        Apply(store, index, update);
        StoreStanding standing = StoreStanding.Decode(store.Query(new StoreQuery.Standing(index, index).ToBytes()));
        return StoreAnswer.IsOk(standing.Outcomes[0].Answer, out _, out string? why) ? null : why;
    }
}
