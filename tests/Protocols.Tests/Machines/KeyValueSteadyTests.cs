using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using FsCheck;
using FsCheck.Fluent;
using static ActorRepl.Protocols.Tests.Machines.ShownReplies;

namespace ActorRepl.Protocols.Tests.Machines;

/// <summary>Millions of keys that end together, a shard that is full, a result that is full: what is told is what was done, and nothing takes long.</summary>
public sealed class KeyValueSteadyTests
{
    private const byte Before = KeyValueCodec.VersionedVersion;
    private const long Start = 1_000_000_000;

    private readonly KeyValueMachine _machine = new(new KeyValueOptions { MaxContentBytes = 1_000, MaxResultBytes = 200 });
    private long _index;

    [Fact]
    public void Keys_that_end_together_are_gone_at_once_and_are_removed_piece_by_piece()
    {
        const int keys = 30_000;
        var machine = new KeyValueMachine();
        var all = new KeyValuePayload();
        for (int i = 0; i < keys; i++)
            all.Put(BitConverter.GetBytes(i), "v"u8, new KeyValueTerms(Expiry: KeyExpiry.At, Millis: Start + 10));
        Run(machine, Start, all);
        long full = machine.ApproximateBytes;
        Assert.Equal("ok 0 nil", Show(Run(machine, Start + 20_000, new KeyValuePayload().Set("other"u8, "x"u8).Exists(BitConverter.GetBytes(7)).Get(BitConverter.GetBytes(keys - 1)))));
        Assert.InRange(machine.ApproximateBytes, full * 2 / 3, full);
        Assert.Equal(1, machine.Count);
        Assert.Equal("other", Assert.Single(KeyValuePage.Read(Ask(machine, new KeyValuePayload().Scan(default, null, 10))[0], entries: false).Select(key => Encoding.UTF8.GetString(key.Key.Span))));

        // Who reads soon after is not held up; who reads later has the next ones removed.
        Assert.Equal("nil", Show(Ask(machine, new KeyValuePayload().AsOf(Start + 20_010).Get(BitConverter.GetBytes(keys - 1)))));
        Assert.Equal("due", Show(Ask(machine, new KeyValuePayload().AsOf(Start + 20_100).Get("other"u8))));
        long now = Start + 20_000;
        for (int i = 0; i < 8; i++)
            Run(machine, now += 100, new KeyValuePayload().Get("other"u8));
        Assert.False(machine.EndsWithTime);
        Assert.Equal("x", Show(Ask(machine, new KeyValuePayload().AsOf(now + 100_000).Get("other"u8))));
        Assert.InRange(machine.ApproximateBytes, 0, 1_000);
    }

    // The same commands by the rules before, where every command first removes all that have ended: nobody who reads or writes can tell.
    [Fact]
    public void Whoever_looks_cannot_tell_which_ended_keys_are_still_to_be_removed()
    {
        int left = 0;
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed =>
        {
            var random = new DeterministicRandom(seed);
            KeyValueMachine steady = new(hashSeed: seed), other = new(hashSeed: seed + 1), eager = new(hashSeed: seed);
            long index = 0, now = Start;
            for (int round = 0; round < 20; round++)
            {
                KeyValuePayload payload = Random(random, now);
                now += random.Next(3);
                var command = new AppliedCommand(++index, now * 1000, payload.ToArray());
                byte[] expected = eager.Apply(command with { Payload = Older(payload) }).ToArray();
                Assert.Equal(expected, steady.Apply(command).ToArray());
                Assert.Equal(expected, other.Apply(command).ToArray());
                byte[] ask = Reads(random).ToArray();
                Assert.Equal(eager.Query(ask).ToArray(), steady.Query(ask).ToArray());
                left += steady.ApproximateBytes > eager.ApproximateBytes ? 1 : 0;

                // Replicas that have not the same past remove the same.
                using ICheckpointView one = steady.BeginCheckpoint(), two = other.BeginCheckpoint();
                Assert.Equal(one.Checksum(), two.Checksum());
                if (!random.Chance(1, 5))
                    continue;
                other = new KeyValueMachine(hashSeed: seed + (ulong)index);
                other.Restore(one.Segments(2_000));
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
        Assert.InRange(left, 60, int.MaxValue);
    }

    [Fact]
    public void A_page_of_a_large_shard_comes_once_its_keys_are_in_order_and_to_a_command_at_once()
    {
        const int keys = 250_000;
        var machine = new KeyValueMachine();
        var all = new KeyValuePayload();
        for (int i = 0; i < keys; i++)
            all.Set(Encoding.ASCII.GetBytes($"{i:000000}"), "v"u8);
        Run(machine, Start, all);
        KeyValuePayload ask = new KeyValuePayload().Scan("123456"u8, null, 3, mayWait: true);
        Assert.True(KeyValuePage.IsToCome(Assert.Single(Ask(machine, ask))));
        Assert.Equal(["123456", "123457", "123458"], Keys(Assert.Single(Run(machine, Start, ask))));
        Assert.Equal(["123456", "123457"], Keys(Ask(machine, new KeyValuePayload().Scan("123456"u8, null, 2))[0]));
        KeyValueReply page = default;
        Assert.True(SpinWait.SpinUntil(() => !KeyValuePage.IsToCome(page = Ask(machine, ask)[0]), TimeSpan.FromSeconds(30)), "the keys are never in order");
        Assert.Equal(["123456", "123457", "123458"], Keys(page));
    }

    [Fact]
    public void A_decimal_sum_that_cannot_be_told_is_not_stored()
    {
        Run(_machine, 0, new KeyValuePayload().Set("long"u8, new byte[195]).Set("n"u8, "1.5"u8));
        KeyValuePayload sum = new KeyValuePayload().Get("long"u8).IncrementByDecimal("n"u8, "1"u8);
        Assert.Equal(KeyValueReplyKind.Full, Run(_machine, 0, sum)[1].Kind);
        Assert.Equal("1.5", Show(Ask(_machine, new KeyValuePayload().Get("n"u8))));

        // An entry of a log from before comes to what it came to.
        Assert.Equal(KeyValueReplyKind.Full, Run(_machine, 0, sum, Before)[1].Kind);
        Assert.Equal("2.5", Show(Ask(_machine, new KeyValuePayload().Get("n"u8))));
    }

    [Fact]
    public void A_batch_that_a_full_shard_has_no_room_for_is_not_begun()
    {
        Run(_machine, 0, new KeyValuePayload().Set("a"u8, new byte[900]).Set("b"u8, new byte[80]));
        KeyValuePayload batch = new KeyValuePayload().Atomic([("c"u8.ToArray(), KeyValueVersion.Missing)], new KeyValuePayload().Set("c"u8, "x"u8).Set("d"u8, new byte[50]).Delete("b"u8));
        Assert.Equal("OOM command not allowed: the shard holds its 1000 bytes skipped skipped skipped", Show(Run(_machine, 0, batch)));
        Assert.Equal("nil 1", Show(Ask(_machine, new KeyValuePayload().Get("c"u8).Exists("b"u8))));

        // What takes the place of as much has room.
        Assert.Equal("ok ok 81 1", Show(Run(_machine, 0, new KeyValuePayload().Atomic([], new KeyValuePayload().Set("a"u8, new byte[900]).Append("b"u8, "x"u8).Delete("b"u8)))));

        // An entry of a log from before is carried out in part, as it was.
        Assert.StartsWith("ok ok OOM", Show(Run(_machine, 0, new KeyValuePayload().Atomic([], new KeyValuePayload().Set("c"u8, "x"u8).Set("d"u8, new byte[500])), Before)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_that_is_begun_meets_no_limit() =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), seed =>
        {
            var random = new DeterministicRandom(seed);
            var machine = new KeyValueMachine(new KeyValueOptions { MaxContentBytes = 400 });
            int begun = 0, refused = 0;
            for (int i = 1; i <= 200; i++)
            {
                var operations = new KeyValuePayload();
                for (long left = 1 + random.Next(5); left > 0; left--)
                    AddStoring(random, operations);
                List<KeyValueReply> replies = Replies(machine.Apply(new AppliedCommand(i, 0, new KeyValuePayload().Atomic([], operations).ToArray())));
                bool ok = replies[0].Kind == KeyValueReplyKind.Ok;
                (begun, refused) = (begun + (ok ? 1 : 0), refused + (ok ? 0 : 1));
                Assert.All(replies.Skip(1), reply => Assert.True(ok ? !Show([reply]).StartsWith("OOM", StringComparison.Ordinal) : reply.Kind == KeyValueReplyKind.Skipped));
            }

            Assert.True(begun > 10 && refused > 10, $"{begun} begun, {refused} refused");
        }).QuickCheckThrowOnFailure();

    private static void AddStoring(DeterministicRandom random, KeyValuePayload target)
    {
        byte[] key = [(byte)random.Next(6)], other = [(byte)random.Next(6)], value = new byte[random.Next(80)];
        _ = random.Next(8) switch
        {
            0 => target.Delete(key),
            1 => target.Append(key, value.AsSpan(value.Length / 2)),
            2 => target.SetRange(key, random.Next(90), "x"u8),
            3 => target.Rename(key, [.. other, 0, 0, 0]),
            4 => target.Set(key, "12"u8).IncrementByDecimal(key, "1e-20"u8),
            5 => target.IncrementBy(other, long.MaxValue / 2),
            6 => target.Put(key, value, new KeyValueTerms(KeyCondition.Present)),
            _ => target.Set(key, value),
        };
    }

    private static KeyValuePayload Random(DeterministicRandom random, long now)
    {
        var payload = new KeyValuePayload();
        bool storm = random.Chance(1, 3);
        for (int i = storm ? 400 : 5; i > 0; i--)
        {
            byte[] key = Key(random), other = Key(random);
            KeyValueTerms terms = new(Expiry: KeyExpiry.At, Millis: now + random.Next(storm ? 3 : 12));
            _ = random.Next(storm ? 2 : 14) switch
            {
                0 or 1 => payload.Put(key, "17"u8, terms with { Return = (KeyReturn)random.Next(3) }),
                2 => payload.Put(key, "18"u8, terms with { Condition = (KeyCondition)random.Next(3), Return = KeyReturn.Old }),
                3 => payload.Rename(key, other, onlyIfMissing: random.Chance(1, 2)),
                4 => payload.IncrementBy(key, 1).ExpiresAt(key),
                5 => payload.Append(key, "0"u8).StringLength(key),
                6 => payload.SetRange(key, 3, "1"u8).Delete(other),
                7 => payload.GetDelete(key).Set(other, "3"u8),
                8 => payload.Expire(key, terms).GetExpire(other, default),
                9 => payload.Atomic([(key, KeyValueVersion.Missing)], new KeyValuePayload().SetIfMissing(key, "5"u8).CountKeys()),
                10 => payload.DeleteIf(key, new KeyValueTerms(KeyCondition.Expires)).CompareAndSet(other, "17"u8, "18"u8),
                11 => payload.Scan(key, null, 5, entries: true).CountKeys(),
                12 => payload.IncrementByDecimal(key, "0.5"u8),
                _ => payload.Put(key, "9"u8, new KeyValueTerms(Expiry: KeyExpiry.Keep)),
            };
        }

        return payload;
    }

    private static KeyValuePayload Reads(DeterministicRandom random)
    {
        var reads = new KeyValuePayload();
        for (int i = 0; i < 10; i++)
            reads.GetEntry(Key(random)).Exists(Key(random)).VersionOf(Key(random)).ExpiresAt(Key(random)).GetRange(Key(random), 0, 1);
        return reads.CountKeys().Scan(Key(random), Key(random), 20, entries: true);
    }

    private static IEnumerable<string> Keys(KeyValueReply page) => KeyValuePage.Read(page, entries: false).Select(key => Encoding.ASCII.GetString(key.Key.Span));

    private static byte[] Key(DeterministicRandom random) => BitConverter.GetBytes((short)random.Next(700));

    private static byte[] Older(KeyValuePayload payload)
    {
        byte[] bytes = payload.ToArray();
        bytes[0] = Before;
        return bytes;
    }

    private List<KeyValueReply> Run(KeyValueMachine machine, long millis, KeyValuePayload payload, byte version = KeyValueCodec.Version)
    {
        byte[] bytes = payload.ToArray();
        bytes[0] = version;
        return Replies(machine.Apply(new AppliedCommand(++_index, millis * 1000, bytes)));
    }

    private static List<KeyValueReply> Ask(KeyValueMachine machine, KeyValuePayload payload) => Replies(machine.Query(payload.ToArray()));
}
