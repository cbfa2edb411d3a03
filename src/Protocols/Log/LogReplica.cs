using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>
/// A replica of a shard whose members keep one log: what protocols with a log have in common, whoever may add to it. This file holds the step, and the
/// order in which what it decided leaves; the other files are one idea each.
/// </summary>
public abstract partial class LogReplica : IProtocol
{
    private protected const long NotWritten = -1;

    private readonly LogOptions _limits;
    private readonly Func<ReadOnlyMemory<byte>> _encodeHardState;
    private readonly Func<ReadOnlyMemory<byte>> _encodeConfiguration;
    private readonly List<(ReplicaId To, PeerMessage Message, bool WhenDurable)> _outbox = [];

    private protected readonly DeterministicRandom _random;
    private protected readonly EntryLog _log = new();
    private protected readonly DurableLog _durable = new();
    private protected readonly StepRecord _record = new();
    private protected long _commit;
    private protected long _applying;
    private protected long _applied;
    private protected bool _storageFull;
    private protected Instant _now;
    private protected Effects _effects = new();
    private bool _started;

    /// <param name="timers">How many there are: <see cref="DeadlineTimer"/>, <see cref="QuestionTimer"/> and the protocol's own.</param>
    private protected LogReplica(ReplicaId self, ulong seed, LogOptions limits, int timers)
    {
        if (self.Value < 1)
            throw new ArgumentOutOfRangeException(nameof(self), self.Value, "replicas are numbered from 1");
        Self = self;
        _limits = limits;
        _timers = new TimerTable(timers);
        _random = new DeterministicRandom(seed);
        // An answer to an earlier incarnation's question is none to this one's.
        _question = _random.Next(1L << 48);
        _encodeHardState = EncodeHardState;
        _encodeConfiguration = EncodeConfiguration;
        _rejectLost = RejectLost;
        _rejectPassedOver = RejectPassedOver;
        _rejectExpired = RejectExpired;
    }

    public ReplicaId Self { get; }

    public abstract ReplicaStatus Status { get; }

    public abstract PeerMessage Decode(ReadOnlyMemory<byte> bytes);

    public void Step(Input input, in Instant now, Effects effects)
    {
        Invariant.That(_started != input is Input.Start, "the start is the first input and comes once");
        Invariant.That(now.Monotonic >= _now.Monotonic, "the monotonic clock does not go back");
        _now = now;
        _effects = effects;
        Handle(input);
        Finish();
    }

    /// <summary>The one that adds to the log, as far as this replica knows.</summary>
    private protected abstract ReplicaId Leader { get; }

    /// <summary>What the protocol calls it.</summary>
    private protected abstract string LeaderNoun { get; }

    /// <summary>This replica adds to the log.</summary>
    private protected abstract bool MayPropose { get; }

    /// <summary>The term, or epoch, that it is in.</summary>
    internal abstract long CurrentTerm { get; }

    private protected abstract ReadOnlyMemory<byte> EncodeHardState();

    private protected abstract ReadOnlyMemory<byte> EncodeConfiguration();

    private protected abstract void OnStart(RecoveredState recovered);

    /// <summary>From another replica.</summary>
    private protected abstract void Receive(ReplicaId from, PeerMessage message);

    private protected abstract void OnPeerHint(ReplicaId peer, bool up, bool onlySilent);

    private protected abstract void OnHandOver(ReplicaId to);

    private protected virtual void OnApplied(Input.Applied applied)
    {
        Invariant.That(applied.Index >= _applied && applied.Index <= _applying, "entries are applied in order, and only committed ones");
        _applied = applied.Index;
    }

    private protected virtual void OnDurable(long lsn) => _durable.Durable(lsn);

    /// <summary>What only some protocols hear of.</summary>
    private protected virtual void OnOther(Input input)
    {
    }

    /// <summary>The end of every step: what it decided leaves in one order, the record before all that refers to it.</summary>
    private protected abstract void Finish();

    private void Handle(Input input)
    {
        switch (input)
        {
            case Input.Received received:
                if (received.From != Self)
                    Receive(received.From, received.Message);
                break;
            case Input.Requests requests:
                Take(requests.Batch);
                break;
            case Input.Durable durable:
                OnDurable(durable.Lsn);
                break;
            case Input.Applied applied:
                OnApplied(applied);
                break;
            case Input.Timer timer:
                if (_timers.IsCurrent(timer))
                    Fire(timer.Id);
                break;
            case Input.PeerHint hint:
                OnPeerHint(hint.Peer, hint.Up, hint.OnlySilent);
                break;
            case Input.Cancel cancel:
                OnCancel(cancel.RequestIds);
                break;
            case Input.Storage storage:
                _storageFull = storage.State == StorageState.Full;
                break;
            case Input.CheckpointSaved saved:
                OnCheckpointSaved(saved.Index);
                break;
            case Input.CheckpointFailed failed:
                OnCheckpointFailed(failed.Index, failed.Reason);
                break;
            case Input.TransferReady ready:
                OnTransferReady(ready.From, ready.Manifest);
                break;
            case Input.TransferFailed failed:
                OnTransferFailed(failed);
                break;
            case Input.Installed installed:
                OnInstalled(installed.Index);
                break;
            case Input.HandOver handOver:
                OnHandOver(handOver.To);
                break;
            case Input.Start start:
                _started = true;
                OnStart(start.Recovered);
                break;
            default:
                OnOther(input);
                break;
        }
    }

    // ---- the log ----

    private protected virtual void AppendToLog(EntryBatch batch)
    {
        _log.Append(batch);
        _record.Append(batch);
    }

    /// <summary>Packs payloads into the next batch of the log. The clock is settled here and does not go back along the log.</summary>
    private protected EntryBatch Propose(EntryKind kind, ReadOnlySpan<ReadOnlyMemory<byte>> payloads)
    {
        Invariant.That(MayPropose, "only the one that leads packs entries");
        EntryBatch batch = EntryBatch.Pack(kind, _log.LastIndex + 1, CurrentTerm, Math.Max(_now.Wall, _log.LastWall), payloads);
        AppendToLog(batch);
        return batch;
    }

    private protected void Apply(EntryBatch batch)
    {
        _effects.Add(new Effect.Apply(batch, _commands.Take(batch, _rejectLost)));
        _applying = batch.LastIndex;
        _appliedBytes += batch.Bytes.Length;
    }

    // ---- what leaves ----

    private protected void Persist()
    {
        if (_record.IsEmpty)
            return;
        bool changesLog = _record.ChangesLog;
        long lsn = _effects.Append(_record.Seal(_encodeHardState, _encodeConfiguration));
        if (changesLog)
            _durable.Appended(lsn, _log.LastIndex);
        OnRecorded(lsn);
    }

    /// <summary>The step's record is on its way to the disk.</summary>
    private protected abstract void OnRecorded(long lsn);

    private protected void Post()
    {
        foreach ((ReplicaId to, PeerMessage message, bool whenDurable) in _outbox)
        {
            if (whenDurable)
                _effects.SendWhenDurable(to, message);
            else
                _effects.Send(to, message);
        }

        _outbox.Clear();
    }

    private protected void Send(ReplicaId to, PeerMessage message) => _outbox.Add((to, message, false));

    private protected void SendWhenDurable(ReplicaId to, PeerMessage message) => _outbox.Add((to, message, true));

    private protected void Reject(long requestId, in Rejection why) => _effects.Add(new Effect.Reject(requestId, why));

    private protected void Report(string what) => _effects.Add(new Effect.Report(what));
}
