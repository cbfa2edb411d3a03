using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>
/// Checkpoints in the place of an ever longer log. A member that lacks what is gone is offered one and pulls it; what it has of the log beyond the checkpoint
/// stays.
/// </summary>
public abstract partial class LogReplica
{
    private long _checkpointNotBefore;
    private long _checkpointing;
    private (ReplicaId From, long Index)? _fetch;
    private (CheckpointManifest Manifest, EntryBatch[] Tail)? _install;

    private protected long _checkpointIndex;
    private protected long _checkpointTerm;
    private protected long _appliedBytes;

    private protected bool IsInstalling => _install is not null;

    private protected bool IsCheckpointDue => IsApplied(_limits.CheckpointBytes, _limits.CheckpointEntries);

    /// <summary>The log grows too long: it is for nobody's sake that a checkpoint waits.</summary>
    private protected bool IsLogLong => _log.Bytes >= _limits.MaxLogBytes / 4 * 3;

    /// <summary>The machine stands at the applied index, as it does only if nothing is on its way to it, and has something new.</summary>
    private protected bool MayTakeCheckpoint =>
        _checkpointing == 0 && !IsInstalling && _applied == _applying && _applied > _checkpointIndex && _now.Monotonic >= _checkpointNotBefore;

    private protected bool IsApplied(long bytes, long entries) => _appliedBytes >= bytes || _applied - _checkpointIndex >= entries;

    /// <param name="configuration">As of what is applied.</param>
    /// <param name="atRisk">Of what is applied, the end that may yet be taken back.</param>
    private protected void TakeCheckpoint(ReadOnlyMemory<byte> configuration, IReadOnlyList<EntryBatch> atRisk)
    {
        _checkpointing = _applied;
        _appliedBytes = 0;
        _effects.Checkpoint(new CheckpointRequest(_applied, _log.TermAt(_applied), EncodeHardState(), configuration, _log.After(_applied)) { AtRisk = atRisk });
    }

    private void OnCheckpointSaved(long index)
    {
        Invariant.That(index == _checkpointing, "the checkpoint that was asked for is saved");
        _checkpointing = 0;
        _checkpointTerm = _log.TermAt(index);
        _checkpointIndex = index;
        DropThrough(index);
    }

    /// <summary>What a checkpoint holds goes from the log, as far as nobody is likely to need it.</summary>
    private protected virtual void DropThrough(long index) => _log.DropThrough(index, _limits.KeepBytes, _limits.KeepEntries);

    private void OnCheckpointFailed(long index, string reason)
    {
        Report($"checkpoint at {index} failed: {reason}");
        _checkpointing = 0;
        _appliedBytes += _limits.CheckpointBytes;
        _checkpointNotBefore = _now.Monotonic + _limits.CheckpointRetryMicros;
    }

    // ---- another's ----

    private protected bool IsPulling => _fetch is not null;

    private protected bool IsPulledFrom(ReplicaId from) => _fetch is { } fetch && fetch.From == from;

    /// <summary>In place of any other that is being pulled; the fetch itself is the caller's.</summary>
    private protected void BeginPull(ReplicaId from, long index, string what)
    {
        AbandonFetch();
        _fetch = (from, index);
        Report(what);
    }

    private protected void AbandonFetch()
    {
        if (_fetch is null)
            return;
        _fetch = null;
        _effects.Add(new Effect.Abandon());
    }

    private protected abstract void OnTransferReady(ReplicaId from, CheckpointManifest manifest);

    /// <summary>A checkpoint has arrived. False: it is not the one that is being pulled, or nobody wants it any more.</summary>
    private protected bool EndPull(ReplicaId from, bool isWanted)
    {
        isWanted = isWanted && IsPulledFrom(from) && !IsInstalling;
        _fetch = null;
        if (!isWanted)
            _effects.Add(new Effect.Abandon());
        return isWanted;
    }

    /// <param name="manifest">The checkpoint's.</param>
    /// <param name="configuration">That is in force with it.</param>
    /// <param name="tail">What of the log follows it.</param>
    private protected void Install(CheckpointManifest manifest, ReadOnlyMemory<byte> configuration, EntryBatch[] tail)
    {
        _install = (manifest, tail);
        _effects.Install(new CheckpointRequest(manifest.Index, manifest.Term, EncodeHardState(), configuration, tail));
    }

    private void OnInstalled(long index)
    {
        Invariant.That(_install is not null && _install.Value.Manifest.Index == index, "the checkpoint that was asked for is installed");
        (CheckpointManifest manifest, EntryBatch[] tail) = _install.Value;
        _install = null;
        _log.Reset(index, manifest.Term, tail);
        _durable.Reset(_log.LastIndex);
        (_checkpointIndex, _checkpointTerm, _checkpointing, _appliedBytes) = (index, manifest.Term, 0, 0);
        _applying = _applied = index;
        OnInstalled(manifest, tail);
        _commands.PassedOver(index, _rejectPassedOver);
        Report($"installed a checkpoint at {index}");
        OnBroughtUp();
    }

    /// <summary>The log and what is applied are another's: the protocol says what is committed, and forgets what it knew of its own.</summary>
    private protected abstract void OnInstalled(CheckpointManifest manifest, EntryBatch[] tail);

    /// <summary>Whoever leads may want to know.</summary>
    private protected virtual void OnBroughtUp()
    {
    }

    private protected virtual void OnTransferFailed(Input.TransferFailed failed)
    {
        Report($"the checkpoint at {failed.Index} of {failed.From} was not taken over: {failed.Reason}");
        _fetch = null;
        _install = null;
    }
}
