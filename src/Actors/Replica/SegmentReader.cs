using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Persistence;

namespace ActorRepl.Actors.Replica;

/// <summary>Reads segments of a replica's checkpoints back, one at a time, and checks each.</summary>
internal sealed class SegmentReader : UntypedActor
{
    private readonly ReplicaContext _context;
    private readonly IActorRef _store;
    private readonly Queue<ReadSegment> _waiting = new();
    private ReadSegment? _current;

    public SegmentReader(ReplicaContext context)
    {
        _context = context;
        _store = Persistence.Instance.Apply(Context.System).SnapshotStoreFor(context.Settings.SnapshotPlugin);
    }

    public static Props Props(ReplicaContext context) => Akka.Actor.Props.Create(() => new SegmentReader(context));

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ReadSegment read:
                _waiting.Enqueue(read);
                if (_current is null)
                    ReadNext();
                break;
            case LoadSnapshotResult { Snapshot: { } late } when late.Metadata.PersistenceId != PersistenceIdOf(_current):
                break;
            case LoadSnapshotResult result when _current is { } current:
                Check(current, result.Snapshot);
                break;
            case LoadSnapshotFailed failed when _current is { } current:
                Answer(current, null, failed.Cause.Message, isLost: false);
                break;
            case ReceiveTimeout when _current is { } current:
                Answer(current, null, "the snapshot store does not answer", isLost: false);
                break;
        }
    }

    private void ReadNext()
    {
        if (!_waiting.TryDequeue(out _current))
        {
            Context.SetReceiveTimeout(null);
            return;
        }

        Context.SetReceiveTimeout(_context.Settings.Replica.StoreTimeout);
        var exactly = new SnapshotSelectionCriteria(_current.SequenceNr, DateTime.MaxValue, _current.SequenceNr);
        _store.Tell(new LoadSnapshot(PersistenceIdOf(_current), exactly, long.MaxValue), Self);
    }

    private string PersistenceIdOf(ReadSegment? read) => read is null ? "" : PersistenceIds.Segment(_context.PersistenceId, read.Number);

    private void Check(ReadSegment read, SelectedSnapshot? found)
    {
        if (found is { Snapshot: DamagedRecord damaged })
            Answer(read, null, damaged.Reason, isLost: true);
        else if (found is not { Snapshot: SegmentPayload payload } || found.Metadata.SequenceNr != read.SequenceNr)
            Answer(read, null, "it is not there", isLost: true);
        else if (payload.Bytes.Length != read.Expected.Length || Crc32C.Compute(payload.Bytes.Span) != read.Expected.Crc)
            Answer(read, null, "its checksum does not match", isLost: true);
        else
            Answer(read, payload.Bytes, null, isLost: false);
    }

    private void Answer(ReadSegment read, ReadOnlyMemory<byte>? bytes, string? problem, bool isLost)
    {
        string? what = problem is null ? null : $"segment {read.Number} of checkpoint {read.SequenceNr}: {problem}";
        Context.Parent.Tell(new SegmentRead(read.Number, read.Ticket, bytes, what, isLost), Self);
        ReadNext();
    }
}
