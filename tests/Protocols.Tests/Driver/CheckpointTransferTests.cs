using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Driver;

/// <summary>Two drivers, one with a checkpoint and one that pulls it; the test is the network between them.</summary>
public class CheckpointTransferTests
{
    private static readonly ReplicaId Source = new(1), Puller = new(2);
    private readonly ScriptedProtocol _sourceProtocol = new(), _pullerProtocol = new();
    private readonly RecordingHost _sourceHost = new(), _pullerHost = new();
    private readonly JoiningMachine _pullerMachine = new();
    private readonly ReplicaDriver _source, _puller;

    public CheckpointTransferTests()
    {
        _source = new ReplicaDriver(_sourceProtocol, new JoiningMachine(), _sourceHost);
        _puller = new ReplicaDriver(_pullerProtocol, _pullerMachine, _pullerHost, new DriverOptions { TransferWindow = 2 });
        _sourceProtocol.Then((_, effects) =>
            effects.Add(new Effect.Apply(EntryBatch.Pack(EntryKind.Command, 1, 1, 0, [JoiningMachine.Bytes("a long state in segments")]), [])));
        _source.Start(RecoveredState.Empty, []);
        _sourceProtocol.Then((_, effects) => effects.Checkpoint(new CheckpointRequest(1, 1, JoiningMachine.Bytes("own vote"), default, [])));
        _source.Handle(new Input.PeerHint(Puller, true));
        _source.CheckpointSaved(_sourceHost.Checkpoints[0].Manifest);
        _pullerProtocol.Then((_, effects) => effects.Add(new Effect.Fetch(Source, 1)));
        _puller.Start(RecoveredState.Empty, []);
    }

    [Fact]
    public void A_checkpoint_arrives_whole_and_is_installed_only_once_it_is_durable_here()
    {
        DeliverUntilQuiet();
        Input.TransferReady ready = Assert.Single(_pullerProtocol.Inputs.OfType<Input.TransferReady>());
        Assert.True(ready.Manifest.HardState.IsEmpty, "the sender's vote stays with the sender");
        Assert.Equal("", _pullerMachine.State);

        Install(ready);
        Assert.Equal("", _pullerMachine.State);
        _puller.CheckpointSaved(_pullerHost.Checkpoints[0].Manifest);

        Assert.Equal("a long state in segments", _pullerMachine.State);
        Assert.Equal(1, Assert.IsType<Input.Installed>(_pullerProtocol.Inputs[^1]).Index);
    }

    [Fact]
    public void No_more_segments_are_under_way_than_the_window_allows()
    {
        Deliver(_pullerHost, _source, Puller);
        Deliver(_sourceHost, _puller, Source);

        Assert.Equal(2, _pullerHost.Sent.Count(sent => sent.Message is SegmentRequest));
    }

    [Fact]
    public void What_was_lost_on_the_way_is_asked_for_again()
    {
        _pullerHost.Sent.Clear();
        for (int round = 0; round < 40 && !_pullerProtocol.Inputs.OfType<Input.TransferReady>().Any(); round++)
        {
            if (round % 3 == 1)
                _sourceHost.Sent.Clear();
            _puller.TimerFired(ReplicaDriver.TransferTimer, 1);
            DeliverUntilQuiet(rounds: 1);
        }

        Assert.Single(_pullerProtocol.Inputs.OfType<Input.TransferReady>());
    }

    [Fact]
    public void A_damaged_segment_is_refused()
    {
        Deliver(_pullerHost, _source, Puller);
        Deliver(_sourceHost, _puller, Source);
        SegmentRequest request = _pullerHost.Sent.Select(sent => sent.Message).OfType<SegmentRequest>().First();

        var damaged = new SegmentReply(request.Token, request.Number, found: true, JoiningMachine.Bytes("zzzz"));
        Assert.Throws<InvalidDataException>(() => _puller.Receive(Source, PeerChannel.Transfer, damaged.ToBytes()));
    }

    [Fact]
    public void A_source_that_falls_silent_fails_the_transfer()
    {
        for (int i = 0; i < 20; i++)
            _puller.TimerFired(ReplicaDriver.TransferTimer, 1);

        Assert.Single(_pullerProtocol.Inputs.OfType<Input.TransferFailed>());
    }

    [Fact]
    public void A_failed_save_leaves_the_machine_as_it_was()
    {
        DeliverUntilQuiet();
        Install(_pullerProtocol.Inputs.OfType<Input.TransferReady>().Single());
        _puller.CheckpointFailed("disk full");

        Assert.Equal("", _pullerMachine.State);
        Assert.IsType<Input.TransferFailed>(_pullerProtocol.Inputs[^1]);
    }

    [Fact]
    public void An_install_takes_the_place_of_no_record_that_was_written_after_it_was_asked_for()
    {
        _pullerProtocol.Then((_, effects) => effects.Checkpoint(new CheckpointRequest(0, 0, default, default, [])));
        _puller.Handle(new Input.PeerHint(Source, true));
        for (int i = 0; i < 4; i++)
        {
            _pullerProtocol.Then((input, effects) =>
            {
                if (input is Input.TransferReady ready)
                    effects.Install(new CheckpointRequest(ready.Manifest.Index, ready.Manifest.Term, default, default, []));
                else if (input is Input.PeerHint)
                    effects.Append(new WalRecord { HardState = JoiningMachine.Bytes("a vote") });
            });
        }

        DeliverUntilQuiet();
        _puller.Handle(new Input.PeerHint(Source, true));
        _puller.CheckpointSaved(_pullerHost.Checkpoints[0].Manifest);

        Assert.Equal(1, _puller.LastLsn);
        Assert.Equal((1, 1), (_pullerHost.Checkpoints[1].Manifest.Index, _pullerHost.Checkpoints[1].Manifest.Lsn));
        Assert.Single(_pullerProtocol.Inputs.OfType<Input.TransferReady>());
    }

    private void Install(Input.TransferReady ready)
    {
        _pullerProtocol.Then((_, effects) => effects.Install(new CheckpointRequest(ready.Manifest.Index, ready.Manifest.Term, default, default, [])));
        _puller.Handle(new Input.PeerHint(Source, true));
    }

    private void DeliverUntilQuiet(int rounds = 50)
    {
        for (int round = 0; round < rounds && _pullerHost.Sent.Count + _sourceHost.Sent.Count > 0; round++)
        {
            Deliver(_pullerHost, _source, Puller);
            foreach ((int number, SegmentTicket ticket) in _sourceHost.Loads)
                _source.SegmentLoaded(ticket, _sourceHost.Checkpoints[0].Segments[number]);
            _sourceHost.Loads.Clear();
            Deliver(_sourceHost, _puller, Source);
        }
    }

    private static void Deliver(RecordingHost from, ReplicaDriver to, ReplicaId sender)
    {
        var sent = from.Sent.ToList();
        from.Sent.Clear();
        foreach ((ReplicaId _, PeerChannel channel, PeerMessage message) in sent)
            to.Receive(sender, channel, message.ToBytes());
    }
}
