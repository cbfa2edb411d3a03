using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Protocols.Tests.Machines;

/// <summary>One key that is kept elsewhere is treated as the key-value machine treats it among others.</summary>
public sealed class SingleKeyTests
{
    private static readonly KeyValueOptions Limits = new() { MaxKeyBytes = 16, MaxValueBytes = 64 };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Operations_on_one_key_come_to_what_they_come_to_in_a_machine_with_many(int seed)
    {
        var random = new Random(seed);
        var machine = new KeyValueMachine(Limits);
        KeyValueEntry? kept = null;
        long now = 1_700_000_000_000;
        machine.Apply(new AppliedCommand(now - 1, now * 1000, new KeyValuePayload().Set("other"u8, "1"u8).ToArray()));
        for (int i = 0; i < 2_000; i++)
        {
            now += random.Next(1, 40);
            byte[] payload = Any(random, now).ToArray();
            ReadOnlyMemory<byte> expected = machine.Apply(new AppliedCommand(now, now * 1000, payload));
            (byte[] replies, kept) = SingleKey.Execute("k"u8, kept, payload, now, Limits);
            Assert.Equal(expected.ToArray(), replies);
            kept = kept is null ? null : KeyValueEntry.Of(kept.ToBytes());
        }
    }

    [Fact]
    public void What_changes_nothing_gives_the_very_entry_back()
    {
        var before = new KeyValueEntry("1"u8.ToArray(), 5, 0);
        Assert.Same(before, SingleKey.Execute("k"u8, before, new KeyValuePayload().Get("k"u8).SetIfMissing("k"u8, "2"u8).ToArray(), 1, Limits).After);
        Assert.Null(SingleKey.Execute("k"u8, null, new KeyValuePayload().Get("k"u8).ToArray(), 1, Limits).After);
        Assert.NotSame(before, SingleKey.Execute("k"u8, before, new KeyValuePayload().Set("k"u8, "1"u8).ToArray(), 1, Limits).After);
    }

    [Fact]
    public void A_payload_is_taken_apart_by_key_and_its_replies_are_put_together_in_its_order()
    {
        byte[] payload = new KeyValuePayload().AsOf(5).Get("a"u8).Set("b"u8, "1"u8).Get("a"u8).ToArray();
        IReadOnlyList<KeyOperations> parts = SingleKey.Split(payload, out int count);
        Assert.Equal(3, count);
        Assert.Equal(["a:0,2", "b:1"], parts.Select(part => $"{Encoding.ASCII.GetString(part.Key.Span)}:{string.Join(',', part.Places)}"));
        ReadOnlyMemory<byte>[] replies = [.. parts.Select(part => (ReadOnlyMemory<byte>)SingleKey.Execute(part.Key.Span, new KeyValueEntry("v"u8.ToArray(), 1, 0), part.Payload, 1, Limits).Replies)];
        KeyValueReplyReader joined = KeyValueCodec.Replies(SingleKey.Join(parts, replies, count));
        foreach (KeyValueReplyKind kind in (KeyValueReplyKind[])[KeyValueReplyKind.Bytes, KeyValueReplyKind.Ok, KeyValueReplyKind.Bytes])
        {
            Assert.True(joined.Next(out KeyValueReply reply));
            Assert.Equal(kind, reply.Kind);
        }

        Assert.False(joined.Next(out _));
    }

    [Fact]
    public void What_is_about_several_keys_or_about_none_is_refused_by_itself()
    {
        byte[] payload = new KeyValuePayload().Set("a"u8, "1"u8).Rename("a"u8, "b"u8).Atomic([("a"u8.ToArray(), 1)], new KeyValuePayload().Get("b"u8).Get("a"u8)).CountKeys().Get("a"u8).ToArray();
        IReadOnlyList<KeyOperations> parts = SingleKey.Split(payload, out int count);
        Assert.Equal(7, count);
        Assert.Equal(
            ["Rename:1", "Atomic:2,3,4", "Count:5", ":0,6"],
            parts.Select(part => $"{part.Refused}:{string.Join(',', part.Places)}"));
    }

    [Fact]
    public void A_transaction_on_one_key_is_carried_out_with_what_stands_before_and_after_it()
    {
        KeyValuePayload transaction = new KeyValuePayload().Atomic([("a"u8.ToArray(), KeyValueVersion.Missing)], new KeyValuePayload().Set("a"u8, "2"u8).Get("a"u8));
        byte[] payload = new KeyValuePayload().Set("b"u8, "1"u8).Add(transaction).Set("b"u8, "3"u8).Get("a"u8).ToArray();
        IReadOnlyList<KeyOperations> parts = SingleKey.Split(payload, out int count);
        Assert.Equal(6, count);
        Assert.Equal(["b:0,4", "a:1,2,3,5"], parts.Select(part => $"{Encoding.ASCII.GetString(part.Key.Span)}:{string.Join(',', part.Places)}"));
        (byte[] replies, KeyValueEntry? after)[] done = [.. parts.Select(part => SingleKey.Execute(part.Key.Span, null, part.Payload, 7, Limits))];
        Assert.Equal(["3", "2"], done.Select(part => Encoding.ASCII.GetString(part.after!.Value.Span)));
        KeyValueReplyReader joined = KeyValueCodec.Replies(SingleKey.Join(parts, [.. done.Select(part => (ReadOnlyMemory<byte>)part.replies)], count));
        var kinds = new List<KeyValueReplyKind>();
        while (joined.Next(out KeyValueReply reply))
            kinds.Add(reply.Kind);
        Assert.Equal([KeyValueReplyKind.Ok, KeyValueReplyKind.Ok, KeyValueReplyKind.Ok, KeyValueReplyKind.Bytes, KeyValueReplyKind.Ok, KeyValueReplyKind.Bytes], kinds);
    }

    [Fact]
    public void Bytes_that_are_no_entry_are_a_value_and_of_several_the_latest_counts()
    {
        KeyValueEntry plain = KeyValueEntry.Of("plain"u8.ToArray());
        Assert.Equal(("plain", 0L, 0L), (Encoding.ASCII.GetString(plain.Value.Span), plain.Version, plain.ExpiresAt));
        ReadOnlyMemory<byte>[] values = [new KeyValueEntry("x"u8.ToArray(), 7, 0).ToBytes(), new KeyValueEntry("y"u8.ToArray(), 9, 0).ToBytes(), "z"u8.ToArray()];
        Assert.Equal("y", Encoding.ASCII.GetString(KeyValueEntry.Latest(values)!.Value.Span));
        Assert.Null(KeyValueEntry.Latest([]));
    }

    private static KeyValuePayload Any(Random random, long now)
    {
        var payload = new KeyValuePayload();
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            byte[] value = Encoding.ASCII.GetBytes($"{random.Next(100)}");
            var terms = new KeyValueTerms((KeyCondition)random.Next(3), Expiry: (KeyExpiry)random.Next(4), Millis: now + random.Next(-10, 100), Return: (KeyReturn)random.Next(3));
            if (terms.Expiry == KeyExpiry.In)
                terms = terms with { Millis = random.Next(1, 100) };
            switch (random.Next(11))
            {
                case 0: payload.Get("k"u8); break;
                case 1: payload.Set("k"u8, value); break;
                case 2: payload.Delete("k"u8); break;
                case 3: payload.IncrementBy("k"u8, random.Next(-3, 4)); break;
                case 4: payload.Append("k"u8, value); break;
                case 5: payload.Put("k"u8, value, terms); break;
                case 6: payload.Expire("k"u8, terms with { Return = KeyReturn.Status }); break;
                case 7: payload.GetEntry("k"u8); break;
                case 8: payload.GetDelete("k"u8); break;
                case 9: payload.SetRange("k"u8, random.Next(5), value); break;
                default: payload.DeleteIf("k"u8, terms with { Expiry = KeyExpiry.Never, Millis = 0, Return = KeyReturn.Status }); break;
            }
        }

        return payload;
    }
}
