using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Event;
using Akka.Persistence;

namespace ActorRepl.Actors.Replica;

/// <summary>
/// Writes the checkpoints of one replica to the snapshot store: segment after segment, then the manifest, each sent when
/// the one before is saved. Clears away what a saved checkpoint makes superfluous, one bounded step at a time.
/// </summary>
internal sealed class CheckpointWriter : UntypedActor
{
    private readonly ReplicaContext _context;
    private readonly IActorRef _store;
    private readonly IActorRef _journal;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly List<SegmentInfo> _segments = [];
    private readonly Queue<(IActorRef Plugin, object Request)> _deletes = new();

    private WriteCheckpoint? _current;
    private IEnumerator<ReadOnlyMemory<byte>>? _view;
    private SnapshotMetadata? _saving;
    private CheckpointManifest? _manifest;
    private bool _deleting;
    private int _mostSegments;

    public CheckpointWriter(ReplicaContext context)
    {
        _context = context;
        PersistenceExtension persistence = Persistence.Instance.Apply(Context.System);
        _store = persistence.SnapshotStoreFor(context.Settings.SnapshotPlugin);
        _journal = persistence.JournalFor(context.Settings.JournalPlugin);
    }

    // On the default dispatcher: reading a large state must not keep replicas waiting.
    public static Props Props(ReplicaContext context) => Akka.Actor.Props.Create(() => new CheckpointWriter(context));

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case WriteCheckpoint write:
                Begin(write);
                break;
            case SaveSnapshotSuccess saved when IsExpected(saved.Metadata):
                Saved();
                break;
            case SaveSnapshotFailure failure when IsExpected(failure.Metadata):
                Fail(failure.Cause.Message);
                break;
            case CleanUp cleanUp:
                Plan(cleanUp);
                break;
            case DeleteMessagesSuccess or DeleteSnapshotsSuccess:
                DeleteNext();
                break;
            case DeleteMessagesFailure failure:
                DeleteFailed(failure.Cause);
                break;
            case DeleteSnapshotsFailure failure:
                DeleteFailed(failure.Cause);
                break;
            case ReceiveTimeout:
                TimedOut();
                break;
        }
    }

    protected override void PostStop() => _current?.View.Dispose();

    private void Begin(WriteCheckpoint write)
    {
        Invariant.That(_current is null, "one checkpoint is written at a time");
        _current = write;
        _segments.Clear();
        Context.SetReceiveTimeout(_context.Settings.Replica.StoreTimeout);
        Try(() =>
        {
            _view = write.View.Segments(_context.Settings.Limits.SegmentBytes).GetEnumerator();
            SaveNext();
        });
    }

    private void Saved()
    {
        _saving = null;
        if (_manifest is { } manifest)
            Finish(new CheckpointWritten(manifest, _current!.SequenceNr));
        else
            Try(SaveNext);
    }

    private void SaveNext()
    {
        if (_view!.MoveNext())
        {
            ReadOnlyMemory<byte> segment = _view.Current;
            Invariant.That(segment.Length <= _context.Settings.Limits.MaxMessageBytes / 2, "a segment fits into a frame (actorrepl.max-frame-bytes)");
            Save(PersistenceIds.Segment(_context.PersistenceId, _segments.Count), new SegmentPayload(segment));
            _segments.Add(new SegmentInfo(segment.Length, Crc32C.Compute(segment.Span)));
            _mostSegments = Math.Max(_mostSegments, _segments.Count);
            return;
        }

        _manifest = _current!.Manifest with { Segments = _segments.ToArray() };
        Save(_context.PersistenceId, new CheckpointPayload(RecordCodec.Encode(_manifest)));
    }

    private void Save(string persistenceId, JournalPayload payload)
    {
        _saving = new SnapshotMetadata(persistenceId, _current!.SequenceNr, DateTime.UtcNow);
        _store.Tell(new SaveSnapshot(_saving, payload), Self);
    }

    private bool IsExpected(SnapshotMetadata metadata) =>
        _saving is not null && metadata.PersistenceId == _saving.PersistenceId && metadata.SequenceNr == _saving.SequenceNr;

    private void Try(Action step)
    {
        try
        {
            step();
        }
        catch (Exception problem)
        {
            _log.Error(problem, "the checkpoint of {0} cannot be written", _context);
            Fail(problem.Message);
        }
    }

    private void Fail(string reason) => Finish(new CheckpointNotWritten(reason));

    private void Finish(object outcome)
    {
        _view?.Dispose();
        _current!.View.Dispose();
        _view = null;
        _current = null;
        _saving = null;
        _manifest = null;
        Context.SetReceiveTimeout(null);
        Context.Parent.Tell(outcome, Self);
    }

    // A clean-up that is not finished when the next one comes is superseded by it.
    private void Plan(CleanUp cleanUp)
    {
        _deletes.Clear();
        string id = _context.PersistenceId;
        for (long to = cleanUp.EventsFrom; to < cleanUp.EventsTo;)
        {
            to = Math.Min(to + _context.Settings.Replica.DeleteStep, cleanUp.EventsTo);
            _deletes.Enqueue((_journal, new DeleteMessagesTo(id, to, Self)));
        }

        var older = new SnapshotSelectionCriteria(cleanUp.SequenceNr - 1);
        _deletes.Enqueue((_store, new DeleteSnapshots(id, older)));
        for (int number = 0; number < Math.Max(_mostSegments, Math.Max(cleanUp.Segments, cleanUp.OldSegments)); number++)
            _deletes.Enqueue((_store, new DeleteSnapshots(PersistenceIds.Segment(id, number), older)));
        if (!_deleting)
            DeleteNext();
    }

    private void DeleteNext()
    {
        _deleting = _deletes.TryDequeue(out (IActorRef Plugin, object Request) next);
        if (_deleting)
            next.Plugin.Tell(next.Request, Self);
    }

    private void DeleteFailed(Exception cause)
    {
        _log.Warning("what a checkpoint of {0} makes superfluous could not be deleted: {1}", _context, cause.Message);
        DeleteNext();
    }

    private void TimedOut()
    {
        if (_current is not null)
            Fail($"the snapshot store has not answered for {_context.Settings.Replica.StoreTimeout.TotalSeconds:0} s");
    }
}
