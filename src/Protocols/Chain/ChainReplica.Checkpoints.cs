using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// Checkpoints in the place of an ever longer log. A follower that lacks what is gone is offered the tail's checkpoint and pulls it. No link ever
/// needs one: whatever is gone from another's log was committed, and so is in its own.
/// </summary>
public sealed partial class ChainReplica
{
    /// <summary>Somebody needs a checkpoint, and there is none.</summary>
    private bool _checkpointWanted;

    /// <summary>
    /// A follower pulls the last checkpoint: it stays, and the log after it, so that the follower arrives while others write. Not at any
    /// price: a log that grows too long goes first.
    /// </summary>
    private bool IsBeingPulled => Acts && !IsLogLong
        && Array.Exists(_downstreams, downstream => downstream.Mode == DownstreamMode.Transfer && FindPeer(downstream.Id) is { } peer && !IsDead(peer));

    private void TakeCheckpointIfDue()
    {
        if ((!(IsCheckpointDue && !IsBeingPulled) && !_checkpointWanted) || !MayTakeCheckpoint)
            return;
        _checkpointWanted = false;
        TakeCheckpoint(_view.Encode(), atRisk: []);
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

        if (IsPulledFrom(from))
            return;
        BeginPull(from, offer.At.Index, $"pulls the checkpoint of {from} at {offer.At.Index}");
        _effects.Add(new Effect.Fetch(from, offer.At.Index));
    }

    private protected override void OnTransferReady(ReplicaId from, CheckpointManifest manifest)
    {
        // What was acknowledged to a tail is committed up to the checkpoint, or follows it here.
        if (EndPull(from, isWanted: !_view.IsLink(Self) && manifest.Index > _commit))
            Install(manifest, _view.Encode(), _log.Matches(manifest.Index, manifest.Term) ? _log.After(manifest.Index) : []);
    }

    private protected override void OnInstalled(CheckpointManifest manifest, EntryBatch[] tail)
    {
        _commit = manifest.Index;
        _verified = 0;
        _endsWithTime = true;
        _dirty?.Reset(manifest.Index, tail);
    }
}
