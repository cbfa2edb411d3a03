using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using FsCheck;
using FsCheck.Fluent;

namespace ActorRepl.Protocols.Tests.Machines;

public class SessionMachineTests
{
    private static readonly Guid Alice = new("00112233-4455-6677-8899-aabbccddeeff");
    private static readonly Guid Bob = new("ffeeddcc-bbaa-9988-7766-554433221100");
    private long _index;
    private long _wall;

    [Fact]
    public void A_command_sent_again_is_applied_once_and_gets_its_first_result()
    {
        SessionMachine machine = New();
        Assert.Equal((SessionStatus.Applied, 1), Increment(machine, Alice, 1, 1));
        Assert.Equal((SessionStatus.Applied, 2), Increment(machine, Alice, 2, 1));
        Assert.Equal((SessionStatus.Applied, 1), Increment(machine, Alice, 1, 1));
        Assert.Equal((SessionStatus.Applied, 3), Increment(machine, Bob, 1, 1));
        Assert.Equal((SessionStatus.Applied, 2), Increment(machine, Alice, 2, 2));
        Assert.Equal(2, machine.Repeats);
    }

    [Fact]
    public void A_command_without_a_session_is_a_new_one_each_time()
    {
        SessionMachine machine = New();
        byte[] payload = CommandEnvelope.Encode(new KeyValuePayload().IncrementBy("n"u8, 1).ToArray());
        for (int i = 1; i <= 3; i++)
            Assert.Equal(i, Integer(machine.Apply(new AppliedCommand(++_index, _wall, payload))));
    }

    [Fact]
    public void Commands_of_a_session_may_arrive_in_any_order()
    {
        SessionMachine machine = New();
        Assert.Equal((SessionStatus.Applied, 1), Increment(machine, Alice, 3, 1));
        Assert.Equal((SessionStatus.Applied, 2), Increment(machine, Alice, 1, 1));
        Assert.Equal((SessionStatus.Applied, 1), Increment(machine, Alice, 3, 1));
    }

    [Fact]
    public void What_the_client_calls_complete_is_refused_as_stale()
    {
        SessionMachine machine = New();
        Increment(machine, Alice, 1, 1);
        Increment(machine, Alice, 2, 2);
        Assert.Equal(SessionStatus.Stale, Increment(machine, Alice, 1, 1).Status);
    }

    [Fact]
    public void A_session_expires_by_the_time_in_the_log_and_says_so()
    {
        SessionMachine machine = New(new SessionOptions { ExpiryMicros = 1000 });
        Increment(machine, Alice, 1, 1);
        _wall = 1000;
        Assert.Equal(SessionStatus.Applied, Increment(machine, Alice, 2, 2).Status);
        _wall = 2001;
        Assert.Equal(SessionStatus.Expired, Increment(machine, Alice, 3, 3).Status);
        Assert.Equal(0, machine.SessionCount);
    }

    [Fact]
    public void A_wall_clock_that_goes_back_expires_nothing()
    {
        SessionMachine machine = New(new SessionOptions { ExpiryMicros = 1000 });
        _wall = 5000;
        Increment(machine, Alice, 1, 1);
        _wall = 0;
        Assert.Equal(SessionStatus.Applied, Increment(machine, Alice, 2, 2).Status);
    }

    [Fact]
    public void The_session_used_longest_ago_makes_room()
    {
        SessionMachine machine = New(new SessionOptions { MaxSessions = 2 });
        Increment(machine, Alice, 1, 1);
        Increment(machine, Bob, 1, 1);
        Increment(machine, Alice, 2, 2);
        Increment(machine, Guid.Empty, 1, 1);
        Assert.Equal(SessionStatus.Applied, Increment(machine, Alice, 3, 3).Status);
        Assert.Equal(SessionStatus.Expired, Increment(machine, Bob, 2, 2).Status);
    }

    [Fact]
    public void A_session_that_was_opened_and_forgotten_is_not_brought_back_by_a_late_copy_of_what_opened_it()
    {
        SessionMachine machine = New(new SessionOptions { MaxSessions = 1 });
        long opened = Open(machine, Alice);
        Assert.Equal(opened, Open(machine, Alice));
        Assert.Equal((SessionStatus.Applied, 1), Increment(machine, Alice, 1, 1, opened));
        Open(machine, Bob);
        long again = Open(machine, Alice);
        Assert.NotEqual(opened, again);
        Assert.Equal(SessionStatus.Expired, Increment(machine, Alice, 1, 1, opened).Status);
        Assert.Equal(SessionStatus.Expired, Increment(machine, Alice, 1, 1).Status);
        Assert.Equal((SessionStatus.Applied, 2), Increment(machine, Alice, 1, 1, again));
    }

    [Fact]
    public void Where_a_session_was_opened_is_in_the_checkpoint()
    {
        SessionMachine machine = New(), restored = New();
        long opened = Open(machine, Alice);
        Increment(machine, Alice, 1, 1, opened);
        using ICheckpointView view = machine.BeginCheckpoint();
        restored.Restore(view.Segments(1 << 16));
        Assert.Equal((SessionStatus.Applied, 1), Increment(restored, Alice, 1, 1, opened));
        Assert.Equal((SessionStatus.Applied, 2), Increment(restored, Alice, 2, 2, opened));
        Assert.Equal(opened, Open(restored, Alice));
    }

    [Fact]
    public void Too_many_incomplete_commands_are_refused()
    {
        SessionMachine machine = New(new SessionOptions { MaxIncomplete = 2 });
        Increment(machine, Alice, 1, 1);
        Increment(machine, Alice, 2, 1);
        Assert.Equal(SessionStatus.TooManyIncomplete, Increment(machine, Alice, 3, 1).Status);
        Assert.Equal((SessionStatus.Applied, 3), Increment(machine, Alice, 3, 2));
    }

    [Fact]
    public void Bytes_that_are_no_envelope_are_answered_and_change_nothing()
    {
        SessionMachine machine = New();
        Prop.ForAll<byte[]>(bytes =>
        {
            byte[] payload = [(byte)(bytes.Length % 3 + 1), .. bytes];
            CommandEnvelope.DecodeResult(machine.Apply(new AppliedCommand(++_index, 0, payload.AsMemory(0, Math.Min(payload.Length, 16)))), out SessionStatus status);
            return status == SessionStatus.Malformed;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_machine_restored_from_a_checkpoint_goes_on_as_the_one_it_was_taken_of() =>
        Prop.ForAll<(byte Client, byte Sequence, byte Completed)[], int>((steps, cut) =>
        {
            var options = new SessionOptions { MaxSessions = 3, MaxIncomplete = 4, ExpiryMicros = 40, MaxResultBytes = 600 };
            SessionMachine original = New(options);
            SessionMachine? restored = null;
            ICheckpointView? view = null;
            long bytesAtView = 0;
            _wall = 0;
            int at = steps.Length == 0 ? 0 : (int)((uint)cut % (uint)steps.Length);
            for (int i = 0; i < steps.Length; i++)
            {
                if (i == at)
                {
                    view = original.BeginCheckpoint();
                    bytesAtView = original.ApproximateBytes;
                    restored = New(options);
                    restored.Restore(view.Segments(64));
                }

                (byte client, byte sequence, byte completed) = steps[i];
                _wall += client % 16;
                long first = completed % 4 + 1;
                var stamp = new SessionStamp(new Guid(client % 5, 0, 0, new byte[8]), first + sequence % 5, first);
                byte[] payload = CommandEnvelope.Encode(stamp, new KeyValuePayload().IncrementBy("n"u8, 1).ToArray());
                var command = new AppliedCommand(++_index, _wall, payload);
                ReadOnlyMemory<byte> expected = original.Apply(command);
                if (restored is not null)
                    Assert.Equal(expected.ToArray(), restored.Apply(command).ToArray());
            }

            if (view is null)
                return true;
            SessionMachine late = New(options);
            late.Restore(view.Segments(64));
            view.Dispose();
            Assert.Equal(bytesAtView, late.ApproximateBytes);
            return original.SessionCount == restored!.SessionCount && original.ApproximateBytes == restored.ApproximateBytes;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_view_of_sessions_does_not_change_with_them()
    {
        SessionMachine machine = New();
        Increment(machine, Alice, 1, 1);
        ICheckpointView view = machine.BeginCheckpoint();
        Increment(machine, Alice, 2, 2);
        Increment(machine, Bob, 1, 1);
        SessionMachine restored = New();
        restored.Restore(view.Segments(1 << 16));
        Assert.Equal(1, restored.SessionCount);
        Assert.Equal((SessionStatus.Applied, 1), Increment(restored, Alice, 1, 1));
        Assert.Equal((SessionStatus.Applied, 2), Increment(restored, Alice, 2, 1));
    }

    [Fact]
    public void A_kept_result_longer_than_a_segment_is_cut_and_comes_back_whole()
    {
        SessionMachine machine = New();
        machine.Apply(new AppliedCommand(++_index, _wall, CommandEnvelope.Encode(new KeyValuePayload().Set("k"u8, new byte[300]).ToArray())));
        var read = new KeyValuePayload();
        for (int i = 0; i < 20; i++)
            read.Get("k"u8);
        byte[] command = CommandEnvelope.Encode(new SessionStamp(Alice, 1, 1), read.ToArray());
        byte[] result = machine.Apply(new AppliedCommand(++_index, _wall, command)).ToArray();

        ReadOnlyMemory<byte>[] segments = [.. machine.BeginCheckpoint().Segments(1000)];
        SessionMachine restored = New();
        restored.Restore(segments);

        Assert.All(segments, segment => Assert.InRange(segment.Length, 1, 1100));
        Assert.Equal(machine.ApproximateBytes, restored.ApproximateBytes);
        Assert.Equal(result, restored.Apply(new AppliedCommand(++_index, _wall, command)).ToArray());
        Assert.Equal(1, restored.Repeats);
    }

    private static SessionMachine New(SessionOptions? options = null) => new(new KeyValueMachine(), options);

    private long Open(SessionMachine machine, Guid client)
    {
        ReadOnlyMemory<byte> result = CommandEnvelope.DecodeResult(machine.Apply(new AppliedCommand(++_index, _wall, CommandEnvelope.Open(client))), out SessionStatus status);
        Assert.Equal(SessionStatus.Applied, status);
        return CommandEnvelope.DecodeOpened(result);
    }

    private (SessionStatus Status, long Value) Increment(SessionMachine machine, Guid client, long sequence, long firstIncomplete, long openedAt = 0)
    {
        byte[] payload = CommandEnvelope.Encode(new SessionStamp(client, sequence, firstIncomplete) { OpenedAt = openedAt }, new KeyValuePayload().IncrementBy("n"u8, 1).ToArray());
        ReadOnlyMemory<byte> result = CommandEnvelope.DecodeResult(machine.Apply(new AppliedCommand(++_index, _wall, payload)), out SessionStatus status);
        return (status, status == SessionStatus.Applied ? Integer(result) : 0);
    }

    private static long Integer(ReadOnlyMemory<byte> result)
    {
        KeyValueReplyReader replies = KeyValueCodec.Replies(result);
        Assert.True(replies.Next(out KeyValueReply reply));
        Assert.Equal(KeyValueReplyKind.Integer, reply.Kind);
        return reply.Integer;
    }
}
