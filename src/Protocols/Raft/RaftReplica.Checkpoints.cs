using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Checkpoints in the place of an ever longer log (section 7). A follower that lacks what is gone is offered the leader's
/// checkpoint and pulls it; what it has of the log beyond the checkpoint stays.
/// </summary>
public sealed partial class RaftReplica
{
    private long _checkpointIndex;
    private long _checkpointTerm;
    private long _appliedBytes;
    private long _checkpointNotBefore;
    private long _checkpointing;
    private (ReplicaId From, long Index)? _fetch;
    private (CheckpointManifest Manifest, RaftConfiguration Configuration, EntryBatch[] Tail)? _install;

    private bool IsInstalling => _install is not null;

    /// <summary>
    /// A follower pulls the last checkpoint: it stays, and the log after it, so that the follower arrives while others
    /// write. Not at any price: a log that grows too long goes first.
    /// </summary>
    private bool IsBeingPulled => _role == RaftRole.Leader && _log.Bytes < _options.MaxLogBytes / 4 * 3
        && Array.Exists(_peers, peer => peer.Mode == PeerMode.Transfer && _now.Monotonic - peer.HeardAt < _options.ElectionMaxMicros);

    private void TakeCheckpointIfDue()
    {
        bool due = _appliedBytes >= _options.CheckpointBytes || _applied - _checkpointIndex >= _options.CheckpointEntries;
        // The machine stands at the applied index only if nothing is on its way to it.
        if (!due || _checkpointing != 0 || IsInstalling || _applied != _applying || _applied <= _checkpointIndex
            || _now.Monotonic < _checkpointNotBefore || IsBeingPulled)
            return;
        _checkpointing = _applied;
        _appliedBytes = 0;
        EntryBatch[] tail = _log.After(_applied);
        _effects.Checkpoint(new CheckpointRequest(_applied, _log.TermAt(_applied), HardState.Encode(), _configurations.At(_applied).Encode(), tail));
    }

    private void OnCheckpointSaved(long index)
    {
        Invariant.That(index == _checkpointing, "the checkpoint that was asked for is saved");
        _checkpointing = 0;
        _checkpointTerm = _log.TermAt(index);
        _checkpointIndex = index;
        _log.DropThrough(index, _options.KeepBytes, _options.KeepEntries);
        _configurations.ForgetBefore(index);
    }

    private void OnCheckpointFailed(long index, string reason)
    {
        Report($"checkpoint at {index} failed: {reason}");
        _checkpointing = 0;
        _appliedBytes += _options.CheckpointBytes;
        _checkpointNotBefore = _now.Monotonic + _options.CheckpointRetryMicros;
    }

    private void OfferCheckpoint(Peer peer)
    {
        Invariant.That(_checkpointIndex >= _log.BaseIndex, "what is gone from the log is in a checkpoint");
        peer.Offered();
        Send(peer.Id, new CheckpointOffer(_term, _checkpointIndex, _checkpointTerm, toWitness: peer.IsWitness));
    }

    private void OnCheckpointOffer(ReplicaId from, CheckpointOffer offer)
    {
        if (!Follow(from, offer.Term) || IsInstalling)
            return;
        if (offer.Index <= _commit)
        {
            SendWhenDurable(from, Success(_commit));
            return;
        }

        if (_fetch is { } fetch && fetch.From == from)
            return;
        if (_fetch is not null)
            _effects.Add(new Effect.Abandon());
        _fetch = (from, offer.Index);
        Report($"behind the log of {from}: pulls its checkpoint at {offer.Index}");
        if (offer.ToWitness)
            BecomeHollow();
        _effects.Add(new Effect.Fetch(from, offer.Index, MetadataOnly: offer.ToWitness));
    }

    private void OnTransferReady(ReplicaId from, CheckpointManifest manifest)
    {
        bool wanted = _fetch is { } fetch && fetch.From == from && _role != RaftRole.Leader && manifest.Index > _commit && !IsInstalling;
        _fetch = null;
        if (!wanted)
        {
            _effects.Add(new Effect.Abandon());
            return;
        }

        if (_role != RaftRole.Follower)
            BecomeFollower(_term, ReplicaId.None);
        EntryBatch[] tail = _log.Matches(manifest.Index, manifest.Term) ? _log.After(manifest.Index) : [];
        _install = (manifest, RaftConfiguration.Decode(manifest.Configuration), tail);
        _effects.Install(new CheckpointRequest(manifest.Index, manifest.Term, HardState.Encode(), manifest.Configuration, tail));
    }

    private void OnInstalled(long index)
    {
        Invariant.That(_install is not null && _install.Value.Manifest.Index == index, "the checkpoint that was asked for is installed");
        (CheckpointManifest manifest, RaftConfiguration configuration, EntryBatch[] tail) = _install.Value;
        _install = null;
        _log.Reset(index, manifest.Term, tail);
        _durable.Reset(_log.LastIndex);
        _checkpointIndex = index;
        _checkpointTerm = manifest.Term;
        _checkpointing = 0;
        _appliedBytes = 0;
        CommitTo(index);
        _applying = _applied = index;
        _verified = Math.Max(_verified, index);
        _configurations.Reset(index, configuration, tail);
        Adopt();
        _commands.PassedOver(index, _rejectPassedOver);
        Report($"installed a checkpoint at {index}");
        if (_role == RaftRole.Follower && !_leader.IsNone)
            SendWhenDurable(_leader, Success(index));
    }

    private void OnTransferFailed(Input.TransferFailed failed)
    {
        Report($"the checkpoint at {failed.Index} of {failed.From} was not taken over: {failed.Reason}");
        _fetch = null;
        _install = null;
    }
}
