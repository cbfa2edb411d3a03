using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// How another takes the place of a primary that is silent. A backup asks the others whether they would seal the epoch, then to do so. With
/// seals of so many that every acknowledged write is on one of them, none of which is more advanced than it, it has all that was promised: it brings
/// the others to its log and proposes the next view. A primary that started again has all that was promised too, and needs no seals.
/// </summary>
public sealed partial class PrimaryBackupReplica
{
    private Claim? _claim;
    private bool _isSilent;
    private long _watchAt;
    private long _sealLsn;
    private bool _sealIsDurable;

    private sealed class Claim(bool byRight)
    {
        /// <summary>A random number above 0: answers to an earlier claim, or to one with another log, are none to this one.</summary>
        public long Name { get; set; }

        /// <summary>It was this epoch's primary, and what it lacks was never acknowledged.</summary>
        public bool ByRight => byRight;

        /// <summary>An operator wants it, with however few seals.</summary>
        public bool IsForced { get; init; }

        /// <summary>Enough would seal: it is asked for in earnest.</summary>
        public bool IsSealing { get; set; }

        public HashSet<ReplicaId> Willing { get; } = [];

        /// <summary>Where the logs of those who have sealed ended then.</summary>
        public Dictionary<ReplicaId, LogPosition> Seals { get; } = [];

        /// <summary>Since when it may propose itself, on the monotonic clock; 0: it may not yet.</summary>
        public long EntitledAt { get; set; }

        public long ProposedAt { get; set; } = long.MinValue / 2;

        /// <summary>How long after that it proposes again.</summary>
        public long ProposalPatience { get; set; }
    }

    private bool IsEntitled => _claim is { EntitledAt: > 0 };

    /// <summary>The lease that was given to the last primary is over by this clock.</summary>
    private bool IsFree => _now.Monotonic >= _promisedUntil;

    /// <summary>A full disk cannot take the seal, and a replica in the middle of an install does not have its log.</summary>
    private bool MayClaim => _view.IsBackup(Self) && _loss == 0 && !IsInstalling && !_storageFull && IsFree;

    // ---- noticing ----

    private void WatchPrimary()
    {
        Disarm(BeatTimer);
        // The first primary of a shard that was just made may be starting.
        bool isNew = Epoch == 0 && _log.LastIndex == 0;
        PostponeWatch(isNew ? Math.Max(_options.LeaseMicros, _options.FirstAnswerMicros) : _options.LeaseMicros);
    }

    /// <summary>The timer is not armed anew for each message of the primary; it finds out when it fires.</summary>
    private void PostponeWatch(long patience)
    {
        _watchAt = Math.Max(_now.Monotonic + patience, _promisedUntil) + 1 + _random.Next(_options.HeartbeatMicros / 2);
        EnsureArmed(WatchTimer, _watchAt);
    }

    private void OnWatchTimer()
    {
        // Nobody beats to one that is no member: it knows the primary of its view for whoever asks.
        if (_part == Part.Primary || !_view.IsMember(Self))
            return;
        if (_part == Part.Member && _now.Monotonic < _watchAt)
        {
            EnsureArmed(WatchTimer, _watchAt);
            return;
        }

        EnsureArmed(WatchTimer, _now.Monotonic + _options.HeartbeatMicros);
        if (_part == Part.Claimant)
        {
            AskAgain();
            return;
        }

        _isSilent = true;
        RejectReadsWithoutPrimary();
        if (MayClaim)
            BeginClaim(sealing: _sealed);
    }

    /// <summary>A hint makes the wait as short as the promise that was given to the primary allows.</summary>
    private protected override void OnPeerHint(ReplicaId peer, bool up, bool onlySilent)
    {
        if (up || onlySilent)
            return;
        if (_part == Part.Primary)
        {
            Find(peer)?.Down();
        }
        else if (peer == _view.Primary && _part == Part.Member)
        {
            _watchAt = Math.Min(_watchAt, Math.Max(_now.Monotonic, _promisedUntil));
            EnsureArmed(WatchTimer, _watchAt);
        }
    }

    // ---- seals ----

    private void BeginClaim(bool sealing)
    {
        Invariant.That(MayClaim, "only a backup that has all it promised, to a primary that is silent, takes over");
        Report($"has not heard {_view.Primary}, the primary of epoch {Epoch}, for its lease");
        StartClaim(new Claim(byRight: false));
        if (_view.SealsToTakeOver <= 1 || sealing)
            BeginSealing();
        else
            AskForSeals();
    }

    private void ClaimByRight()
    {
        Report($"was the primary of epoch {Epoch} and is back: proposes itself anew");
        StartClaim(new Claim(byRight: true) { EntitledAt = Math.Max(1, _now.Monotonic) });
        EnsureArmed(WatchTimer, _now.Monotonic + _options.HeartbeatMicros);
    }

    private void StartClaim(Claim claim)
    {
        AbandonFetch();
        // Log and state here are one history; that another contradicts it counts no more.
        _divergedFrom = 0;
        _part = Part.Claimant;
        _claim = claim;
        _unanswered = 0;
        _followers = [.. _view.Members.Where(member => member.Id != Self).Select(member => new Follower(member.Id))];
        BeginToBring();
        RejectReadsWithoutPrimary();
    }

    /// <summary>Nothing is known of the others' logs yet.</summary>
    private void BeginToBring()
    {
        _claim!.Name = 1 + _random.Next(long.MaxValue - 1);
        _lastBuilt = null;
        foreach (Follower follower in _followers)
            follower.Begin(_log.LastIndex, _now.Monotonic);
    }

    /// <summary>The primary is there after all, and nothing is sealed.</summary>
    private void WithdrawClaim()
    {
        Report($"hears {_view.Primary} again");
        BecomeMember(led: false);
    }

    private void AskForSeals()
    {
        foreach (ReplicaId backup in _view.Backups)
        {
            if (backup != Self && !_claim!.Seals.ContainsKey(backup))
                Send(backup, new SealRequest(Epoch, pre: !_claim.IsSealing, Last));
        }
    }

    private void AskAgain()
    {
        Claim claim = _claim!;
        if (!claim.ByRight)
        {
            if (!claim.IsSealing)
                claim.Willing.Clear();
            AskForSeals();
        }

        foreach (Follower follower in _followers)
        {
            if (follower.Mode == FollowerMode.Replicate && follower.Match < _log.LastIndex && !follower.Flowing)
                AskWhetherLost(follower);
            follower.ProbeAgain();
            follower.Flowing = false;
        }
    }

    private void BeginSealing()
    {
        _claim!.IsSealing = true;
        Seal();
        AskForSeals();
    }

    /// <summary>From now on nothing of this epoch's primary is taken any more.</summary>
    private void Seal()
    {
        if (_sealed)
            return;
        Invariant.That(IsFree && _part != Part.Primary && _loss == 0, "nobody seals who has promised not to");
        _sealed = true;
        _sealLsn = NotWritten;
        _record.HardStateChanged = true;
    }

    private void OnSealRequest(ReplicaId from, SealRequest request)
    {
        bool concernsMe = _view.IsBackup(from) && _view.IsBackup(Self) && _part != Part.Primary;
        bool granted = concernsMe && _loss == 0 && !IsInstalling && !_storageFull && (_sealed || IsFree);
        if (!granted || request.Pre)
        {
            Send(from, new SealReply(Epoch, request.Pre, granted, Last));
            return;
        }

        Seal();
        SendWhenDurable(from, new SealReply(Epoch, pre: false, granted: true, Last));
        // The more advanced one goes on.
        if (_part == Part.Member && Last.IsAfter(request.Last) && MayClaim)
            BeginClaim(sealing: true);
        else if (_part == Part.Claimant && _claim is { ByRight: false, IsSealing: false })
            BeginSealing();
    }

    private void OnSealReply(ReplicaId from, SealReply reply)
    {
        if (_claim is not { ByRight: false } claim || !reply.Granted || !_view.IsBackup(from))
            return;
        if (!reply.Pre && claim.IsSealing)
        {
            claim.Seals[from] = reply.Last;
            return;
        }

        claim.Willing.Add(from);
        if (!claim.IsSealing && claim.Willing.Count + 1 >= _view.SealsToTakeOver && MayClaim)
            BeginSealing();
    }

    // ---- taking over ----

    /// <summary>At the end of each of a claimant's steps.</summary>
    private void AdvanceClaim()
    {
        Claim claim = _claim!;
        if (!claim.ByRight && !HasSeals(claim))
        {
            claim.EntitledAt = 0;
            return;
        }

        if (claim.EntitledAt == 0)
        {
            Report($"takes over: {claim.Seals.Count + 1} of {_view.Backups.Length} backups have sealed epoch {Epoch}");
            claim.EntitledAt = Math.Max(1, _now.Monotonic);
            foreach (Follower follower in _followers)
                follower.ProbeAgain();
        }

        if (_durable.LastIndex < _log.LastIndex || _now.Monotonic - claim.ProposedAt < claim.ProposalPatience)
            return;
        bool isPatient = _now.Monotonic - claim.EntitledAt < _options.TakeOverPatienceMicros;
        bool othersFirst = claim.Seals.Any(seal => seal.Value.IsAfter(Last) || (seal.Value == Last && seal.Key < Self));
        if (isPatient && (othersFirst || !_view.Backups.All(id => id == Self || HoldsAll(id))))
        {
            EnsureArmed(WatchTimer, claim.EntitledAt + _options.TakeOverPatienceMicros);
            return;
        }

        ProposeNext(NextView(Self, _view.Members.Select(member => InNext(member, member.Id == Self || HoldsAll(member.Id)))));
        claim.ProposedAt = _now.Monotonic;
        claim.ProposalPatience = ProposalPatience;
        _unanswered++;
        EnsureArmed(WatchTimer, _now.Monotonic + claim.ProposalPatience);
    }

    /// <summary>Any who may have what was acknowledged stronger than Async: one of them is among those who sealed, and none of these is later than this one.</summary>
    private bool HasSeals(Claim claim)
    {
        if (!claim.IsSealing || !_sealIsDurable)
            return false;
        if (claim.IsForced)
            return true;
        int seals = 1;
        foreach (LogPosition position in claim.Seals.Values)
        {
            if (!position.IsAfter(Last))
                seals++;
        }

        return seals >= _view.SealsToTakeOver;
    }

    private bool HoldsAll(ReplicaId id) => Find(id) is { Loss: 0, HasAnswered: true } follower && follower.Match >= _log.LastIndex;
}
