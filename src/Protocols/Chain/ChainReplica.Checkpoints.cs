using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// Checkpoints in the place of an ever longer log. A follower that lacks what is gone is offered the tail's checkpoint and pulls it. No link ever
/// needs one: whatever is gone from another's log was committed, and so is in its own.
/// </summary>
public sealed partial class ChainReplica
{
    private long _checkpointIndex;
    private long _checkpointTerm;
    private long _appliedBytes;
    private long _checkpointNotBefore;
    private long _checkpointing;

    /// <summary>Somebody needs a checkpoint, and there is none.</summary>
    private bool _checkpointWanted;
    private (ReplicaId From, long Index)? _fetch;
    private (CheckpointManifest Manifest, EntryBatch[] Tail)? _install;

    private bool IsInstalling => _install is not null;

    /// <summary>
    /// A follower pulls the last checkpoint: it stays, and the log after it, so that the follower arrives while others write. Not at any
    /// price: a log that grows too long goes first.
    /// </summary>
    private bool IsBeingPulled => Acts && _log.Bytes < _options.MaxLogBytes / 4 * 3
        && Array.Exists(_downstreams, downstream => downstream.Mode == DownstreamMode.Transfer && FindPeer(downstream.Id) is { } peer && !IsDead(peer));

    private void TakeCheckpointIfDue()
    {
        bool due = _appliedBytes >= _options.CheckpointBytes || _applied - _checkpointIndex >= _options.CheckpointEntries;
        if (!(due && !IsBeingPulled) && !_checkpointWanted)
            return;
        // The machine stands at the applied index only if nothing is on its way to it.
        if (_checkpointing != 0 || IsInstalling || _applied != _applying || _applied <= _checkpointIndex || _now.Monotonic < _checkpointNotBefore)
            return;
        _checkpointing = _applied;
        _checkpointWanted = false;
        _appliedBytes = 0;
        _effects.Checkpoint(new CheckpointRequest(_applied, _log.TermAt(_applied), _encodeHardState(), _encodeConfiguration(), _log.After(_applied)));
    }

    private void OnCheckpointSaved(long index)
    {
        Invariant.That(index == _checkpointing, "the checkpoint that was asked for is saved");
        _checkpointing = 0;
        _checkpointTerm = _log.TermAt(index);
        _checkpointIndex = index;
        _log.DropThrough(index, _options.KeepBytes, _options.KeepEntries);
    }

    private void OnCheckpointFailed(long index, string reason)
    {
        Report($"checkpoint at {index} failed: {reason}");
        _checkpointing = 0;
        _appliedBytes += _options.CheckpointBytes;
        _checkpointNotBefore = _now.Monotonic + _options.CheckpointRetryMicros;
    }

    private void OfferCheckpoint(Downstream downstream)
    {
        Invariant.That(IsFollower(downstream), "a link lacks nothing that is gone from its predecessor's log");
        downstream.Offered(_checkpointIndex);
        if (_checkpointIndex == 0)
            _checkpointWanted = true;
        else
            Send(downstream.Id, new CheckpointOffer(Epoch, new LogPosition(_checkpointTerm, _checkpointIndex)));
    }

    private void OnCheckpointOffer(ReplicaId from, CheckpointOffer offer)
    {
        if (from != _view.Tail || _view.IsLink(Self) || IsInstalling || _loss != 0)
            return;
        if (_log.Matches(offer.At.Index, offer.At.Term))
        {
            SendWhenDurable(from, new ForwardReply(Epoch, ForwardOutcome.Durable, _loss, offer.At.Index, default));
            _verified = Math.Max(_verified, offer.At.Index);
            FollowCommit(offer.At.Index);
            return;
        }

        // From before the log here: it is told where this log begins.
        if (offer.At.Index < _log.BaseIndex)
        {
            Send(from, new ForwardReply(Epoch, ForwardOutcome.Mismatch, _loss, offer.At.Index, new LogPosition(_log.BaseTerm, _log.BaseIndex)));
            return;
        }

        if (_fetch is { } fetch && fetch.From == from)
            return;
        if (_fetch is not null)
            _effects.Add(new Effect.Abandon());
        _fetch = (from, offer.At.Index);
        Report($"pulls the checkpoint of {from} at {offer.At.Index}");
        _effects.Add(new Effect.Fetch(from, offer.At.Index));
    }

    private void AbandonFetch()
    {
        if (_fetch is null)
            return;
        _fetch = null;
        _effects.Add(new Effect.Abandon());
    }

    private void OnTransferReady(ReplicaId from, CheckpointManifest manifest)
    {
        bool wanted = _fetch is { } fetch && fetch.From == from && !_view.IsLink(Self) && manifest.Index > _commit && !IsInstalling;
        _fetch = null;
        if (!wanted)
        {
            _effects.Add(new Effect.Abandon());
            return;
        }

        // What was acknowledged to a tail is committed up to the checkpoint, or follows it here.
        EntryBatch[] tail = _log.Matches(manifest.Index, manifest.Term) ? _log.After(manifest.Index) : [];
        _install = (manifest, tail);
        _effects.Install(new CheckpointRequest(manifest.Index, manifest.Term, _encodeHardState(), _encodeConfiguration(), tail));
    }

    private void OnInstalled(long index)
    {
        Invariant.That(_install is not null && _install.Value.Manifest.Index == index, "the checkpoint that was asked for is installed");
        (CheckpointManifest manifest, EntryBatch[] tail) = _install.Value;
        _install = null;
        _log.Reset(index, manifest.Term, tail);
        _durable.Reset(_log.LastIndex);
        _dirty?.Reset(index, tail);
        _checkpointIndex = index;
        _checkpointTerm = manifest.Term;
        _checkpointing = 0;
        _appliedBytes = 0;
        _commit = _applying = _applied = index;
        _verified = 0;
        _endsWithTime = true;
        _commands.PassedOver(index, _rejectPassedOver);
        Report($"installed a checkpoint at {index}");
    }

    private void OnTransferFailed(Input.TransferFailed failed)
    {
        Report($"the checkpoint at {failed.Index} of {failed.From} was not taken over: {failed.Reason}");
        _fetch = null;
        _install = null;
    }
}
