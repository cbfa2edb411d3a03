using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Machines;

/// <summary>Several threads apply one batch, and nobody can tell: results, state, sessions and what they take are those of one thread.</summary>
public sealed class ParallelApplyTests
{
    private static readonly ApplyOptions FourLanes = new() { Lanes = 4, ParallelFrom = 2 };

    // Commands of several keys, of none, of all; that fail, by themselves or by a limit of the whole; sessions that come again, end,
    // and are forgotten; marks and damaged bytes between them.
    [Theory]
    [InlineData(64L << 20, 64 << 20)]
    [InlineData(900, 64 << 20)]
    [InlineData(64L << 20, 3_000)]
    [InlineData(1_200, 2_000)]
    public void Many_at_once_give_what_one_by_one_gives(long maxContent, long maxResults) =>
        Prop.ForAll<int>(number =>
        {
            var random = new DeterministicRandom((ulong)number);
            var sessions = new SessionOptions { MaxSessions = 4, MaxIncomplete = 8, ExpiryMicros = 400, MaxResultBytes = maxResults };
            var content = new KeyValueOptions { MaxValueBytes = 60, MaxContentBytes = maxContent, MaxKeyBytes = 20 };
            var one = new SessionMachine(new KeyValueMachine(content), sessions);
            var many = new SessionMachine(new KeyValueMachine(content), sessions, FourLanes);
            long index = 0, wall = 0;
            for (int batch = 0; batch < 12; batch++)
            {
                AppliedCommand[] commands = new AppliedCommand[1 + random.Next(60)];
                for (int i = 0; i < commands.Length; i++)
                    commands[i] = new AppliedCommand(++index, wall += random.Next(8), Command(random, index));
                var results = new ReadOnlyMemory<byte>[commands.Length];
                many.ApplyAll(commands, results);
                for (int i = 0; i < commands.Length; i++)
                    Assert.Equal(one.Apply(commands[i]).ToArray(), results[i].ToArray());
                AssertSame(one, many);
                if (random.Chance(1, 6))
                    many = Restored(many, new SessionMachine(new KeyValueMachine(content), sessions, FourLanes));
            }
        }).QuickCheckThrowOnFailure();

    // Few bytes of a command make many of content: what is refused at the limit does not depend on how many come at once.
    [Theory]
    [InlineData(false, 1 << 20, 10)]
    [InlineData(true, 3_000, 88)]
    public void The_limit_of_the_content_refuses_the_same_commands(bool numbers, long maxContent, int expected)
    {
        var content = new KeyValueOptions { MaxContentBytes = maxContent };
        var one = new SessionMachine(new KeyValueMachine(content));
        var many = new SessionMachine(new KeyValueMachine(content), apply: FourLanes);
        AppliedCommand[] commands = [.. Enumerable.Range(0, 300).Select(i => new AppliedCommand(1 + i, 0, CommandEnvelope.Encode(Growing(i, numbers))))];
        var results = new ReadOnlyMemory<byte>[commands.Length];
        many.ApplyAll(commands, results);
        Assert.Equal(commands.Select(command => Convert.ToHexString(one.Apply(command).Span)), results.Select(result => Convert.ToHexString(result.Span)));
        Assert.Equal(expected, results.Count(result => result.Span[0] != (byte)KeyValueReplyKind.Error));
        AssertSame(one, many);
    }

    [Fact]
    public void A_value_that_was_set_when_more_was_allowed_is_read_by_a_command_among_others()
    {
        var before = new SessionMachine(new KeyValueMachine());
        before.Apply(new AppliedCommand(1, 0, CommandEnvelope.Encode(new KeyValuePayload().Set("long"u8, new byte[5_000]).ToArray())));
        var many = Restored(before, new SessionMachine(new KeyValueMachine(new KeyValueOptions { MaxValueBytes = 100 }), apply: FourLanes));
        var results = new ReadOnlyMemory<byte>[2];
        many.ApplyAll(
            [
                new AppliedCommand(2, 0, CommandEnvelope.Encode(new KeyValuePayload().Get("long"u8).ToArray())),
                new AppliedCommand(3, 0, CommandEnvelope.Encode(new KeyValuePayload().Set("b"u8, "x"u8).ToArray())),
            ], results);
        Assert.True(KeyValueCodec.Replies(results[0]) is var replies && replies.Next(out KeyValueReply reply) && reply.Bytes.Length == 5_000);
        Assert.Equal(2, many.AppliedTogether);
    }

    [Fact]
    public async Task A_busy_shard_is_applied_by_several_threads_while_a_checkpoint_is_read()
    {
        var one = new SessionMachine(new KeyValueMachine());
        var many = new SessionMachine(new KeyValueMachine(), apply: FourLanes);
        var random = new DeterministicRandom(7);
        long index = 0;
        for (int round = 0; round < 20; round++)
        {
            AppliedCommand[] commands = new AppliedCommand[2_000];
            for (int i = 0; i < commands.Length; i++)
                commands[i] = new AppliedCommand(++index, index, CommandEnvelope.Encode(Writes(random, keys: 5_000, longest: 400)));
            using ICheckpointView view = many.BeginCheckpoint();
            using ICheckpointView expected = one.BeginCheckpoint();
            var results = new ReadOnlyMemory<byte>[commands.Length];
            Task<StateChecksum> reading = Task.Run(view.Checksum);
            many.ApplyAll(commands, results);
            Assert.Equal(expected.Checksum(), await reading);
            for (int i = 0; i < commands.Length; i++)
                Assert.Equal(one.Apply(commands[i]).ToArray(), results[i].ToArray());
        }

        AssertSame(one, many);
        // Eight keys of 5,000 in each command: some meet, the others do not wait for them.
        Assert.Equal(index, many.AppliedTogether);
    }

    [Fact]
    public void A_slow_machine_of_ones_own_is_at_as_many_commands_as_there_are_lanes()
    {
        var slow = new SlowMachine(expected: 4);
        var machine = new SessionMachine(slow, apply: FourLanes);
        AppliedCommand[] commands = [.. Enumerable.Range(0, 64).Select(i => Slow(i, key: i))];
        machine.ApplyAll(commands, new ReadOnlyMemory<byte>[commands.Length]);
        Assert.Equal(4, slow.MostAtOnce);
    }

    [Fact]
    public void Commands_of_one_key_come_one_after_another_in_the_order_of_the_log()
    {
        var slow = new SlowMachine(expected: 1);
        var machine = new SessionMachine(slow, apply: FourLanes);
        // Every fourth command of the first key.
        AppliedCommand[] commands = [.. Enumerable.Range(0, 200).Select(i => Slow(i, key: i % 4 == 0 ? 0 : i))];
        machine.ApplyAll(commands, new ReadOnlyMemory<byte>[commands.Length]);
        Assert.Equal(Enumerable.Range(0, 50).Select(i => i * 4L), slow.AppliedTo(0));
    }

    [Fact]
    public void A_command_of_unknown_keys_comes_after_all_before_it_and_before_all_after_it()
    {
        var slow = new SlowMachine(expected: 1);
        var machine = new SessionMachine(slow, apply: FourLanes);
        AppliedCommand[] commands = [.. Enumerable.Range(0, 100).Select(i => Slow(i, key: i is 30 or 31 or 80 ? SlowMachine.Unknown : i))];
        machine.ApplyAll(commands, new ReadOnlyMemory<byte>[commands.Length]);
        Assert.Equal([30L, 31, 80], slow.AloneAfter);
    }

    [Fact]
    public void Few_commands_are_applied_by_the_callers_own_thread()
    {
        var slow = new SlowMachine(expected: 1);
        var machine = new SessionMachine(slow, apply: FourLanes with { ParallelFrom = 65 });
        AppliedCommand[] commands = [.. Enumerable.Range(0, 64).Select(i => Slow(i, key: i))];
        machine.ApplyAll(commands, new ReadOnlyMemory<byte>[commands.Length]);
        Assert.Equal(0, machine.AppliedTogether);
        Assert.Equal(Environment.CurrentManagedThreadId, Assert.Single(slow.Threads));
    }

    [Fact]
    public void A_result_longer_than_was_said_stops_the_machine()
    {
        var slow = new SlowMachine(expected: 1) { ResultBytes = 5_000 };
        var machine = new SessionMachine(slow, apply: FourLanes);
        AppliedCommand[] commands = [.. Enumerable.Range(0, 8).Select(i => Slow(i, key: i))];
        Assert.Throws<InvariantViolationException>(() => machine.ApplyAll(commands, new ReadOnlyMemory<byte>[commands.Length]));
    }

    private static byte[] Growing(int number, bool decimals)
    {
        byte[] key = BitConverter.GetBytes(number);
        return (decimals ? new KeyValuePayload().IncrementByDecimal(key, "1e-28"u8) : new KeyValuePayload().SetRange(key, 99_999, "x"u8)).ToArray();
    }

    private static AppliedCommand Slow(int index, int key) => new(index, 0, CommandEnvelope.Encode(BitConverter.GetBytes(key)));

    private static byte[] Command(DeterministicRandom random, long index)
    {
        switch (random.Next(30))
        {
            case 0:
                return CommandEnvelope.Mark(new Guid((int)index, 0, 0, new byte[8]));
            case 1:
                return [(byte)random.Next(4), 7];
            case 2:
                return CommandEnvelope.Encode(new KeyValuePayload().CountKeys().ToArray());
            case < 12:
                return CommandEnvelope.Encode(Writes(random, keys: 40, longest: 70));
            default:
                long first = 1 + index / 60 + random.Next(2);
                var stamp = new SessionStamp(new Guid((int)random.Next(6), 0, 0, new byte[8]), first + random.Next(9), first);
                return CommandEnvelope.Encode(stamp, Writes(random, keys: 40, longest: 70));
        }
    }

    private static byte[] Key(DeterministicRandom random, int keys) =>
        keys > byte.MaxValue ? BitConverter.GetBytes((int)random.Next(keys)) : [(byte)random.Next(keys)];

    private static byte[] Writes(DeterministicRandom random, int keys, int longest)
    {
        var payload = new KeyValuePayload();
        for (long operations = 1 + random.Next(3); operations > 0; operations--)
        {
            // Of one byte to 22, so that some are too long.
            byte[] key = [(byte)random.Next(keys), .. new byte[random.Next(40) == 0 ? 21 : 0]];
            if (keys > byte.MaxValue)
                key = BitConverter.GetBytes((int)random.Next(keys));
            byte[] value = new byte[random.Next(longest)];
            _ = random.Next(13) switch
            {
                9 => payload.Put(key, value, new KeyValueTerms(random.Chance(1, 2) ? KeyCondition.Missing : KeyCondition.Present, Return: (KeyReturn)random.Next(3))),
                10 => payload.Atomic([(Key(random, keys), KeyValueVersion.Missing)], new KeyValuePayload().Set(key, value).VersionOf(key)),
                11 => payload.SetRange(key, random.Next(random.Chance(1, 2) ? 9 : 64), value.AsSpan(0, value.Length / 4)).GetRange(key, random.Next(9), -1),
                12 when keys < byte.MaxValue && random.Chance(1, 12) => payload.Put(key, value, new KeyValueTerms(Expiry: KeyExpiry.In, Millis: random.Next(3))).Rename(key, [1]),
                12 => payload.DeleteIf(key, new KeyValueTerms(KeyCondition.Present)).GetDelete([(byte)random.Next(keys)]),
                0 => payload.Get(key),
                1 => payload.Delete(key),
                2 => payload.Append(key, value.AsSpan(0, value.Length / 4)),
                3 when random.Chance(1, 3) => payload.IncrementByDecimal(key, "1e-28"u8),
                3 => payload.IncrementBy(key, random.Next(1_000)),
                4 => payload.SetIfMissing(key, value),
                5 => payload.Set(key, "41"u8),
                6 => payload.StringLength(key),
                _ => payload.Set(key, value),
            };
        }

        return payload.ToArray();
    }

    private static SessionMachine Restored(SessionMachine of, SessionMachine into)
    {
        using ICheckpointView view = of.BeginCheckpoint();
        into.Restore(view.Segments(500));
        return into;
    }

    private static void AssertSame(SessionMachine one, SessionMachine many)
    {
        using ICheckpointView expected = one.BeginCheckpoint(), found = many.BeginCheckpoint();
        Assert.Equal(expected.Checksum(), found.Checksum());
        Assert.Equal(one.SessionCount, many.SessionCount);
        Assert.Equal(one.ApproximateBytes, many.ApproximateBytes);
    }
}
