using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Driver;

/// <summary>Checkpoints: taken here, given to peers, pulled from peers. One is being saved at a time.</summary>
public sealed partial class ReplicaDriver
{
    private CheckpointManifest? _saved;
    private CheckpointManifest? _saving;
    private CheckpointPull? _pull;
    private CheckpointPull? _ready;
    private bool _installing;
    private long _lastToken;

    /// <summary>The checkpoint last saved or recovered from; null before the first.</summary>
    public CheckpointManifest? LastCheckpoint => _saved;

    /// <summary>The manifest as saved, lengths and checksums of its segments included.</summary>
    public void CheckpointSaved(CheckpointManifest manifest)
    {
        Invariant.That(_saving is not null && manifest.Lsn == _saving.Lsn, "only a checkpoint that is being saved can be saved");
        _saving = null;
        _saved = manifest;
        if (!_installing)
        {
            Handle(new Input.CheckpointSaved(manifest.Index));
            OfferReady();
            return;
        }

        if (!_ready!.MetadataOnly)
            _machine.Restore(_ready.Segments);
        (_appliedIndex, _appliedTerm) = (manifest.Index, manifest.Term);
        _installing = false;
        _ready = null;
        Handle(new Input.Installed(manifest.Index));
    }

    public void CheckpointFailed(string reason)
    {
        Invariant.That(_saving is not null, "only a checkpoint that is being saved can fail");
        long index = _saving.Index;
        _saving = null;
        if (!_installing)
        {
            Handle(new Input.CheckpointFailed(index, reason));
            OfferReady();
            return;
        }

        ReplicaId from = _ready!.From;
        _installing = false;
        _ready = null;
        Handle(new Input.TransferFailed(from, index, reason));
    }

    /// <summary>Answers <see cref="IReplicaHost.LoadSegment"/>; null: it is gone or unreadable.</summary>
    public void SegmentLoaded(SegmentTicket ticket, ReadOnlyMemory<byte>? bytes) =>
        SendTransfer(ticket.To, new SegmentReply(ticket.Token, ticket.Number, bytes is not null, bytes ?? default));

    private void BeginCheckpoint(Effect.Checkpoint checkpoint)
    {
        Invariant.That(_saving is null, "one checkpoint at a time");
        Invariant.That(checkpoint.Request.Index == _appliedIndex, "a checkpoint is taken at the applied index");
        _saving = Describe(checkpoint.Request, checkpoint.Lsn, []);
        _host.SaveCheckpoint(_saving, _machine.BeginCheckpoint());
    }

    private void BeginFetch(Effect.Fetch fetch)
    {
        Invariant.That(!_installing, "nothing is pulled in the middle of an install");
        _ready = null;
        _pull = new CheckpointPull(fetch.From, fetch.Index, ++_lastToken, _options.TransferWindow, fetch.MetadataOnly);
        SendTransfer(fetch.From, _pull.Begin());
        ArmTransferTimer();
    }

    private void AbandonFetch()
    {
        _pull = null;
        _ready = null;
        _host.CancelTimer(TransferTimer);
    }

    private void BeginInstall(Effect.Install install)
    {
        Invariant.That(_ready is not null && _saving is null, "only a checkpoint that is ready can be installed");
        Invariant.That(install.Request.Index == _ready.Manifest!.Index, "the checkpoint that is ready is the one installed");
        _installing = true;
        _saving = Describe(install.Request, install.Lsn, _ready.Manifest.Segments);
        _host.SaveCheckpoint(_saving, new PulledView(_ready.Segments));
    }

    // The protocol hears of a pulled checkpoint only when none of its own is being written: an install that waited would
    // describe the replica as it stood before the records since, a vote perhaps, and take their place.
    private void OfferReady()
    {
        if (_ready is { } pull && _saving is null && !_installing)
            Handle(new Input.TransferReady(pull.From, pull.Manifest!));
    }

    private void ReceiveTransfer(ReplicaId from, TransferMessage message)
    {
        switch (message)
        {
            case ManifestRequest request:
                SendTransfer(from, new ManifestReply(request.Token, OfferFor(request)));
                break;
            case SegmentRequest request when _saved is { } saved && saved.Index == request.Index && saved.Lsn == request.Lsn
                && request.Number >= 0 && request.Number < saved.Segments.Count:
                _host.LoadSegment(saved, request.Number, new SegmentTicket(from, request.Token, request.Number));
                break;
            case SegmentRequest request:
                SendTransfer(from, new SegmentReply(request.Token, request.Number, found: false, default));
                break;
            case ManifestReply reply when IsPulling(from, reply):
                Continue(_pull!.TakeManifest(reply, out string? noManifest), noManifest);
                break;
            case SegmentReply reply when IsPulling(from, reply):
                Continue(_pull!.TakeSegment(reply, out string? noSegment), noSegment);
                break;
        }
    }

    private bool IsPulling(ReplicaId from, TransferMessage reply) => _pull is not null && _pull.From == from && _pull.Token == reply.Token;

    // Hard state, tail and entries at risk are the sender's own; the LSN only names the checkpoint.
    private ReadOnlyMemory<byte> OfferFor(ManifestRequest request) => _saved is { } saved && saved.Index >= request.MinIndex
        ? RecordCodec.Encode(saved with { HardState = default, Tail = [], AtRisk = [] })
        : default(ReadOnlyMemory<byte>);

    private void Continue(IEnumerable<TransferMessage>? messages, string? failure)
    {
        CheckpointPull pull = _pull!;
        if (messages is null)
        {
            FailFetch(failure ?? "the checkpoint did not come");
            return;
        }

        SendTransfer(pull.From, messages);
        if (!pull.IsComplete)
            return;
        AbandonFetch();
        _ready = pull;
        OfferReady();
    }

    private void NudgeTransfer(long generation)
    {
        if (_pull is null || _pull.Token != generation)
            return;
        if (_pull.Nudge() is { } messages)
        {
            SendTransfer(_pull.From, messages);
            ArmTransferTimer();
        }
        else
        {
            FailFetch($"{_pull.From} stopped answering");
        }
    }

    private void FailFetch(string reason)
    {
        CheckpointPull pull = _pull!;
        AbandonFetch();
        Handle(new Input.TransferFailed(pull.From, pull.MinIndex, reason));
    }

    private void ArmTransferTimer() => _host.Arm(TransferTimer, _pull!.Token, _options.TransferPatienceMicros);

    private void SendTransfer(ReplicaId to, TransferMessage message) => _host.Send(to, PeerChannel.Transfer, message);

    private void SendTransfer(ReplicaId to, IEnumerable<TransferMessage> messages)
    {
        foreach (TransferMessage message in messages)
            SendTransfer(to, message);
    }

    private static CheckpointManifest Describe(CheckpointRequest request, long lsn, IReadOnlyList<SegmentInfo> segments) => new()
    {
        Index = request.Index,
        Term = request.Term,
        Lsn = lsn,
        HardState = request.HardState,
        Configuration = request.Configuration,
        Tail = request.Tail,
        AtRisk = request.AtRisk,
        Segments = segments,
    };

    /// <summary>The segments of a checkpoint that came from a peer, cut as they came.</summary>
    private sealed class PulledView(IEnumerable<ReadOnlyMemory<byte>> segments) : ICheckpointView
    {
        public IEnumerable<ReadOnlyMemory<byte>> Segments(int maxBytes) => segments;

        public void Dispose()
        {
        }
    }
}
