using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Driver;

/// <summary>Batches that follow each other are one call of a machine that gains by it.</summary>
public sealed class ApplyTogetherTests
{
    private readonly ScriptedProtocol _protocol = new();
    private readonly BatchMachine _machine = new(leastBatch: 3);
    private readonly RecordingHost _host = new();
    private readonly ReplicaDriver _driver;

    public ApplyTogetherTests()
    {
        _driver = new ReplicaDriver(_protocol, _machine, _host);
        _protocol.Then((_, _) => { });
        _driver.Start(RecoveredState.Empty, []);
    }

    [Fact]
    public void Batches_in_a_row_are_applied_in_one_call_and_answered_in_order()
    {
        Step(effects =>
        {
            effects.Add(new Effect.Apply(Batch(1, "a", "b"), [11, 0]));
            effects.Add(new Effect.Apply(EntryBatch.Pack(EntryKind.NoOp, 3, 2, 0, [default(ReadOnlyMemory<byte>)]), []));
            effects.Add(new Effect.Apply(Batch(4, "c", "d"), [0, 14]));
        });

        Assert.Equal([4], _machine.Calls);
        Assert.Equal([(11L, "a"), (14L, "abcd")], _host.Replies);
        Assert.Equal([1L, 2, 4, 5], _machine.Indexes);
        Assert.Equal(5, Assert.Single(_protocol.Inputs.OfType<Input.Applied>()).Index);
        Assert.Equal(new LogPosition(1, 5), _driver.Applied);
    }

    [Fact]
    public void Too_few_are_applied_one_by_one()
    {
        Step(effects => effects.Add(new Effect.Apply(Batch(1, "a", "b"), [0, 12])));

        Assert.Empty(_machine.Calls);
        Assert.Equal([(12L, "ab")], _host.Replies);
    }

    [Fact]
    public void A_query_is_told_the_replicas_wall_clock()
    {
        _host.Now = new Instant(1, 77_000, 0);
        Step(effects => effects.Add(new Effect.Serve([new ClientRequest(9, RequestKind.Read, default, 0)])));

        Assert.Equal([77_000L], _machine.Walls);
    }

    [Fact]
    public void A_query_between_two_batches_sees_the_first_alone()
    {
        Step(effects =>
        {
            effects.Add(new Effect.Apply(Batch(1, "a", "b", "c"), []));
            effects.Add(new Effect.Serve([new ClientRequest(9, RequestKind.Read, default, 0)]));
            effects.Add(new Effect.Apply(Batch(4, "d", "e", "f"), []));
        });

        Assert.Equal([3, 3], _machine.Calls);
        Assert.Equal([(9L, "abc")], _host.Replies);
    }

    [Fact]
    public void A_mark_in_the_middle_shows_the_state_just_after_it()
    {
        string? seen = null;
        Assert.True(_driver.AwaitMark(JoiningMachine.Bytes("b"), (_, view) => seen = System.Text.Encoding.UTF8.GetString(view.Segments(100).Single().Span)));
        Step(effects => effects.Add(new Effect.Apply(Batch(1, "a", "b", "c", "d"), [])));

        Assert.Equal("ab", seen);
        Assert.Equal("abcd", _machine.State);
    }

    [Fact]
    public void A_batch_that_is_not_the_next_is_a_violation() =>
        Assert.Throws<InvariantViolationException>(() => Step(effects =>
        {
            effects.Add(new Effect.Apply(Batch(1, "a", "b"), []));
            effects.Add(new Effect.Apply(Batch(4, "d", "e"), []));
        }));

    private void Step(Action<Effects> step)
    {
        _protocol.Then((_, effects) => step(effects));
        _driver.Handle(new Input.PeerHint(new ReplicaId(2), Up: true));
    }

    private static EntryBatch Batch(long first, params string[] commands) =>
        EntryBatch.Pack(EntryKind.Command, first, 1, 0, [.. commands.Select(JoiningMachine.Bytes)]);

    private sealed class BatchMachine(int leastBatch) : IBatchStateMachine
    {
        private readonly JoiningMachine _inner = new();

        public List<int> Calls { get; } = [];
        public List<long> Indexes { get; } = [];
        public List<long> Walls { get; } = [];
        public string State => _inner.State;
        public int LeastBatch => leastBatch;
        public long ApproximateBytes => 0;

        public void ApplyAll(ReadOnlySpan<AppliedCommand> commands, Span<ReadOnlyMemory<byte>> results)
        {
            Calls.Add(commands.Length);
            for (int i = 0; i < commands.Length; i++)
            {
                Indexes.Add(commands[i].Index);
                results[i] = _inner.Apply(commands[i]);
            }
        }

        public ReadOnlyMemory<byte> Apply(in AppliedCommand command) => _inner.Apply(command);
        public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => _inner.Query(query);

        public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query, long wall)
        {
            Walls.Add(wall);
            return _inner.Query(query);
        }

        public ICheckpointView BeginCheckpoint() => _inner.BeginCheckpoint();
        public void Restore(IEnumerable<ReadOnlyMemory<byte>> segments) => _inner.Restore(segments);
    }
}
