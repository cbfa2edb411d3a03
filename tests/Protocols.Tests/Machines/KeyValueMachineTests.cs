using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Machines;

public class KeyValueMachineTests
{
    private readonly KeyValueMachine _machine = new();
    private long _index;

    [Fact]
    public void Each_operation_replies_as_documented()
    {
        Assert.Equal(
            "nil ok value 1 0 5 0 1 0 2",
            Apply(p => p.Get("a"u8).Set("a"u8, "value"u8).Get("a"u8).Exists("a"u8).Exists("b"u8).StringLength("a"u8).StringLength("b"u8)
                .SetIfMissing("b"u8, "x"u8).SetIfMissing("b"u8, "y"u8).CountKeys()));
        Assert.Equal("7 valueXY 1 nil 0 1", Apply(p => p.Append("a"u8, "XY"u8).Get("a"u8).Delete("a"u8).Get("a"u8).Delete("a"u8).CountKeys()));
        Assert.Equal("0 1 z", Apply(p => p.CompareAndSet("b"u8, "y"u8, "z"u8).CompareAndSet("b"u8, "x"u8, "z"u8).Get("b"u8)));
        Assert.Equal("3 abc", Apply(p => p.Append("new"u8, "abc"u8).Get("new"u8)));
    }

    [Fact]
    public void Increment_counts_like_redis()
    {
        Assert.Equal("1 -4 -4", Apply(p => p.IncrementBy("n"u8, 1).IncrementBy("n"u8, -5).Get("n"u8)));
        foreach (string text in new[] { "", " 1", "1 ", "+1", "01", "-0", "1.0", "9223372036854775808", "x" })
        {
            Assert.Equal("ok ERR value is not an integer or out of range " + text, Apply(p => p.Set("n"u8, Encoding.UTF8.GetBytes(text)).IncrementBy("n"u8, 1).Get("n"u8)));
        }

        Assert.Equal(
            "ok ERR increment or decrement would overflow 9223372036854775807 0",
            Apply(p => p.Set("n"u8, "9223372036854775807"u8).IncrementBy("n"u8, 1).Get("n"u8).IncrementBy("n"u8, -long.MaxValue)));
        Assert.Equal(
            "ok -9223372036854775808 ERR increment or decrement would overflow",
            Apply(p => p.Set("n"u8, "-9223372036854775807"u8).IncrementBy("n"u8, -1).IncrementBy("n"u8, -1)));
    }

    [Fact]
    public void Limits_are_replies_and_the_rest_of_the_payload_goes_on()
    {
        var small = new KeyValueMachine(new KeyValueOptions { MaxKeyBytes = 3, MaxValueBytes = 4, MaxContentBytes = 12 });
        Assert.Equal(
            "ERR a key takes 1 to 3 bytes; this one has 0 ERR a key takes 1 to 3 bytes; this one has 4 ok",
            Run(small, p => p.Set(""u8, "v"u8).Get("long"u8).Set("a"u8, "vvvv"u8)));
        Assert.Equal(
            "ERR string exceeds maximum allowed size of 4 bytes ERR string exceeds maximum allowed size of 4 bytes vvvv",
            Run(small, p => p.Append("a"u8, "x"u8).Set("b"u8, "12345"u8).Get("a"u8)));
        Assert.Equal(
            "ok OOM command not allowed: the shard holds its 12 bytes ok 1 ok",
            Run(small, p => p.Set("bb"u8, "1234"u8).Set("c"u8, "1"u8).Set("a"u8, "2222"u8).Delete("a"u8).Set("c"u8, "1"u8)));
    }

    [Fact]
    public void Values_that_would_make_a_result_too_long_are_left_out_and_writes_are_carried_out()
    {
        var small = new KeyValueMachine(new KeyValueOptions { MaxResultBytes = 8 });
        Assert.Equal("ok 12345 full ok full 1", Run(small, p => p.Set("a"u8, "12345"u8).Get("a"u8).Get("a"u8).Set("b"u8, ""u8).StringLength("b"u8).Delete("b"u8)));
    }

    [Fact]
    public void A_result_of_very_many_reads_keeps_to_its_limit_whatever_they_read()
    {
        const int limit = 4_096, reads = 20_000;
        var small = new KeyValueMachine(new KeyValueOptions { MaxResultBytes = limit });
        Run(small, p => p.Set("a"u8, new byte[1_000]));
        var payload = new KeyValuePayload();
        for (int i = 0; i < reads; i += 4)
            payload.Get("a"u8).Get(default).Exists("a"u8).CountKeys();
        ReadOnlyMemory<byte> result = small.Query(payload.ToArray());
        Assert.InRange(result.Length, limit, limit + reads);
        KeyValueReplyReader replies = KeyValueCodec.Replies(result);
        int answered = 0;
        while (replies.Next(out _))
            answered++;
        Assert.Equal(reads, answered);
    }

    [Fact]
    public void A_query_cannot_write()
    {
        var payload = new KeyValuePayload().Set("a"u8, "1"u8).Get("a"u8);
        Assert.False(payload.IsReadOnly);
        Assert.Equal("ERR a query cannot write nil", Show(_machine.Query(payload.ToArray())));
    }

    [Fact]
    public void A_payload_that_is_none_gets_an_error_and_changes_nothing_more()
    {
        byte[] whole = new KeyValuePayload().Set("a"u8, "1"u8).Set("b"u8, "2"u8).ToArray();
        Assert.StartsWith("ok ERR malformed payload", Show(_machine.Apply(new AppliedCommand(1, 0, whole.AsMemory(0, whole.Length - 1)))));
        Assert.Equal(1, _machine.Count);
        Assert.StartsWith("ERR malformed payload", Show(_machine.Apply(new AppliedCommand(2, 0, default))));
        Assert.StartsWith("ERR malformed payload", Show(_machine.Apply(new AppliedCommand(3, 0, new byte[] { 1, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }))));
    }

    [Fact]
    public void No_bytes_at_all_make_it_throw() =>
        Prop.ForAll<byte[]>(bytes => _machine.Apply(new AppliedCommand(1, 0, (byte[])[KeyValueCodec.Version, .. bytes])).Length >= 0)
            .QuickCheckThrowOnFailure();

    [Fact]
    public void It_behaves_as_a_dictionary_and_a_view_shows_the_moment_it_was_taken() =>
        Prop.ForAll<(byte Key, byte Value, byte Kind)[]>(steps =>
        {
            var machine = new KeyValueMachine();
            var model = new SortedDictionary<int, int>();
            ICheckpointView? view = null;
            SortedDictionary<int, int> seen = [];
            foreach ((byte key, byte value, byte kind) in steps)
            {
                byte[] name = [(byte)(key % 8)];
                switch (kind % 5)
                {
                    case 0 or 1:
                        model[name[0]] = value;
                        Run(machine, p => p.Set(name, [value]));
                        break;
                    case 2:
                        Assert.Equal(model.Remove(name[0]) ? "1" : "0", Run(machine, p => p.Delete(name)));
                        break;
                    case 3:
                        if (view is not null)
                            Assert.Equal(seen, Restored(view));
                        view?.Dispose();
                        view = machine.BeginCheckpoint();
                        seen = new SortedDictionary<int, int>(model);
                        break;
                    default:
                        view = machine.BeginCheckpoint();
                        seen = new SortedDictionary<int, int>(model);
                        break;
                }

                Assert.Equal(model.Count, machine.Count);
                Assert.Equal(model, Contents(machine));
            }

            return view is null || seen.SequenceEqual(Restored(view));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Segments_keep_to_their_size_and_restore_the_same_state()
    {
        for (int i = 0; i < 500; i++)
            Apply(p => p.Set(Encoding.UTF8.GetBytes($"key-{i}"), new byte[i % 50]));
        using ICheckpointView view = _machine.BeginCheckpoint();
        List<ReadOnlyMemory<byte>> segments = [.. view.Segments(1000)];
        Assert.All(segments, segment => Assert.True(segment.Length <= 1000));
        Assert.True(segments.Count > 10);
        var copy = new KeyValueMachine();
        copy.Restore(segments);
        Assert.Equal(500, copy.Count);
        Assert.Equal(_machine.ApproximateBytes, copy.ApproximateBytes);
        for (int i = 0; i < 500; i++)
            Assert.Equal((i % 50).ToString(), Run(copy, p => p.StringLength(Encoding.UTF8.GetBytes($"key-{i}"))));
    }

    private string Apply(Action<KeyValuePayload> build)
    {
        var payload = new KeyValuePayload();
        build(payload);
        return Show(_machine.Apply(new AppliedCommand(++_index, 0, payload.ToArray())));
    }

    private static string Run(KeyValueMachine machine, Action<KeyValuePayload> build)
    {
        var payload = new KeyValuePayload();
        build(payload);
        return Show(machine.Apply(new AppliedCommand(1, 0, payload.ToArray())));
    }

    private static SortedDictionary<int, int> Restored(ICheckpointView view)
    {
        var machine = new KeyValueMachine();
        machine.Restore(view.Segments(16));
        return Contents(machine);
    }

    private static SortedDictionary<int, int> Contents(KeyValueMachine machine)
    {
        var found = new SortedDictionary<int, int>();
        for (byte key = 0; key < 8; key++)
        {
            KeyValueReplyReader replies = KeyValueCodec.Replies(machine.Query(new KeyValuePayload().Get([key]).ToArray()));
            Assert.True(replies.Next(out KeyValueReply reply));
            if (reply.Kind == KeyValueReplyKind.Bytes)
                found[key] = reply.Bytes.Span[0];
        }

        return found;
    }

    private static string Show(ReadOnlyMemory<byte> result)
    {
        var shown = new List<string>();
        KeyValueReplyReader replies = KeyValueCodec.Replies(result);
        while (replies.Next(out KeyValueReply reply))
        {
            shown.Add(reply.Kind switch
            {
                KeyValueReplyKind.Nil => "nil",
                KeyValueReplyKind.Ok => "ok",
                KeyValueReplyKind.Full => "full",
                KeyValueReplyKind.Integer => reply.Integer.ToString(),
                _ => Encoding.UTF8.GetString(reply.Bytes.Span),
            });
        }

        return string.Join(' ', shown);
    }
}
