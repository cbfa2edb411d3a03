using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using FsCheck;
using FsCheck.Fluent;
using static ActorRepl.Protocols.Tests.Machines.ShownReplies;

namespace ActorRepl.Protocols.Tests.Machines;

/// <summary>Versions, conditions, expiry, lists, batches and changes, as those who use them see them.</summary>
public class KeyValueTermsTests
{
    private const long Second = 1_000_000;

    private readonly KeyValueMachine _machine = new();
    private long _index;
    private long _wall = 1_000_000 * Second;

    private long Now => _wall / 1000;

    [Fact]
    public void A_version_is_higher_than_all_before_it_and_no_two_writes_have_the_same()
    {
        Assert.Equal("-1", Apply(p => p.VersionOf("a"u8)));
        List<KeyValueReply> replies = Run(p => p.Put("a"u8, "1"u8, new KeyValueTerms(Return: KeyReturn.Version)).Put("a"u8, "2"u8, new KeyValueTerms(Return: KeyReturn.Version)));
        Assert.True(replies[0].Integer < replies[1].Integer);
        Assert.Equal($"{replies[1].Integer}", Apply(p => p.VersionOf("a"u8)));
        Assert.Equal(_index - 1, KeyValueVersion.IndexOf(replies[1].Integer));
        long later = Run(p => p.Append("a"u8, "3"u8).VersionOf("a"u8))[1].Integer;
        Assert.True(later > replies[1].Integer);
    }

    [Fact]
    public void A_write_on_a_condition_is_done_if_it_holds()
    {
        Assert.Equal("nil ok nil", Apply(p => p.Put("a"u8, "1"u8, new(KeyCondition.Present)).Put("a"u8, "1"u8, new(KeyCondition.Missing)).Put("a"u8, "2"u8, new(KeyCondition.Missing))));
        long version = Run(p => p.VersionOf("a"u8))[0].Integer;
        Assert.Equal("nil 1", Apply(p => p.Put("a"u8, "x"u8, new(KeyCondition.Version, version - 1)).Get("a"u8)));
        Assert.Equal("ok nil nil 2", Apply(p => p.Put("a"u8, "2"u8, new(KeyCondition.Version, version)).Put("a"u8, "3"u8, new(KeyCondition.Version, version))
            .DeleteIf("a"u8, new(KeyCondition.Version, version)).Get("a"u8)));
        Assert.Equal("2 nil 9", Apply(p => p.Put("a"u8, "9"u8, new(Return: KeyReturn.Old)).Put("b"u8, "1"u8, new(KeyCondition.Present, Return: KeyReturn.Old)).GetDelete("a"u8)));
        version = Run(p => p.Set("c"u8, "1"u8).VersionOf("c"u8))[1].Integer;
        Assert.Equal("1 0 ok", Apply(p => p.DeleteIf("c"u8, new(KeyCondition.Version, version)).DeleteIf("c"u8, new(KeyCondition.Version, version))
            .Put("c"u8, "n"u8, new(KeyCondition.Version, KeyValueVersion.Missing))));
    }

    [Fact]
    public void A_key_is_there_until_the_time_of_the_log_reaches_its_end_and_not_a_moment_longer()
    {
        Assert.Equal("ok", Apply(p => p.Put("a"u8, "v"u8, new(Expiry: KeyExpiry.In, Millis: 1_500))));
        Assert.Equal($"{Now + 1_500}", Apply(p => p.ExpiresAt("a"u8)));
        _wall += Second;
        Assert.Equal("v 1", Apply(p => p.Get("a"u8).CountKeys()));
        _wall += Second / 2;
        Assert.Equal("v", Query(p => p.Get("a"u8)));
        Assert.Equal("nil 0 -2", Apply(p => p.Get("a"u8).CountKeys().ExpiresAt("a"u8)));

        // A later leader's clock is behind: time does not go back.
        _wall -= 10 * Second;
        Assert.Equal("ok nil", Apply(p => p.Put("b"u8, "v"u8, new(Expiry: KeyExpiry.At, Millis: Now + 5_000)).Get("b"u8)));
    }

    [Fact]
    public void A_reader_whose_time_is_past_an_end_is_told_to_have_it_written_down_first()
    {
        Apply(p => p.Put("a"u8, "v"u8, new(Expiry: KeyExpiry.In, Millis: 100)));
        Assert.Equal("v", Query(p => p.AsOf(Now + 99).Get("a"u8)));
        Assert.Equal(KeyValueReplyKind.Due, Assert.Single(Replies(_machine.Query(new KeyValuePayload().AsOf(Now + 100).Get("other"u8).Get("a"u8).ToArray()))).Kind);
        _wall += Second;
        Assert.Equal("nil nil", Apply(p => p.AsOf(Now).Get("other"u8).Get("a"u8)));
        Assert.Equal("nil", Query(p => p.AsOf(Now + 1000).Get("a"u8)));
    }

    [Fact]
    public void Of_two_times_the_replicas_decides_and_not_the_readers()
    {
        Apply(p => p.Put("a"u8, "v"u8, new(Expiry: KeyExpiry.In, Millis: 100)));
        KeyValueReply Ask(long reader, long replica) => Assert.Single(Replies(_machine.Query(new KeyValuePayload().AsOf(reader).Get("a"u8).ToArray(), replica * 1000)));
        Assert.Equal(KeyValueReplyKind.Bytes, Ask(reader: Now + 300_000, replica: Now + 99).Kind);
        Assert.Equal(KeyValueReplyKind.Due, Ask(reader: Now - 300_000, replica: Now + 100).Kind);
    }

    [Fact]
    public void What_changes_a_value_keeps_its_end_and_what_replaces_it_does_not()
    {
        var soon = new KeyValueTerms(Expiry: KeyExpiry.In, Millis: 5_000);
        long end = Now + 5_000;
        Assert.Equal($"ok 6 {end}", Apply(p => p.Put("n"u8, "5"u8, soon).IncrementBy("n"u8, 1).ExpiresAt("n"u8)));
        Assert.Equal($"2 {end} 3 {end} ok {end}", Apply(p => p.Append("n"u8, "0"u8).ExpiresAt("n"u8).SetRange("n"u8, 2, "1"u8).ExpiresAt("n"u8)
            .Put("n"u8, "7"u8, new(Expiry: KeyExpiry.Keep)).ExpiresAt("n"u8)));
        Assert.Equal("ok -1", Apply(p => p.Set("n"u8, "8"u8).ExpiresAt("n"u8)));
        Assert.Equal("1 0 0 1 0 1 -1 0", Apply(p => p.Expire("n"u8, soon).Expire("n"u8, soon with { Condition = KeyCondition.NeverExpires })
            .Expire("n"u8, soon with { Condition = KeyCondition.Later }).Expire("n"u8, soon with { Condition = KeyCondition.Later, Millis = 6_000 })
            .Expire("n"u8, soon with { Condition = KeyCondition.Sooner, Millis = 7_000 }).Expire("n"u8, new(KeyCondition.Expires)).ExpiresAt("n"u8)
            .Expire("n"u8, new(KeyCondition.Expires))));
        Assert.Equal("1 nil", Apply(p => p.Expire("n"u8, new(Expiry: KeyExpiry.At, Millis: 1)).Get("n"u8)));
        Assert.Equal($"ok ok {end} nil", Apply(p => p.Put("o"u8, "1"u8, soon).Rename("o"u8, "p"u8).ExpiresAt("p"u8).Get("o"u8)));
    }

    [Fact]
    public void Ends_that_were_moved_again_and_again_take_no_memory_and_the_last_one_counts()
    {
        long first = Now + 1_000_000, before = 0;
        for (int i = 0; i < 10_000; i++)
        {
            Apply(p => p.Put("a"u8, "v"u8, new(Expiry: KeyExpiry.At, Millis: first + i)).Put("b"u8, "v"u8, new(Expiry: KeyExpiry.In, Millis: 50)));
            Apply(p => _ = i % 2 == 0 ? p.Delete("b"u8) : p.Set("b"u8, "v"u8).Rename("b"u8, "c"u8));
            before = i == 1 ? _machine.ApproximateBytes : before;
        }

        Assert.Equal(before, _machine.ApproximateBytes);
        _wall = (first + 9_998) * 1000;
        Assert.Equal("1 1", Apply(p => p.Exists("a"u8).Exists("c"u8)));
        _wall += 1000;
        Assert.Equal("0 1", Apply(p => p.Exists("a"u8).Exists("c"u8)));
    }

    [Fact]
    public void Ranges_and_decimals_are_those_of_redis()
    {
        Assert.Equal("ok This ing This is a string string nil", Apply(p => p.Set("s"u8, "This is a string"u8).GetRange("s"u8, 0, 3).GetRange("s"u8, -3, -1)
            .GetRange("s"u8, 0, -1).GetRange("s"u8, 10, 100).GetDelete("none"u8)));
        Assert.Equal("11 Hello Redis 6 0", Apply(p => p.Append("h"u8, "Hello World"u8).SetRange("i"u8, 0, "Hello Redis"u8).Get("i"u8).SetRange("z"u8, 5, "x"u8).SetRange("y"u8, 5, ""u8))
            .Replace("11 11", "11", StringComparison.Ordinal));
        Assert.Equal("ok 10.6 5.6 ok 5200", Apply(p => p.Set("d"u8, "10.50"u8).IncrementByDecimal("d"u8, "0.1"u8).IncrementByDecimal("d"u8, "-5"u8)
            .Set("e"u8, "5.0e3"u8).IncrementByDecimal("e"u8, "2.0e2"u8)));
        Assert.Equal("ok ERR value is not a valid float", Apply(p => p.Set("d"u8, "x"u8).IncrementByDecimal("d"u8, "1"u8)));
    }

    [Fact]
    public void A_batch_is_carried_out_whole_if_the_versions_are_those_it_names_and_else_not_at_all()
    {
        long a = Run(p => p.Set("a"u8, "1"u8).VersionOf("a"u8))[1].Integer;
        KeyValuePayload both = new KeyValuePayload().Set("a"u8, "2"u8).Set("b"u8, "2"u8);
        Assert.Equal("nil skipped skipped 1 ok", Apply(p => p.Atomic([(Bytes("a"), a), (Bytes("b"), 7)], both).Get("a"u8).Set("after"u8, "x"u8)));
        Assert.Equal("ok ok ok 2", Apply(p => p.Atomic([(Bytes("a"), a), (Bytes("b"), KeyValueVersion.Missing)], both).Get("b"u8)));
        Assert.Equal("nil skipped skipped", Apply(p => p.Atomic([(Bytes("a"), a)], both)));
    }

    [Fact]
    public void Keys_are_listed_in_order_with_the_limit_and_from_where_the_last_page_ended() =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed =>
        {
            var random = new DeterministicRandom(seed);
            var machine = new KeyValueMachine();
            var model = new SortedDictionary<string, string>(StringComparer.Ordinal);
            long index = 0;
            for (int round = 0; round < 6; round++)
            {
                for (int i = 0; i < 300; i++)
                {
                    string key = $"{(char)('a' + random.Next(3))}{random.Next(400)}", value = $"{i}";
                    bool delete = random.Chance(1, 3);
                    KeyValuePayload payload = delete ? new KeyValuePayload().Delete(Bytes(key)) : new KeyValuePayload().Set(Bytes(key), Bytes(value));
                    machine.Apply(new AppliedCommand(++index, 0, payload.ToArray()));
                    if (delete)
                        model.Remove(key);
                    else
                        model[key] = value;
                }

                // Only from the second round on are the keys kept in order.
                string prefix = random.Next(3) switch { 0 => "", 1 => "b", _ => "c1" };
                int limit = 1 + (int)random.Next(40);
                Assert.Equal(model.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)), Listed(machine, prefix, limit));
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Changes_are_read_on_from_any_version_that_is_kept_each_once_and_in_order()
    {
        long start = Changes(-1, 10).Next;
        Apply(p => p.Set("a"u8, "1"u8).Set("b"u8, "1"u8));
        Apply(p => p.Put("a"u8, "2"u8, new(Expiry: KeyExpiry.In, Millis: 1_000)).Delete("none"u8));
        long middle = Changes(start, 10).Next;
        _wall += 2 * Second;
        Apply(p => p.Delete("b"u8));
        Assert.Equal(["Set a 1", "Set b 1", "Set a 2", "Expired a ", "Deleted b "], All(start, 1));
        Assert.Equal(["Set a 1", "Set b 1", "Set a 2", "Expired a ", "Deleted b "], All(start, 100));
        Assert.Equal(["Expired a ", "Deleted b "], All(middle, 1));
        Assert.Equal(["Set b 1", "Deleted b "], All(start, 2, "b"));
        Assert.Equal("ERR changes are asked for by a query", Apply(p => p.Changes(default, 0, 10)));
    }

    [Fact]
    public void Changes_that_are_gone_are_said_to_be_gone()
    {
        var small = new KeyValueMachine(new KeyValueOptions { MaxHistoryBytes = 4_096 });
        for (int i = 1; i <= 500; i++)
            small.Apply(new AppliedCommand(i, 0, new KeyValuePayload().Set("k"u8, Bytes($"{i}")).ToArray()));
        KeyValueReply gone = Replies(small.Query(new KeyValuePayload().Changes(default, KeyValueVersion.Of(2), 10).ToArray()))[0];
        Assert.Equal(KeyValueReplyKind.Compacted, gone.Kind);
        KeyValueReply rest = Replies(small.Query(new KeyValuePayload().Changes(default, gone.Integer, 1_000).ToArray()))[0];
        long[] kept = [.. KeyValueChanges.Read(rest).Select(change => KeyValueVersion.IndexOf(change.Version))];
        Assert.Equal(Enumerable.Range((int)kept[0], 501 - (int)kept[0]).Select(i => (long)i), kept);
        Assert.Equal(KeyValueVersion.IndexOf(gone.Integer) + 1, kept[0]);

        // A replica that was made from a checkpoint has no changes from before.
        using ICheckpointView view = small.BeginCheckpoint();
        var copy = new KeyValueMachine();
        copy.Restore(view.Segments(1_000));
        Assert.Equal(KeyValueReplyKind.Compacted, Replies(copy.Query(new KeyValuePayload().Changes(default, gone.Integer, 10).ToArray()))[0].Kind);
        Assert.Equal(KeyValueReplyKind.Changes, Replies(copy.Query(new KeyValuePayload().Changes(default, KeyValueVersion.LastOf(500), 10).ToArray()))[0].Kind);
    }

    [Fact]
    public void A_checkpoint_brings_versions_ends_and_the_time_of_the_log()
    {
        Apply(p => p.Put("a"u8, "v"u8, new(Expiry: KeyExpiry.In, Millis: 1_000)).Set("b"u8, "w"u8));
        using ICheckpointView view = _machine.BeginCheckpoint();
        var copy = new KeyValueMachine();
        copy.Restore(view.Segments(20));
        using ICheckpointView again = copy.BeginCheckpoint();
        Assert.Equal(view.Checksum(), again.Checksum());
        byte[] ask = new KeyValuePayload().GetEntry("a"u8).GetEntry("b"u8).ToArray();
        Assert.Equal(_machine.Query(ask).ToArray(), copy.Query(ask).ToArray());
        byte[] next = new KeyValuePayload().Put("c"u8, "x"u8, new(Expiry: KeyExpiry.In, Millis: 10)).ExpiresAt("c"u8).Get("a"u8).ToArray();

        // The next leader's clock is far behind.
        Assert.Equal(_machine.Apply(new AppliedCommand(9, 1, next)).ToArray(), copy.Apply(new AppliedCommand(9, 1, next)).ToArray());
        byte[] get = new KeyValuePayload().Get("a"u8).ToArray();
        Assert.Equal([(byte)KeyValueReplyKind.Nil], copy.Apply(new AppliedCommand(10, _wall + 2 * Second, get)).ToArray());
    }

    [Fact]
    public void Checkpoints_and_commands_of_builds_without_versions_give_every_replica_the_same()
    {
        byte[] oldSegment = [1, 1, (byte)'a', 2, (byte)'x', (byte)'y', 1, (byte)'b', 0];
        byte[] oldSet = [1, 2, 1, (byte)'c', 1, (byte)'z'];
        var restored = new KeyValueMachine();
        restored.Restore([oldSegment]);
        restored.Apply(new AppliedCommand(8, _wall, oldSet));

        // One that applied the same commands itself.
        var replayed = new KeyValueMachine();
        replayed.Apply(new AppliedCommand(6, _wall, (byte[])[1, 2, 1, (byte)'b', 0, 2, 1, (byte)'a', 2, (byte)'x', (byte)'y']));
        replayed.Apply(new AppliedCommand(8, _wall, oldSet));
        using ICheckpointView one = restored.BeginCheckpoint(), other = replayed.BeginCheckpoint();
        Assert.Equal(one.Checksum(), other.Checksum());
        byte[] ask = new KeyValuePayload().GetEntry("a"u8).GetEntry("b"u8).GetEntry("c"u8).Changes(default, -1, 1).ToArray();
        Assert.Equal(restored.Query(ask).ToArray(), replayed.Query(ask).ToArray());
        Assert.Equal("xy", Show(Replies(restored.Query(new KeyValuePayload().Get("a"u8).ToArray()))));
    }

    [Fact]
    public void Terms_survive_their_bytes() =>
        Prop.ForAll<(byte Condition, long Version, byte Expiry, long Millis)>(given =>
        {
            var condition = (KeyCondition)(given.Condition % 8);
            var expiry = (KeyExpiry)(given.Expiry % 4);
            var terms = new KeyValueTerms(condition, condition == KeyCondition.Version ? given.Version : 0, expiry,
                expiry is KeyExpiry.At or KeyExpiry.In ? given.Millis : 0, (KeyReturn)(given.Condition % 3));
            KeyValueOperationReader reader = KeyValueCodec.Operations(new KeyValuePayload().Put("k"u8, "v"u8, terms).ToArray());
            return reader.Next(out KeyValueOperation operation) && operation.Terms == terms && !reader.Next(out _);
        }).QuickCheckThrowOnFailure();

    private static Dictionary<string, string> Listed(KeyValueMachine machine, string prefix, int limit)
    {
        var listed = new Dictionary<string, string>();
        byte[] from = Bytes(prefix);
        while (true)
        {
            KeyValueReply page = Replies(machine.Query(new KeyValuePayload().Scan(from, KeyValuePage.EndOf(Bytes(prefix)), limit, entries: true).ToArray()))[0];
            KeyValueListed[] items = [.. KeyValuePage.Read(page, entries: true)];
            Assert.True(items.Length <= limit);
            foreach (KeyValueListed item in items)
                listed.Add(Encoding.UTF8.GetString(item.Key.Span), Encoding.UTF8.GetString(item.Value.Span));
            if (page.Integer == 0)
                return listed;
            from = KeyValuePage.After(items[^1].Key.Span);
        }
    }

    private (List<KeyChange> Found, long Next) Changes(long after, int limit, string prefix = "")
    {
        KeyValueReply reply = Replies(_machine.Query(new KeyValuePayload().Changes(Bytes(prefix), after, limit).ToArray()))[0];
        return ([.. KeyValueChanges.Read(reply)], reply.Integer);
    }

    private List<string> All(long after, int limit, string prefix = "")
    {
        var all = new List<string>();
        while (Changes(after, limit, prefix) is { Next: var next, Found: var found } && next != after)
        {
            all.AddRange(found.Select(change => $"{change.Kind} {Encoding.UTF8.GetString(change.Key.Span)} {(change.Value is { } value ? Encoding.UTF8.GetString(value.Span) : "")}"));
            after = next;
        }

        return all;
    }

    private string Apply(Action<KeyValuePayload> build) => Show(Run(build));

    private List<KeyValueReply> Run(Action<KeyValuePayload> build)
    {
        var payload = new KeyValuePayload();
        build(payload);
        return Replies(_machine.Apply(new AppliedCommand(++_index, _wall, payload.ToArray())));
    }

    private string Query(Action<KeyValuePayload> build)
    {
        var payload = new KeyValuePayload();
        build(payload);
        return Show(Replies(_machine.Query(payload.ToArray())));
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
