using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Modes;

/// <summary>
/// The mode of a shard, from what its leader measures: pure, fed a sample now and then (at each heartbeat, say) with the monotonic
/// time in µs. Worse follows at once. Better follows when its condition has held for <see cref="ModeOptions.SettleMicros"/> and the
/// present mode has lasted <see cref="ModeOptions.MinimumStayMicros"/>.
/// </summary>
public sealed class ShardModes
{
    // From worst to best.
    private static readonly ReplicaMode[] Ranks = [ReplicaMode.Floor, ReplicaMode.Degraded, ReplicaMode.Recovery, ReplicaMode.Target];

    private readonly ModeOptions _options;
    private readonly List<FollowerTracker> _followers = [];
    private readonly List<ModeEvent> _events = [];
    private readonly Settling _better = new();
    private readonly Settling _stalled = new();
    private bool _mayNotLead;
    private bool _onlyMayNotLead;
    private long _since;
    private long _degradedAcks;
    private long _degradedAckAt;
    private long _mostLag;
    private int _recovered;

    public ShardModes(ModeOptions? options = null)
    {
        _options = options ?? new ModeOptions();
        _options.Check();
    }

    /// <summary><see cref="ReplicaMode.None"/> before the first sample.</summary>
    public ReplicaMode Mode { get; private set; }

    /// <summary>Why it is in this mode.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>Since when, µs of the monotonic clock.</summary>
    public long Since => _since;

    /// <summary>The last sample said so; the next may not.</summary>
    public bool MayNotLead => _mayNotLead;

    /// <summary>Whether the mode and the group's policy let commands in.</summary>
    public bool TakesCommands => !_mayNotLead && (Mode != ReplicaMode.Floor || _options.AtFloor == FloorPolicy.KeepWriting);

    /// <summary>Only while the mode is <see cref="ReplicaMode.Recovery"/>.</summary>
    public RecoveryProgress? Recovery { get; private set; }

    /// <summary>Entries a second that the shard takes, over the last few seconds.</summary>
    public long EntriesPerSecond => _followers.Count > 0 ? _followers[0].Pace.HeadPerSecond : 0;

    /// <summary>A follower that was in no sample is dead.</summary>
    public FollowerLevel LevelOf(ReplicaId follower) => Find(follower)?.Level ?? FollowerLevel.Dead;

    /// <summary>See <see cref="FollowerProgress.CatchUpMicros"/>.</summary>
    public long? CatchUpMicros(ReplicaId follower) => Find(follower)?.Pace.CatchUpMicros;

    /// <summary>Takes a sample. The list that is returned holds until the next one.</summary>
    public IReadOnlyList<ModeEvent> Observe(in ModeSample sample, long now)
    {
        _events.Clear();
        Track(sample, now);
        NoteAcks(sample.DegradedAcks, now);
        (ReplicaMode mode, string reason) = Judge(sample, now);
        bool comesBack = _onlyMayNotLead && !sample.MayNotLead;
        _mayNotLead = sample.MayNotLead;
        Move(mode, reason, comesBack, now);
        MeasureRecovery(sample.Wanted);
        return _events;
    }

    private FollowerTracker? Find(ReplicaId follower) => _followers.Find(each => each.Id == follower);

    private void Track(in ModeSample sample, long now)
    {
        IReadOnlyList<FollowerProgress> present = sample.Followers;
        _followers.RemoveAll(each => !present.Any(follower => follower.Id == each.Id));
        foreach (FollowerProgress follower in present)
        {
            if (Find(follower.Id) is not { } tracker)
                _followers.Add(tracker = new FollowerTracker(follower.Id, _options));
            if (tracker.Observe(follower, sample.LastIndex, now) is { } change)
                _events.Add(change);
        }
    }

    private void NoteAcks(long degradedAcks, long now)
    {
        Invariant.That(degradedAcks >= _degradedAcks, "the count of acknowledgements that degraded only grows");
        if (degradedAcks > _degradedAcks)
            _degradedAckAt = now;
        _degradedAcks = degradedAcks;
    }

    /// <summary>Which mode this moment alone would be.</summary>
    private (ReplicaMode Mode, string Reason) Judge(in ModeSample sample, long now)
    {
        int good = _followers.Count(each => each.IsGood), there = _followers.Count(each => each.IsThere);
        if (sample.MayNotLead)
            return (ReplicaMode.Floor, "the replica cannot know that nobody else leads");
        if (there < sample.Least)
            return (ReplicaMode.Floor, $"{there} followers in sync, at least {sample.Least} are needed");
        bool degradedAcks = _degradedAcks > 0 && now - _degradedAckAt < _options.AckTimeoutMicros;
        if (good >= sample.Wanted && !degradedAcks)
            return (ReplicaMode.Target, $"{good} followers in sync and healthy, {sample.Wanted} are asked for");
        int coming = _followers.Count(each => !each.IsGood && each.IsCatchingUp);
        string why = degradedAcks && good >= sample.Wanted
            ? "acknowledgements were given with less than was asked for"
            : $"{good} followers in sync and healthy, {sample.Wanted} are asked for{Unwell()}";
        return coming > 0 && good + coming >= sample.Wanted
            ? (ReplicaMode.Recovery, $"{why}; {coming} catching up")
            : (ReplicaMode.Degraded, why);
    }

    private string Unwell()
    {
        string[] unwell = [.. _followers.Where(each => each.Matters && !each.IsGood).Select(each =>
            each.Last is { InSync: true } ? $"{each.Id} {each.Level}" : $"{each.Id} {each.Level}, not in sync")];
        return unwell.Length == 0 ? "" : $" ({string.Join("; ", unwell)})";
    }

    private void Move(ReplicaMode judged, string reason, bool comesBack, long now)
    {
        // Catching up is the way back, never a way down.
        ReplicaMode mode = judged == ReplicaMode.Recovery && Mode is ReplicaMode.None or ReplicaMode.Target ? ReplicaMode.Degraded : judged;
        int rank = Rank(mode), present = Rank(Mode);
        int? better = _better.Observe(rank, present, now, _options.SettleMicros);
        // A recovery that gains nothing for a moment goes on.
        bool stalls = Mode == ReplicaMode.Recovery && mode == ReplicaMode.Degraded;
        int? stalled = _stalled.Observe(stalls ? 1 : 0, 0, now, _options.SettleMicros);
        if (mode == Mode)
            Reason = reason;
        else if (Mode == ReplicaMode.None || comesBack)
            Enter(mode, reason, now);
        else if (rank < present && (!stalls || stalled is not null))
            Enter(mode, reason, now);
        else if (better is { } settled && now - _since >= _options.MinimumStayMicros)
            Enter(Ranks[settled], reason, now);
    }

    private void Enter(ReplicaMode mode, string reason, long now)
    {
        _events.Add(new ModeEvent.ModeChanged(Mode, mode, now, reason));
        Mode = mode;
        Reason = reason;
        _since = now;
        _onlyMayNotLead = mode == ReplicaMode.Floor && _mayNotLead;
        if (mode == ReplicaMode.Target)
            _mostLag = 0;
        _recovered = 0;
        _better.Restart();
        _stalled.Restart();
    }

    private static int Rank(ReplicaMode mode) => Array.IndexOf(Ranks, mode);

    // Of those that have to come back for the target, the one that lacks most decides: the others are there before it. What
    // is made up for counts from the most that it has lacked since the shard was last at its target.
    private void MeasureRecovery(int wanted)
    {
        Recovery = null;
        if (Mode == ReplicaMode.Target)
            return;
        int missing = Math.Max(1, wanted - _followers.Count(each => each.IsGood));
        FollowerTracker? last = _followers.Where(each => each.Matters && !each.IsGood)
            .OrderBy(each => each.Last!.LagEntries).ThenBy(each => each.Id).Take(missing).LastOrDefault();
        long lag = last?.Last!.LagEntries ?? 0;
        _mostLag = Math.Max(_mostLag, lag);
        if (Mode != ReplicaMode.Recovery)
            return;
        int recovered = _mostLag == 0 ? 1000 : (int)(1000 - (Int128)1000 * lag / _mostLag);
        _recovered = Math.Max(_recovered, recovered);
        Recovery = new RecoveryProgress(_recovered, lag, last is null ? 0 : last.Pace.CatchUpMicros);
    }
}
