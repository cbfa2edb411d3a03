using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.Actors.Replica;

/// <summary>
/// Checkpoints: written by a child off this actor's thread. Each has a sequence number of its own, so that a checkpoint
/// being written never touches the segments of the one before it.
/// </summary>
internal sealed partial class ReplicaActor
{
    // After a start it is not known what earlier runs left undeleted: the first step reaches all that is older than this.
    private const long MaxForgottenSteps = 64;

    private long _confirmedSequenceNr;
    private long _manifestSequenceNr;
    private long _deletedTo;
    private int _savedSegments;
    private (CheckpointManifest Manifest, ICheckpointView View)? _checkpoint;
    private bool _checkpointWaits;
    private IActorRef? _checkpointWriter;
    private IActorRef? _segmentReader;

    private IActorRef SegmentReader => _segmentReader ??= Context.ActorOf(Replica.SegmentReader.Props(_context), "segments");

    private IActorRef CheckpointWriter => _checkpointWriter ??= Context.ActorOf(Replica.CheckpointWriter.Props(_context), "checkpoints");

    public void SaveCheckpoint(CheckpointManifest manifest, ICheckpointView view)
    {
        _checkpoint = (manifest, view);
        if (_confirmedSequenceNr > _manifestSequenceNr)
        {
            BeginCheckpoint();
        }
        else if (_blocked)
        {
            view.Dispose();
            _checkpoint = null;
            _self.Tell(new CheckpointNotWritten("the journal refuses writes"), ActorRefs.NoSender);
        }
        else
        {
            // An empty record that recovery passes over: it only takes the sequence number this checkpoint needs.
            _checkpointWaits = true;
            long lsn = _driver!.LastLsn;
            _unwritten.Enqueue(new Unwritten(lsn, new WalPayload(RecordCodec.Encode(new WalEntry(lsn, new WalRecord())))));
        }
    }

    public void LoadSegment(CheckpointManifest manifest, int number, SegmentTicket ticket) =>
        SegmentReader.Tell(new ReadSegment(number, _manifestSequenceNr, manifest.Segments[number], ticket), _self);

    // Every protocol so far keeps its log since the last checkpoint in memory; what is older is only in the checkpoint.
    public void ReadRange(long first, long last, int maxBytes) => _self.Tell(new RangeUnavailable(first), ActorRefs.NoSender);

    private void BeginCheckpoint()
    {
        _checkpointWaits = false;
        (CheckpointManifest manifest, ICheckpointView view) = _checkpoint!.Value;
        CheckpointWriter.Tell(new WriteCheckpoint(manifest, view, _confirmedSequenceNr), _self);
    }

    private void OnCheckpointWritten(ReplicaDriver driver, CheckpointWritten written)
    {
        _checkpoint = null;
        int oldSegments = _savedSegments;
        _savedSegments = written.Manifest.Segments.Count;
        _manifestSequenceNr = written.SequenceNr;
        CheckpointWriter.Tell(new CleanUp(written.SequenceNr, _savedSegments, oldSegments, _deletedTo), _self);
        _deletedTo = written.SequenceNr;
        driver.CheckpointSaved(written.Manifest);
    }

    private void OnCheckpointNotWritten(ReplicaDriver driver, CheckpointNotWritten failed)
    {
        _checkpoint = null;
        Report($"a checkpoint could not be saved: {failed.Reason}");
        driver.CheckpointFailed(failed.Reason);
    }

    private sealed record RangeUnavailable(long First);
}
