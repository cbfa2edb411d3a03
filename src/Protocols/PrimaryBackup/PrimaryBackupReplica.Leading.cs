using System.Diagnostics.CodeAnalysis;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>The primary's side of replication: pipelined within bounds, back on the last shared entry in a few steps where logs differ.</summary>
public sealed partial class PrimaryBackupReplica
{
    private long _epochStart;
    private long _begunAt;
    private long _clock;
    private Append? _lastBuilt;

    /// <summary>Until an entry of its own epoch is committed, a primary does not know how far its predecessors had come.</summary>
    private bool KnowsCommit => _commit >= _epochStart;

    /// <summary>All primaries of a node beat together, on multiples of the interval: one wake-up and one frame a peer for all of them.</summary>
    private long NextBeat => (_now.Monotonic / _options.HeartbeatMicros + 1) * _options.HeartbeatMicros;

    /// <summary>
    /// The view names this replica. Nothing leaves in the new epoch before that is on disk: one that forgot what it has sent could
    /// make other entries of the same name.
    /// </summary>
    private void BecomePrimary()
    {
        bool goesOn = _part == Part.Primary;
        if (!goesOn)
        {
            _asks.Clear();
            _reads.Recall();
            _clock = 0;
            if (_commit < _log.LastIndex)
                _asks.Add(new AskRun(Epoch, _commit + 1, _log.LastIndex, Ask.Promised, long.MaxValue));
        }

        _part = Part.Primary;
        _claim = null;
        _isSilent = false;
        _divergedFrom = 0;
        _begun = false;
        _begunLsn = NotWritten;
        _lastBuilt = null;
        Disarm(WatchTimer);
        _followers = [.. _view.Members.Where(member => member.Id != Self).Select(member => FollowerIn(member.Id, goesOn))];
        _epochStart = _log.LastIndex + 1;
        Propose(EntryKind.NoOp, [default]);
        _asks.Add(new AskRun(Epoch, _epochStart, _epochStart, Ask.Promised, long.MaxValue));
        EnsureArmed(BeatTimer, NextBeat);
    }

    private Follower FollowerIn(ReplicaId id, bool goesOn)
    {
        Follower follower = Find(id) is { } known && goesOn ? known : new Follower(id);
        if (follower.HeardAt > 0 && goesOn)
            follower.GoOn();
        else
            follower.Begin(_log.LastIndex, _now.Monotonic);
        return follower;
    }

    /// <summary>The new epoch is on disk.</summary>
    private void Begin()
    {
        _begun = true;
        _begunAt = _now.Monotonic;
        Report($"primary of epoch {Epoch}");
        foreach (Follower follower in _followers)
            Send(follower.Id, new ViewNotice(_view));
        SendBeats();
    }

    private void LosePrimacy()
    {
        Disarm(BeatTimer);
        // What was committed under a lease and not answered is the next primary's to commit.
        _commit = _applying;
        _asks.Clear();
        _lastBuilt = null;
        _isDegraded = false;
        _modes = null;
        ReturnReads();
        Report($"no longer primary, in epoch {Epoch}");
    }

    /// <summary>In each of a primary's steps.</summary>
    private void Lead()
    {
        AdvanceCommit();
        ContinueSwitchover();
        ConsiderView();
        BeginReadRound();
        ConfirmReads();
    }

    /// <summary>Packs payloads into the next batch of the log. The clock is settled here and does not go back along the log.</summary>
    /// <summary>Sends a member what it lacks, as far as its window allows.</summary>
    private void Replicate(Follower follower)
    {
        if ((_part == Part.Primary && !_begun) || (_part == Part.Claimant && !IsEntitled) || IsFedByAnother(follower.Id))
            return;
        long last = _part == Part.Member ? _verified : _log.LastIndex;
        if (_part == Part.Member && !MayRelay(follower))
            return;
        while (follower.Mode == FollowerMode.Replicate
            ? follower.Next <= last && follower.InFlightMessages < _options.MaxInFlightMessages && follower.InFlightBytes < _options.MaxInFlightBytes
            : !follower.Probing)
        {
            if (follower.Next <= _log.BaseIndex || follower.HasDiverged)
            {
                if (!ReadBack(follower))
                    OfferCheckpoint(follower);
                return;
            }

            Append append = Build(follower.Next, last);
            Send(follower.Id, append);
            follower.Sent(append.LastIndex, append.EncodedSize);
        }
    }

    // Followers in step get the same message: one object, encoded alike.
    private Append Build(long next, long last)
    {
        if (_lastBuilt is { } built && built.PrevIndex == next - 1 && built.Commit == _commit && built.LastIndex == last
            && built.Clock == ClockNow && built.Epoch == Epoch && built.Flags == FlagsNow)
            return built;
        EntryBatch[] batches = _log.Take(next, _options.MaxBatchBytes);
        if (batches.Length > 0 && batches[^1].LastIndex > last)
            batches = [.. batches.Where(batch => batch.FirstIndex <= last).Select(batch => batch.Slice(batch.FirstIndex, Math.Min(batch.LastIndex, last)))];
        return _lastBuilt = new Append(Epoch, next - 1, _log.TermAt(next - 1), _commit, ClockNow, Last, FlagsNow, batches);
    }

    /// <summary>What answers echo: a primary's clock; of one that takes over, the name of its claim.</summary>
    private long ClockNow => _claim?.Name ?? _now.Monotonic;

    private AppendFlags FlagsNow => _part switch
    {
        Part.Claimant => AppendFlags.Brings,
        Part.Member => AppendFlags.Relays,
        _ => (_asks.WantsReceived ? AppendFlags.WantsReceived : AppendFlags.None) | (_asks.WantsApplied ? AppendFlags.WantsApplied : AppendFlags.None),
    };

    private void OnAppendReply(ReplicaId from, AppendReply reply)
    {
        if (Find(from) is not { } follower || !IsOfThisIncarnation(reply))
            return;
        Hear(follower, reply.Standing, reply.Echo);
        switch (reply.Outcome)
        {
            case AppendOutcome.Received when reply.Standing.Loss == follower.Loss:
                follower.HasReceived(Known(reply.Index));
                break;
            case AppendOutcome.Durable when reply.Standing.Loss == follower.Loss:
                follower.Acknowledged(Known(reply.Index));
                break;
            case AppendOutcome.Mismatch:
                Retreat(follower, reply);
                break;
            case AppendOutcome.Diverged:
                if (!follower.HasDiverged)
                    follower.Diverged(Math.Min(reply.Index, _log.LastIndex), default);
                break;
        }

        follower.HasApplied(reply.Applied);
        Invariant.That(follower.Match <= _log.LastIndex, "a member acknowledges only what its primary has");
    }

    // A primary that starts again is none in that epoch. Others may be answered for what a crash has taken out of this log since: where
    // it ends is then before what is meant, or, of a claim, the name is another. What lies in a checkpoint does not change.
    private bool IsOfThisIncarnation(AppendReply reply) => _part switch
    {
        Part.Primary => true,
        Part.Claimant => reply.Echo == _claim!.Name || (reply.Echo == 0 && reply.Index <= _checkpointIndex),
        _ => reply.Index <= _log.LastIndex,
    };

    private void Hear(Follower follower, in Standing standing, long echo)
    {
        _viewMayBeDue |= standing != follower.Standing;
        follower.Heard(_now.Monotonic, standing, echo, _options.DeadAfterMicros);
    }

    private long Known(long index)
    {
        Invariant.That(index <= _log.LastIndex, "a member acknowledges only what it was sent");
        return index;
    }

    private void Retreat(Follower follower, AppendReply reply)
    {
        LogPosition nearest = reply.Nearest;
        long shared = _log.LastIndexOfTermUpTo(Math.Min(nearest.Index, _log.LastIndex), nearest.Term);
        bool beginsBeyond = reply.Index < nearest.Index && !HasHad(nearest);
        if (!beginsBeyond && shared < _log.BaseIndex && ReadsBack && _history.LastSharedUpTo(nearest) is { } earlier && EpochOf(earlier) is not null)
        {
            follower.Mismatched(reply.Index, earlier);
            return;
        }

        if (beginsBeyond || shared < _log.BaseIndex)
        {
            // Its log begins where this one has something else, or nothing: no entry is of use to it.
            follower.Diverged(_log.BaseIndex, _history.Judge(nearest, _log.LastIndex) == Seen.Lost ? nearest : default);
            return;
        }

        follower.Mismatched(reply.Index, shared);
    }

    private void OnBeatTimer()
    {
        if (_part != Part.Primary)
            return;
        EnsureArmed(BeatTimer, NextBeat);
        _viewMayBeDue = true;
        Measure();
        if (!_begun)
            return;
        SeeWhoKeepsUp();
        SendBeats();
    }

    private void SendBeats()
    {
        // Later than the clock of any append that has left: an answer to this one is younger than all that came before.
        _clock = Math.Max(_clock + 1, _now.Monotonic + 1);
        Invariant.That(_clock - _now.Monotonic < Instant.Millisecond, "a beat is named by its time, which leases are counted from");
        var beat = new Beat(Epoch, _commit, _clock);
        foreach (Follower follower in _followers)
            Send(follower.Id, beat);
        DepartReads();
    }

    private void OnBeatReply(ReplicaId from, BeatReply reply)
    {
        if (_part != Part.Primary || Find(from) is not { } follower)
            return;
        Hear(follower, reply.Standing, reply.Echo);
        if (reply.Durable > 0 && follower.Mode == FollowerMode.Replicate && reply.Standing.Loss == follower.Loss)
            follower.Acknowledged(Known(reply.Durable));
        follower.HasReceived(Math.Min(reply.Verified, _log.LastIndex));
        follower.HasApplied(reply.Applied);
        if (follower.IsCheckDue(_now.Monotonic, _options.HeartbeatMicros))
            Check(follower, reply.Verified);
    }

    private void Check(Follower follower, long verified)
    {
        if (follower.Mode != FollowerMode.Replicate)
            follower.ProbeAgain();
        else if ((follower.Match < _log.LastIndex && !follower.Flowing) || verified < follower.Match)
            AskWhetherLost(follower);
        follower.Flowing = false;
    }

    // An empty append just before the next entry, or where the log now begins: refused if anything sent before it was lost.
    private void AskWhetherLost(Follower follower)
    {
        long index = ReadsBack && EpochOf(follower.Next - 1) is not null ? follower.Next - 1 : Math.Max(follower.Next - 1, _log.BaseIndex);
        Send(follower.Id, new Append(Epoch, index, EpochOf(index)!.Value, _commit, ClockNow, Last, FlagsNow, []));
    }
}
