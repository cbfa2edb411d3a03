using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Checkpoints in the place of an ever longer log (section 7). A follower that lacks what is gone is offered the leader's
/// checkpoint and pulls it; what it has of the log beyond the checkpoint stays.
/// </summary>
public sealed partial class RaftReplica
{
    /// <summary>
    /// A follower pulls the last checkpoint: it stays, and the log after it, so that the follower arrives while others
    /// write. Not at any price: a log that grows too long goes first.
    /// </summary>
    private bool IsBeingPulled => _role == RaftRole.Leader && !IsLogLong
        && Array.Exists(_peers, peer => peer.Mode == PeerMode.Transfer && _now.Monotonic - peer.HeardAt < _options.ElectionMaxMicros);

    private void TakeCheckpointIfDue()
    {
        if (IsCheckpointDue && MayTakeCheckpoint && !IsBeingPulled)
            TakeCheckpoint(_configurations.At(_applied).Encode(), atRisk: []);
    }

    private protected override void DropThrough(long index)
    {
        base.DropThrough(index);
        _configurations.ForgetBefore(index);
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

        if (IsPulledFrom(from))
            return;
        BeginPull(from, offer.Index, $"behind the log of {from}: pulls its checkpoint at {offer.Index}");
        if (offer.ToWitness)
            BecomeHollow();
        _effects.Add(new Effect.Fetch(from, offer.Index, MetadataOnly: offer.ToWitness));
    }

    private protected override void OnTransferReady(ReplicaId from, CheckpointManifest manifest)
    {
        if (!EndPull(from, isWanted: _role != RaftRole.Leader && manifest.Index > _commit))
            return;
        if (_role != RaftRole.Follower)
            BecomeFollower(_term, ReplicaId.None);
        Install(manifest, manifest.Configuration, _log.Matches(manifest.Index, manifest.Term) ? _log.After(manifest.Index) : []);
    }

    private protected override void OnInstalled(CheckpointManifest manifest, EntryBatch[] tail)
    {
        CommitTo(manifest.Index);
        _verified = Math.Max(_verified, manifest.Index);
        _configurations.Reset(manifest.Index, RaftConfiguration.Decode(manifest.Configuration), tail);
        Adopt();
    }

    private protected override void OnBroughtUp()
    {
        if (_role == RaftRole.Follower && !_leader.IsNone)
            SendWhenDurable(_leader, Success(_checkpointIndex));
    }
}
