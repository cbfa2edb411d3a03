using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// The receiving side: a log that follows the primary's, back to where they share, and applying what is committed. Every answer to the
/// primary is a promise not to help another to its place for the time of a lease.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    /// <summary>Up to here the log is known to be that of this epoch's primary; only so far is its word on commits taken.</summary>
    private long _verified;

    /// <summary>Until then this replica seals for nobody, whatever view comes meanwhile.</summary>
    private long _promisedUntil;

    /// <summary>The first entry that the primary's log contradicts although it is applied here, or gone; 0: none is.</summary>
    private long _divergedFrom;

    /// <summary>Up to here the primary wants to hear at once what is applied.</summary>
    private long _appliedWantedTo;

    // Twice a primary's limit: what a primary could still take, a follower must be able to follow.
    private bool IsLogFull => _log.Bytes > 2 * _options.MaxLogBytes;

    private void OnAppend(ReplicaId from, Append append)
    {
        bool isFromPrimary = from == _view.Primary && !append.Brings;
        if (_part == Part.Primary || !(isFromPrimary || MayBring(from, append)))
            return;
        if ((isFromPrimary && _sealed) || (append.Brings && from != _view.Primary && Last.IsAfter(append.Last)))
        {
            Send(from, Answer(AppendOutcome.Declined, append, append.PrevIndex));
            return;
        }

        if (isFromPrimary)
            HearPrimary();
        if (IsInstalling || (IsLogFull && append.Batches.Count > 0))
            return;
        if (_divergedFrom == 0 && ContradictsBase(append))
            Diverge(_log.BaseIndex, "another history was there before the log that is here");
        if (_divergedFrom > 0)
            Send(from, Answer(AppendOutcome.Diverged, append, _divergedFrom - 1));
        else if (!Meets(append))
            Send(from, Mismatch(append));
        else
            Accept(from, append);
    }

    /// <summary>Who takes over is of the sync set; who passes the log on is named by the view.</summary>
    private bool MayBring(ReplicaId from, Append append) =>
        append.Brings ? _view.IsInSync(from) : append.Relays && _view.Find(Self) is { } self && self.Upstream == from;

    /// <summary>Whether the append has another entry than the last one that is gone from here, or than one before it.</summary>
    private bool ContradictsBase(Append append)
    {
        foreach (EntryBatch batch in append.Batches)
        {
            if (batch.FirstIndex > _log.BaseIndex)
                break;
            if (batch.Term > _log.BaseTerm || (batch.Term < _log.BaseTerm && batch.LastIndex >= _log.BaseIndex))
                return true;
        }

        return false;
    }

    /// <summary>Whether the append continues an entry that is here.</summary>
    private bool Meets(Append append)
    {
        if (append.PrevIndex >= _log.BaseIndex)
            return _log.Matches(append.PrevIndex, append.PrevTerm);
        foreach (EntryBatch batch in append.Batches)
        {
            if (batch.FirstIndex <= _log.BaseIndex && _log.BaseIndex <= batch.LastIndex)
                return true;
        }

        return false;
    }

    private void Accept(ReplicaId from, Append append)
    {
        foreach (EntryBatch batch in append.Batches)
        {
            if (Merge(batch))
                continue;
            Send(from, Answer(AppendOutcome.Diverged, append, _divergedFrom - 1));
            return;
        }

        if (!append.Brings)
        {
            _verified = Math.Max(_verified, append.LastIndex);
            FollowCommit(append.Commit);
            if ((append.Flags & AppendFlags.WantsApplied) != 0)
                _appliedWantedTo = append.LastIndex;
        }

        if ((append.Flags & AppendFlags.WantsReceived) != 0)
            Send(from, Answer(AppendOutcome.Received, append, append.LastIndex));
        SendWhenDurable(from, Answer(AppendOutcome.Durable, append, append.LastIndex));
    }

    /// <summary>Adds what of a batch is not there yet, in place of what conflicts with it. False: what conflicts is applied.</summary>
    private bool Merge(EntryBatch batch)
    {
        long first = Math.Max(batch.FirstIndex, _log.BaseIndex + 1);
        // Same index and same epoch: the same log up to there.
        long same = _log.LastIndexOfTermUpTo(batch.LastIndex, batch.Term);
        if (same >= first && _log.TermAt(same) == batch.Term)
            first = same + 1;
        if (first > batch.LastIndex)
            return true;
        if (first <= _log.LastIndex && first <= _applying)
        {
            Diverge(first, "another history took their place after they were applied");
            return false;
        }

        if (first <= _log.LastIndex)
            Truncate(first);
        AppendToLog(batch.Slice(first, batch.LastIndex));
        return true;
    }

    private void Truncate(long from)
    {
        Invariant.That(_part != Part.Primary, "a primary's own log is the history");
        Invariant.That(from > _verified, "a primary never takes back what it has sent in its epoch");
        SetAside(from, $"epoch {Epoch} has another history from entry {from} on");
        _log.TruncateFrom(from);
        _durable.Truncated(from);
        _record.Truncate(from);
        _history.TruncateFrom(from);
        _commit = Math.Min(_commit, from - 1);
        // Whatever others have answered to is not what is here now.
        if (_claim is not null)
            BeginToBring();
    }

    private void Diverge(long from, string why)
    {
        _divergedFrom = from;
        Report($"needs a checkpoint of {_view.Primary}: entries from {from} to {_log.LastIndex} are lost: {why}");
    }

    /// <summary>Commands that are about to be lost go into a file of their own, and are counted.</summary>
    private void SetAside(long from, string why)
    {
        EntryBatch[] lost = [.. _log.After(Math.Max(from - 1, _log.BaseIndex)).Where(batch => batch.Kind == EntryKind.Command)];
        if (lost.Length == 0)
            return;
        long count = lost.Sum(batch => (long)batch.Count);
        LostEntries += count;
        _effects.Add(new Effect.SetAside(lost, why));
        Report($"{count} commands from entry {lost[0].FirstIndex} on are lost and set aside: {why}");
    }

    private void FollowCommit(long commit)
    {
        if (Math.Min(commit, _verified) is var known && known > _commit)
            _commit = known;
    }

    private void OnBeat(ReplicaId from, Beat beat)
    {
        if (from != _view.Primary || _part == Part.Primary)
            return;
        if (!_sealed)
        {
            HearPrimary();
            if (!IsInstalling)
                FollowCommit(beat.Commit);
        }

        Send(from, StateOf(_sealed ? 0 : beat.Clock));
        CheckDownstream();
    }

    private BeatReply StateOf(long echo) => new(Epoch, Standing, echo, _verified, Math.Min(_verified, _durable.LastIndex), _divergedFrom > 0 ? 0 : _applied);

    private void HearPrimary()
    {
        Invariant.That(!_sealed, "who has sealed the epoch promises its primary nothing");
        _promisedUntil = Math.Max(_promisedUntil, _now.Monotonic + _options.LeaseMicros);
        _isSilent = false;
        if (_part == Part.Claimant)
            WithdrawClaim();
        PostponeWatch(_options.LeaseMicros);
    }

    /// <summary>To a primary, a lease from its clock; to one that takes over, which of its claims is answered; else nothing.</summary>
    private long EchoOf(Append append) => append.Brings || !(append.Relays || _sealed) ? append.Clock : 0;

    private AppendReply Answer(AppendOutcome outcome, Append append, long index) =>
        new(Epoch, outcome, Standing, EchoOf(append), index, _divergedFrom > 0 ? 0 : _applied, Last);

    /// <summary>Says where to try next: the last entry here that is no later in term than the sender's, or where the log begins.</summary>
    private AppendReply Mismatch(Append append)
    {
        long nearest = Math.Max(_log.BaseIndex, _log.LastIndexOfTermUpTo(append.PrevIndex, append.PrevTerm));
        return new AppendReply(Epoch, AppendOutcome.Mismatch, Standing, EchoOf(append),
            append.PrevIndex, _applied, new LogPosition(_log.TermAt(nearest), nearest));
    }

    private protected override void OnApplied(Input.Applied applied)
    {
        bool isWanted = _part == Part.Member && _applied < _appliedWantedTo && !_sealed;
        base.OnApplied(applied);
        if (isWanted)
            Send(_view.Primary, StateOf(echo: 0));

        ContinueSwitchover();
    }

    /// <summary>Commits are applied at a primary once the level of each entry is met, at a delayed member once they are old enough.</summary>
    private void ApplyCommitted()
    {
        if (_divergedFrom > 0 || IsInstalling)
            return;
        long limit = _part == Part.Primary ? MayApply() : _commit;
        // Even where it is no member, for a while: it is there for the mistakes of others.
        long oldest = _options.PartOf(Self).DelayMillis is > 0 and var delay && _part == Part.Member ? _now.Wall - delay * Instant.Millisecond : long.MaxValue;
        while (_applying < limit)
        {
            EntryBatch batch = _log.Part(_applying + 1, limit);
            if (batch.Wall > oldest)
            {
                EnsureArmed(DelayTimer, _now.Monotonic + Math.Max(Instant.Millisecond, batch.Wall - oldest));
                break;
            }

            Apply(batch);
        }
    }
}
