using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// A member that lacks entries from before the log in memory gets them from the WAL of the primary, or of one that takes over, as long as they
/// are there: a partial resync, also after the primary has started again. Where its log and this one part is known from the epochs alone.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    private bool ReadsBack => _part != Part.Member;

    /// <summary>The epoch of an entry, or of what lies before the first; null: it is not known here.</summary>
    private long? EpochOf(long index) => index >= _log.BaseIndex ? _log.TermAt(index) : _history.EpochAt(index);

    /// <summary>Whether the position is of this log, in memory or before.</summary>
    private bool HasHad(LogPosition position) =>
        _log.Matches(position.Index, position.Term) || (ReadsBack && position.Index < _log.BaseIndex && _history.EpochAt(position.Index) == position.Term);

    /// <summary>Sends a member what is before the log in memory, or asks the WAL for it; false: it needs a checkpoint.</summary>
    private bool ReadBack(Follower follower)
    {
        if (!ReadsBack || follower.HasDiverged || follower.Mode == FollowerMode.Transfer || EpochOf(follower.Next - 1) is not { } epoch)
            return false;
        if (follower.Mode == FollowerMode.Probe)
        {
            var probe = new Append(Epoch, follower.Next - 1, epoch, _commit, ClockNow, Last, FlagsNow, []);
            Send(follower.Id, probe);
            follower.Sent(probe.LastIndex, probe.EncodedSize);
        }
        else if (follower.ReadingFrom == 0)
        {
            follower.ReadingFrom = follower.Next;
            _effects.Add(new Effect.ReadRange(follower.Next, _log.BaseIndex, _options.MaxBatchBytes));
        }

        return true;
    }

    private void OnRangeLoaded(long first, IReadOnlyList<EntryBatch> batches)
    {
        foreach (Follower follower in _followers)
        {
            if (!ReadsBack || follower.ReadingFrom != first)
                continue;
            follower.ReadingFrom = 0;
            if (follower.Next != first)
                continue;
            if (EpochOf(first - 1) is { } epoch && IsOfThisLog(first, batches))
            {
                var append = new Append(Epoch, first - 1, epoch, _commit, ClockNow, Last, FlagsNow, [.. batches]);
                Send(follower.Id, append);
                follower.Sent(append.LastIndex, append.EncodedSize);
            }
            else
            {
                OfferCheckpoint(follower);
            }
        }
    }

    /// <summary>The WAL may have another history's entries, from before a checkpoint was installed: two entries of one index and epoch are one.</summary>
    private bool IsOfThisLog(long first, IReadOnlyList<EntryBatch> batches)
    {
        long next = first;
        foreach (EntryBatch batch in batches)
        {
            if (batch.FirstIndex != next || batch.LastIndex > _log.LastIndex || EpochOf(batch.FirstIndex) != batch.Term || EpochOf(batch.LastIndex) != batch.Term)
                return false;
            next = batch.LastIndex + 1;
        }

        return next > first;
    }
}
