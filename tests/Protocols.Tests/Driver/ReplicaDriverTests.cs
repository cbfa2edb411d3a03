using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Driver;

public class ReplicaDriverTests
{
    private static readonly ReplicaId Peer = new(2);
    private readonly ScriptedProtocol _protocol = new();
    private readonly JoiningMachine _machine = new();
    private readonly RecordingHost _host = new();
    private readonly ReplicaDriver _driver;

    public ReplicaDriverTests()
    {
        _driver = new ReplicaDriver(_protocol, _machine, _host, new DriverOptions { MaxQueuedRequests = 3, MaxWritesInFlight = 1 });
        _protocol.Then((_, _) => { });
        _driver.Start(RecoveredState.Empty, []);
    }

    [Fact]
    public void What_waits_for_the_disk_leaves_only_when_all_before_it_is_durable()
    {
        Step(effects =>
        {
            effects.Append(new WalRecord { HardState = JoiningMachine.Bytes("a") });
            effects.Send(Peer, new Note(1));
            effects.SendWhenDurable(Peer, new Note(2));
            effects.Append(new WalRecord { HardState = JoiningMachine.Bytes("b") });
            effects.SendWhenDurable(Peer, new Note(3));
        });

        Assert.Equal([1], SentNotes());
        _driver.Durable(1);
        Assert.Equal([1, 2], SentNotes());
        _driver.Durable(2);
        Assert.Equal([1, 2, 3], SentNotes());
        Assert.Equal([1L, 2L], _host.Persisted.Select(entry => entry.Lsn));
    }

    [Fact]
    public void What_waits_for_nothing_leaves_at_once()
    {
        Step(effects => effects.SendWhenDurable(Peer, new Note(7)));

        Assert.Equal([7], SentNotes());
    }

    [Fact]
    public void Results_go_to_who_waits_and_the_protocol_hears_once_how_far_it_got()
    {
        Step(effects =>
        {
            effects.Add(new Effect.Apply(Batch(1, "a", "b"), [0, 12]));
            effects.Add(new Effect.Apply(Batch(3, "c"), []));
        });

        Assert.Equal([(12L, "ab")], _host.Replies);
        Assert.Equal("abc", _machine.State);
        Assert.Equal(3, Assert.Single(_protocol.Inputs.OfType<Input.Applied>()).Index);
    }

    [Fact]
    public void An_entry_that_is_not_the_next_is_a_violation() =>
        Assert.Throws<InvariantViolationException>(() => Step(effects => effects.Add(new Effect.Apply(Batch(2, "late"), []))));

    [Fact]
    public void Commands_wait_while_the_disk_is_behind_and_reads_do_not()
    {
        Step(effects => effects.Append(new WalRecord()));
        _driver.Enqueue(new ClientRequest(1, RequestKind.Command, default, 0));
        _driver.Enqueue(new ClientRequest(2, RequestKind.Read, default, 0));

        _driver.Flush();
        Assert.Equal([2L], LastRequests());
        Assert.False(_driver.CanFlush);

        _driver.Durable(1);
        _driver.Flush();
        Assert.Equal([1L], LastRequests());
    }

    [Fact]
    public void A_full_disk_holds_no_command_back_from_being_refused()
    {
        Step(effects => effects.Append(new WalRecord()));
        _driver.Enqueue(new ClientRequest(1, RequestKind.Command, default, 0));
        Assert.False(_driver.CanFlush);

        _driver.Handle(new Input.Storage(StorageState.Full));
        Assert.True(_driver.CanFlush);
        _driver.Flush();
        Assert.Equal([1L], LastRequests());
    }

    [Fact]
    public void What_still_waits_when_the_replica_stops_is_certainly_not_done()
    {
        Step(effects => effects.Append(new WalRecord()));
        _driver.Enqueue(new ClientRequest(1, RequestKind.Command, default, 0));
        _driver.Enqueue(new ClientRequest(2, RequestKind.Read, default, 0));
        _driver.Flush();

        _driver.RejectQueued(new Rejection(RejectReason.Unavailable));
        Assert.Equal([(1L, new Rejection(RejectReason.Unavailable))], _host.Rejections);
        Assert.False(_driver.CanFlush);
    }

    [Fact]
    public void A_full_queue_refuses_at_once()
    {
        for (long id = 1; id <= 4; id++)
            _driver.Enqueue(new ClientRequest(id, RequestKind.Command, default, 0));

        (long refused, Rejection why) = Assert.Single(_host.Rejections);
        Assert.Equal((4L, RejectReason.Overloaded, false), (refused, why.Reason, why.OutcomeUnknown));
    }

    [Fact]
    public void A_checkpoint_holds_the_machine_as_it_was_when_asked_for_and_everything_up_to_its_LSN()
    {
        Step(effects =>
        {
            effects.Append(new WalRecord());
            effects.Add(new Effect.Apply(Batch(1, "one"), []));
        });
        Step(effects => effects.Checkpoint(Request(1)));

        (CheckpointManifest manifest, List<ReadOnlyMemory<byte>> segments) = Assert.Single(_host.Checkpoints);
        Assert.Equal((1L, 1L), (manifest.Index, manifest.Lsn));
        Assert.Equal("one", System.Text.Encoding.UTF8.GetString(segments[0].Span));
        _driver.CheckpointSaved(manifest);
        Assert.Equal(1, Assert.IsType<Input.CheckpointSaved>(_protocol.Inputs[^1]).Index);
    }

    [Fact]
    public void A_checkpoint_anywhere_but_at_the_applied_index_is_a_violation() =>
        Assert.Throws<InvariantViolationException>(() => Step(effects => effects.Checkpoint(Request(5))));

    private static CheckpointRequest Request(long index) => new(index, 1, default, default, []);

    private static EntryBatch Batch(long first, params string[] payloads) =>
        EntryBatch.Pack(EntryKind.Command, first, 1, 0, payloads.Select(JoiningMachine.Bytes).ToArray());

    private void Step(Action<Effects> effects)
    {
        _protocol.Then((_, list) => effects(list));
        _driver.Handle(new Input.PeerHint(Peer, Up: true));
    }

    private IEnumerable<int> SentNotes() => _host.Sent.Select(sent => (int)((Note)sent.Message).Value);

    private IEnumerable<long> LastRequests() => _protocol.Inputs.OfType<Input.Requests>().Last().Batch.Select(request => request.Id);
}
