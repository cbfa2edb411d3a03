using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.Actors.Replica;

/// <summary>
/// Checkpoints: written by a child off this actor's thread. Each attempt has a sequence number of its own, that of an empty
/// record, the mark: so it touches no segment of another attempt, and holds nothing that a later incarnation might not find
/// in the journal, should it reach the snapshot store only then.
/// </summary>
internal sealed partial class ReplicaActor
{
    // After a start it is not known what earlier runs left undeleted: the first step reaches all that is older than this.
    private const long MaxForgottenSteps = 64;

    private long _confirmedSequenceNr;
    private long _manifestSequenceNr;
    private long _checkpointSequenceNr;
    private long _deletedTo;

    // Of the checkpoint before the last one; 0: there was none, or what is older than the last is gone.
    private long _earlierSequenceNr;
    private int _savedSegments;
    private (CheckpointManifest Manifest, ICheckpointView View)? _checkpoint;
    private WalPayload? _mark;
    private long _markSequenceNr;
    private IActorRef? _checkpointWriter;
    private IActorRef? _segmentReader;
    private IActorRef? _backlogReader;

    private IActorRef SegmentReader => _segmentReader ??= Context.ActorOf(Replica.SegmentReader.Props(_context), "segments");

    private IActorRef CheckpointWriter => _checkpointWriter ??= Context.ActorOf(Replica.CheckpointWriter.Props(_context), "checkpoints");

    public void SaveCheckpoint(CheckpointManifest manifest, ICheckpointView view)
    {
        Invariant.That(_checkpoint is null, "one checkpoint is written at a time");
        Invariant.That(manifest.Lsn == _lastLsn, "a checkpoint holds every record handed out so far");
        _checkpoint = (manifest, view);
        if (_blocked)
        {
            BeginCheckpointWithoutMark();
            return;
        }

        // Recovery passes over it: its LSN is contained in whatever comes before it.
        _mark = new WalPayload(RecordCodec.Encode(new WalEntry(manifest.Lsn, new WalRecord())));
        _unwritten.Enqueue(new Unwritten(manifest.Lsn, _mark));
    }

    public void LoadSegment(CheckpointManifest manifest, int number, SegmentTicket ticket) =>
        SegmentReader.Tell(new ReadSegment(number, _manifestSequenceNr, manifest.Segments[number], ticket), _self);

    public void ReadRange(long first, long last, int maxBytes)
    {
        _backlogReader ??= Context.ActorOf(BacklogReader.Props(_context), "backlog");
        _backlogReader.Tell(new ReadBack(first, last, maxBytes), _self);
    }

    private void BeginCheckpoint(long sequenceNr)
    {
        _checkpointSequenceNr = sequenceNr;
        (CheckpointManifest manifest, ICheckpointView view) = _checkpoint!.Value;
        CheckpointWriter.Tell(new WriteCheckpoint(manifest, view, sequenceNr), _self);
    }

    // A full journal may get room only by a checkpoint, and takes no mark. What waits is certainly not in it.
    private void BeginCheckpointWithoutMark()
    {
        _mark = null;
        if (_confirmedSequenceNr > _checkpointSequenceNr)
        {
            BeginCheckpoint(_confirmedSequenceNr);
            return;
        }

        _checkpoint!.Value.View.Dispose();
        _self.Tell(new CheckpointNotWritten("the journal refuses writes"), ActorRefs.NoSender);
    }

    private void OnCheckpointWritten(ReplicaDriver driver, CheckpointWritten written)
    {
        _checkpoint = null;
        int oldSegments = _savedSegments;
        _savedSegments = written.Manifest.Segments.Count;
        _earlierSequenceNr = _manifestSequenceNr;
        _manifestSequenceNr = written.SequenceNr;
        CleanUpBefore(written.SequenceNr, oldSegments);
        driver.CheckpointSaved(written.Manifest);
    }

    private void CleanUpBefore(long sequenceNr, int oldSegments)
    {
        // A full disk needs the room more than a peer needs the log: that peer gets the checkpoint.
        long eventsTo = _context.Group.Protocol.ReadsBack && !_blocked ? _earlierSequenceNr : sequenceNr;
        CheckpointWriter.Tell(new CleanUp(sequenceNr, _savedSegments, oldSegments, _deletedTo, eventsTo), _self);
        _deletedTo = Math.Max(_deletedTo, eventsTo);
    }

    private void OnCheckpointNotWritten(ReplicaDriver driver, CheckpointNotWritten failed)
    {
        _checkpoint = null;
        Report($"a checkpoint could not be saved: {failed.Reason}");
        driver.CheckpointFailed(failed.Reason);
    }
}
