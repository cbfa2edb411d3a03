using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Replica;

/// <summary>
/// Writing: one write is under way at a time; what comes meanwhile waits here and goes as the next one, all or nothing.
/// So a write that is refused can be tried again without anything overtaking it.
/// </summary>
internal sealed partial class ReplicaActor
{
    private readonly Queue<Unwritten> _unwritten = new();
    private readonly List<Unwritten> _writing;
    private readonly Action<WalPayload> _onWritten;
    private long _lastLsn;
    private int _written;
    private int _refused;
    private bool _blocked;
    private TimeSpan _writeRetry;

    public void Persist(WalEntry entry)
    {
        _lastLsn = entry.Lsn;
        _unwritten.Enqueue(new Unwritten(entry.Lsn, new WalPayload(RecordCodec.Encode(entry))));
    }

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr)
    {
        _supervisor.Tell(new ReplicaFailed(Storage: true, $"a write failed: {cause.Message}"), _self);
        base.OnPersistFailure(cause, @event, sequenceNr);
    }

    // The journal says: certainly not written. All records of a write are refused together, or none.
    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr)
    {
        Invariant.That(_written == 0 && _refused < _writing.Count, "a write is refused as a whole");
        if (++_refused < _writing.Count)
            return;
        ScheduleRetry();
        if (_blocked)
            return;
        _blocked = true;
        Report($"the journal refuses writes, they are tried again: {cause.Message}");
        if (_driver is { } driver)
        {
            driver.Handle(new Input.Storage(StorageState.Full));
            if (_mark is not null)
                BeginCheckpointWithoutMark();
            if (_deletedTo < _manifestSequenceNr)
                CleanUpBefore(_manifestSequenceNr, _savedSegments);
            _published = null;
            EndTurn(driver);
        }
    }

    private void StartWriting()
    {
        if (_writing.Count > 0 || _unwritten.Count == 0)
            return;
        long bytes = 0;
        while (_unwritten.TryPeek(out Unwritten next) && _writing.Count < _context.Settings.Replica.MaxWriteRecords)
        {
            bytes += next.Payload.Bytes.Length;
            if (_writing.Count > 0 && bytes > _context.Settings.Replica.MaxWriteBytes)
                break;
            _writing.Add(_unwritten.Dequeue());
            ReplicaMeter.Bytes.Add(next.Payload.Bytes.Length);
        }

        ReplicaMeter.Records.Add(_writing.Count);
        ReplicaMeter.Writes.Add(1);
        Write();
    }

    private void Write()
    {
        _written = 0;
        _refused = 0;
        if (_writing.Count == 1)
            PersistAsync(_writing[0].Payload, _onWritten);
        else
            PersistAllAsync(_writing.ConvertAll(unwritten => unwritten.Payload), _onWritten);
    }

    private void OnWritten(WalPayload payload)
    {
        Invariant.That(_refused == 0 && ReferenceEquals(_writing[_written].Payload, payload), "the journal confirms records in order");
        if (ReferenceEquals(payload, _mark))
            (_mark, _markSequenceNr) = (null, LastSequenceNr);
        if (++_written < _writing.Count)
            return;
        long lsn = _writing[^1].Lsn;
        _writing.Clear();
        _confirmedSequenceNr = LastSequenceNr;
        _writeRetry = TimeSpan.Zero;
        if (_driver is not { } driver)
            return;
        if (_blocked)
        {
            _blocked = false;
            _published = null;
            Report("the journal takes writes again");
            driver.Handle(new Input.Storage(StorageState.Healthy));
        }

        if (lsn > 0)
            driver.Durable(lsn);
        if (_markSequenceNr > _checkpointSequenceNr)
            BeginCheckpoint(_markSequenceNr);
        EndTurn(driver);
    }

    private void ScheduleRetry()
    {
        TimeSpan longest = _context.Settings.Replica.MaxWriteRetry;
        _writeRetry = _writeRetry == TimeSpan.Zero ? _context.Settings.Replica.MinWriteRetry : _writeRetry * 2;
        if (_writeRetry > longest)
            _writeRetry = longest;
        Context.System.Scheduler.ScheduleTellOnce(_writeRetry, _self, RetryWrite.Instance, ActorRefs.NoSender);
    }

    private void RetryWriting()
    {
        if (_writing.Count > 0 && _refused == _writing.Count)
            Write();
    }

    private readonly record struct Unwritten(long Lsn, WalPayload Payload);
}
