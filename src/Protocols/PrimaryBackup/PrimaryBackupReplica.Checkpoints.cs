using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// Checkpoints in the place of an ever longer log. A member that lacks what is gone, or has applied what never was, is offered the
/// primary's checkpoint and pulls it; what of its log is shared beyond the checkpoint stays.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    private const int OverdueFactor = 3;

    /// <summary>Somebody needs a checkpoint that is later than the last one.</summary>
    private bool _checkpointWanted;
    private IReadOnlyList<(long Epoch, long First)> _installedHistory = [];

    /// <summary>
    /// A member pulls the last checkpoint: it stays, and the log after it, so that the member arrives while others write. Not at any
    /// price: a log that grows too long goes first.
    /// </summary>
    private bool IsBeingPulled => _part == Part.Primary && !IsLogLong
        && Array.Exists(_followers, follower => follower.Mode == FollowerMode.Transfer && Answers(follower));

    private void TakeCheckpointIfDue()
    {
        if (!(IsCheckpointDue && !IsBeingPulled) && !_checkpointWanted)
            return;
        // What a failover may still lose stays in the log, from where it can be set aside; not at any price either.
        bool isOverdue = IsLogLong || IsApplied(OverdueFactor * _options.CheckpointBytes, OverdueFactor * _options.CheckpointEntries);
        if ((_part == Part.Primary && _applied > KeptUpTo && !isOverdue) || _divergedFrom > 0 || !MayTakeCheckpoint)
            return;
        _checkpointWanted = false;
        TakeCheckpoint(new Configuration(_view, _history.UpTo(_applied)).Encode(), AtRisk(_applied));
    }

    /// <summary>Of what is applied, the end that a failover may take back; how much of it that is only the primary knows.</summary>
    private EntryBatch[] AtRisk(long index)
    {
        EntryBatch[] newest = _log.Before(index, _part == Part.Primary ? Math.Max(_options.AtRiskBytes, _options.KeepBytes) : _options.AtRiskBytes);
        return _part != Part.Primary ? newest : [.. newest.Where(batch => batch.LastIndex > KeptUpTo)];
    }

    private protected override void DropThrough(long index)
    {
        EntryBatch[] atRisk = AtRisk(index);
        _log.DropThrough(atRisk.Length > 0 ? atRisk[0].FirstIndex - 1 : index, KeptBytes(index), _options.KeepEntries);
    }

    /// <summary>What a member of the view still needs is kept for it, up to a limit: a replication slot.</summary>
    private long KeptBytes(long index)
    {
        if (_part != Part.Primary || _options.SlotBytes <= _options.KeepBytes)
            return _options.KeepBytes;
        long needed = index;
        foreach (Follower follower in _followers)
            needed = Math.Min(needed, follower.Match);
        return Math.Clamp(_log.BytesAfter(needed) - _log.BytesAfter(index), _options.KeepBytes, _options.SlotBytes);
    }

    private void OfferCheckpoint(Follower follower)
    {
        follower.Offered(_checkpointIndex);
        // What is shared beyond an older one could not always stay in the member's log, and would be missing there for a while.
        if (_checkpointIndex == 0 || (follower.HasDiverged && _checkpointIndex < follower.Shared))
            _checkpointWanted = true;
        else
            Send(follower.Id, new CheckpointOffer(Epoch, _checkpointIndex, _checkpointTerm, follower.Refuted));
    }

    private void OnCheckpointOffer(ReplicaId from, CheckpointOffer offer)
    {
        bool isForMe = from == _view.Primary || _view.Find(Self) is { } self && self.Upstream == from || (_part != Part.Primary && _view.IsInSync(from));
        if (!isForMe || _part == Part.Primary || IsInstalling)
            return;
        if (_divergedFrom == 0 && _log.Matches(offer.Index, offer.IndexTerm))
        {
            // What lies before it is shared, whatever the sender knew.
            var answer = new AppendReply(Epoch, AppendOutcome.Durable, Standing, 0, offer.Index, _applied, Last);
            SendWhenDurable(from, answer);
            return;
        }

        // An offer from before the log here is late, or its sender cannot know better: it is told where this log begins. If that is
        // not in its history, it says so.
        bool isRefuted = offer.Refuted.Index > 0 && (_log.Matches(offer.Refuted.Index, offer.Refuted.Term)
            || (offer.Refuted.Index < _log.BaseIndex && _history.Judge(offer.Refuted, _log.BaseIndex) == Seen.Here));
        if (_divergedFrom == 0 && offer.Index < _log.BaseIndex && !isRefuted)
        {
            Send(from, new AppendReply(Epoch, AppendOutcome.Mismatch, Standing, 0, offer.Index, _applied, new LogPosition(_log.BaseTerm, _log.BaseIndex)));
            return;
        }

        if (IsPulledFrom(from))
            return;
        AbandonFetch();
        if (_divergedFrom == 0 && offer.Index <= _applied)
            Diverge(Math.Max(_log.BaseIndex, _log.LastIndexOfTermUpTo(offer.Index, offer.IndexTerm)) + 1, $"{from} has another history");
        BeginPull(from, offer.Index, $"pulls the checkpoint of {from} at {offer.Index}");
        _effects.Add(new Effect.Fetch(from, offer.Index));
    }

    private protected override void OnTransferReady(ReplicaId from, CheckpointManifest manifest)
    {
        if (!EndPull(from, isWanted: _part == Part.Member && (manifest.Index > _commit || _divergedFrom > 0)))
            return;
        EntryBatch[] tail = SharedTail(manifest);
        long kept = tail.Length > 0 ? tail[^1].LastIndex : manifest.Index;
        IReadOnlyList<(long Epoch, long First)> history = Configuration.Decode(manifest.Configuration).History;
        long lostFrom = Math.Min(_divergedFrom > 0 ? _divergedFrom : kept + 1, FirstContradicted(history, manifest.Index));
        if (lostFrom <= _log.LastIndex)
            SetAside(lostFrom, $"a checkpoint of {from} at {manifest.Index} takes their place");
        CountLostWithState(history);
        // Something shared, which may have been counted, is not here for a while.
        if (_loss == 0 && kept < Math.Min(lostFrom - 1, _log.LastIndex))
            LosePromises($"the checkpoint at {manifest.Index} is older than the log that is shared, up to {lostFrom - 1}");
        _installedHistory = history;
        Install(manifest, new Configuration(_view, history).Encode(), tail);
    }

    /// <summary>What is lost and no longer in the log is nowhere but in the state that goes: it can only be counted.</summary>
    private void CountLostWithState(IReadOnlyList<(long Epoch, long First)> history)
    {
        IReadOnlyList<(long Epoch, long First)> gone = _history.UpTo(_log.BaseIndex);
        IEnumerable<long> starts = gone.Concat(history).Select(start => start.First).Where(first => first <= _log.BaseIndex).Order();
        long from = starts.FirstOrDefault(first => EpochHistory.EpochAt(gone, first) is { } here && EpochHistory.EpochAt(history, first) is { } there && here != there);
        if (from == 0)
            return;
        long count = _log.BaseIndex - from + 1;
        LostEntries += count;
        Report($"{count} entries, {from} to {_log.BaseIndex}, are lost and cannot be set aside: they were only in the state as of the checkpoint at {_checkpointIndex}");
    }

    /// <summary>The first entry here, up to an index, in whose place another history has one of another epoch.</summary>
    private long FirstContradicted(IReadOnlyList<(long Epoch, long First)> history, long upTo)
    {
        foreach (EntryBatch batch in _log.After(_log.BaseIndex))
        {
            for (long index = batch.FirstIndex; index <= Math.Min(batch.LastIndex, upTo); index++)
            {
                if (EpochHistory.EpochAt(history, index) is { } epoch && epoch != batch.Term)
                    return index;
            }
        }

        return long.MaxValue;
    }

    /// <summary>What of the log follows the checkpoint and is not contradicted.</summary>
    private EntryBatch[] SharedTail(CheckpointManifest manifest)
    {
        if (!_log.Matches(manifest.Index, manifest.Term))
            return [];
        long last = _divergedFrom > 0 ? _divergedFrom - 1 : _log.LastIndex;
        return [.. _log.After(manifest.Index).Where(batch => batch.FirstIndex <= last).Select(batch => batch.Slice(batch.FirstIndex, Math.Min(batch.LastIndex, last)))];
    }

    private protected override void OnInstalled(CheckpointManifest manifest, EntryBatch[] tail)
    {
        _commit = manifest.Index;
        _divergedFrom = 0;
        _verified = 0;
        _history.Reset(_installedHistory, manifest.Index, tail);
        _installedHistory = [];
    }

    private protected override void OnBroughtUp()
    {
        if (_part == Part.Member && !Leader.IsNone)
            SendWhenDurable(Leader, StateOf(echo: 0));
    }
}
