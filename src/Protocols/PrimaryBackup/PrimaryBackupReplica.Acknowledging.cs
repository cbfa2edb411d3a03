using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// When an entry is committed, and when it may be applied and answered: on the primary's own disk, after everything before it,
/// and with as many backups as its level asks for and the view promises. What nothing keeps but the primary's own disk is answered only under a lease.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    private readonly AskQueue _asks = new();
    private readonly Action<AskRun> _runIsLate;
    private bool _isDegraded;
    private int _degradedNeeds;
    private long _keptUpMark;

    /// <summary>Commands that were acknowledged with less than they asked for.</summary>
    private long _degradedAcks;

    private enum Measured
    {
        Echo,
        Received,
        Durable,
        Applied,
    }

    private void AdvanceCommit()
    {
        long before = _commit, reached = _commit;
        foreach (AskRun run in _asks.Open)
        {
            reached = Math.Max(reached, Math.Min(Math.Min(run.Last, _durable.LastIndex), MetUpTo(run.Ask)));
            if (reached < run.Last)
                break;
        }

        // Entries of an earlier primary only with one of this epoch (Raft 5.4.2): until then a log without them may still be the later one.
        if (reached >= _epochStart && reached > _commit)
            CommitTo(reached);
        while (_asks.TryPeekOpen(out AskRun run) && run.Last <= _commit)
            _asks.Commit();
        if (_commit > before && _asks.WantsApplied)
            SendBeats();
    }

    private void CommitTo(long index)
    {
        Invariant.That(index <= _log.LastIndex, "what is committed is in the log");
        _commit = index;
    }

    /// <summary>Up to where the backups have what this asks for.</summary>
    private long MetUpTo(in Ask ask)
    {
        if (ask.NeedsLease && !HoldsLease(_now.Monotonic))
            return 0;
        if (ask.Level == AckLevel.Async)
            return long.MaxValue;
        int needed = Needed(ask);
        return ask.Reach == AckReach.Received
            ? Among(_view, needed, Measured.Received)
            : Math.Min(Among(_view, Math.Max(needed, _view.Promise), Measured.Durable), WhileProposed(Measured.Durable));
    }

    /// <summary>Up to where every failover keeps the log, if it is not one that an operator forces.</summary>
    private long KeptUpTo => Math.Min(Among(_view, _view.Promise, Measured.Durable), WhileProposed(Measured.Durable));

    /// <summary>How many backups a level asks for, by itself.</summary>
    private int Needed(in Ask ask) => ask.Level switch
    {
        AckLevel.SemiSync => ask.Backups,
        // "All of them" is not nobody, where there is to be somebody.
        AckLevel.Sync => Math.Max(_view.Backups.Length, Math.Min(1, _view.VoterCount - 1)),
        AckLevel.Quorum => _view.VoterCount / 2,
        _ => 0,
    };

    /// <summary>From a proposal on until its outcome is known, what meets the view in force must meet the proposed one too.</summary>
    private long WhileProposed(Measured what) => _proposal is { } proposed ? Among(proposed, proposed.Promise, what) : long.MaxValue;

    /// <summary>What so many of a view's backups have reached at least; 0 if it has not so many.</summary>
    private long Among(View view, int count, Measured what)
    {
        if (count == 0)
            return long.MaxValue;
        if (count > view.Backups.Length)
            return 0;
        Span<long> values = stackalloc long[view.Backups.Length];
        for (int i = 0; i < values.Length; i++)
            values[i] = Value(view.Backups[i], what);
        values.Sort();
        return values[^count];
    }

    private long Value(ReplicaId id, Measured what)
    {
        if (id == Self)
            return what == Measured.Echo ? 0 : _durable.LastIndex;
        if (Find(id) is not { Loss: 0 } follower)
            return 0;
        return what switch
        {
            Measured.Echo => follower.Echo,
            Measured.Received => follower.Received,
            Measured.Durable => follower.Match,
            _ => follower.Applied,
        };
    }

    /// <summary>Up to where committed entries may be applied here, which makes them visible and answers them.</summary>
    private long MayApply()
    {
        long limit = _applying;
        while (_asks.TryPeekUnapplied(out AskRun run))
        {
            bool waitsForOthers = run.Ask.Reach == AckReach.Applied && run.Ask.Level != AckLevel.Async;
            long met = waitsForOthers ? Among(_view, Math.Max(1, Needed(run.Ask)), Measured.Applied) : _commit;
            // Not answered any more once the lease is over, though it was committed under one.
            if (run.Ask.NeedsLease && !HoldsLease(_now.Monotonic))
                met = 0;
            limit = Math.Max(limit, Math.Min(Math.Min(met, _commit), run.Last));
            if (limit < run.Last)
                break;
            NoteAnswered(run);
            _asks.Apply();
        }

        return limit;
    }

    private void NoteAnswered(AskRun run)
    {
        if (!run.Ask.NeedsLease)
            StrongIndex = run.Last;
    }

    // ---- leases ----

    /// <summary>The latest reading of this clock after which enough backups have answered that they had not helped another to this place.</summary>
    private long ConfirmedClock => Math.Min(Among(_view, _view.Promise, Measured.Echo), WhileProposed(Measured.Echo));

    /// <summary>Nobody else can be primary yet: of any who could let another take over, one has promised not to.</summary>
    private bool HoldsLease(long now) => _begun && !IsGivingUp
        && ConfirmedClock is > 0 and long since && (since == long.MaxValue || now - since < _options.TrustedLeaseMicros);

    // ---- acknowledgements that do not come ----

    private void OnRunLate(AskRun run)
    {
        long count = run.Last - Math.Max(run.First, _applying + 1) + 1;
        if (run.Ask.Degrades && count > 0)
        {
            if (!_isDegraded)
                Report($"acknowledges with less than asked for: {run.Ask.Level} has not been met for entry {run.First} in {run.Ask.TimeoutMicros / Instant.Millisecond} ms");
            _isDegraded = true;
            _degradedNeeds = Math.Max(_degradedNeeds, Math.Max(1, Needed(run.Ask)));
            _degradedAcks += count;
            _keptUpMark = long.MaxValue;
        }
        else if (count > 0)
        {
            _commands.GiveUp(run.Epoch, run.First, run.Last, id => Reject(id, new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true, Self,
                $"{run.Ask.Level} was not met in {run.Ask.TimeoutMicros / Instant.Millisecond} ms; the command is in the log")));
        }

        run.GiveUp();
    }

    /// <summary>With each beat: once as many as were missing have what was in the log a beat before, their acknowledgements are waited for again.</summary>
    private void SeeWhoKeepsUp()
    {
        if (!_isDegraded)
            return;
        if (Among(_view, _degradedNeeds, Measured.Durable) >= _keptUpMark)
        {
            _isDegraded = false;
            _degradedNeeds = 0;
            Report("acknowledges as asked for again: the backups keep up");
        }

        _keptUpMark = _log.LastIndex;
    }
}
