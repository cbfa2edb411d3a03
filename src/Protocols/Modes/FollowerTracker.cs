using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Modes;

/// <summary>How a follower is doing, from well to worst.</summary>
public enum FollowerLevel : byte
{
    Healthy = 0,

    /// <summary>It has missed some heartbeats.</summary>
    Silent = 1,

    /// <summary>It lags more than a healthy one does.</summary>
    Behind = 2,

    /// <summary>It lags so much that it is hardly of use.</summary>
    Critical = 3,

    /// <summary>It has not answered for long.</summary>
    Dead = 4,
}

/// <summary>
/// The level of one follower. It gets worse at once; it gets better only below a lower threshold than the one it got worse at, and
/// when that has held for a while.
/// </summary>
internal sealed class FollowerTracker(ReplicaId id, ModeOptions options)
{
    private readonly Settling _better = new();

    public ReplicaId Id => id;
    public FollowerLevel Level { get; private set; }
    public Pace Pace { get; } = new(options.PaceWindowMicros);
    public FollowerProgress? Last { get; private set; }

    /// <summary>The mode of the shard does not hang on one that has a part of its own.</summary>
    public bool Matters => Last is { IsEligible: true };

    /// <summary>It can be counted: it is in sync, and not far behind.</summary>
    public bool IsGood => Last is { InSync: true } && Level <= FollowerLevel.Silent;

    /// <summary>It is in sync and answers, however late.</summary>
    public bool IsThere => Last is { InSync: true } && Level < FollowerLevel.Dead;

    /// <summary>It answers, lacks something, and gains on the leader.</summary>
    public bool IsCatchingUp => Last is { IsEligible: true } last && last.MissedBeats < options.WarnBeats && Level < FollowerLevel.Dead && Pace.IsGaining;

    /// <summary>Returns the change of level, null if there is none.</summary>
    public ModeEvent? Observe(FollowerProgress progress, long lastIndex, long now)
    {
        Last = progress;
        Pace.Observe(progress.Durable, lastIndex, now);
        FollowerLevel entered = Entered(progress);
        if (entered > Level)
            return ChangeTo(entered, progress, now);
        return _better.Observe(-(int)Kept(progress), -(int)Level, now, options.SettleMicros) is { } settled
            ? ChangeTo((FollowerLevel)(-settled), progress, now)
            : null;
    }

    private ModeEvent.FollowerChanged ChangeTo(FollowerLevel level, FollowerProgress progress, long now)
    {
        FollowerLevel before = Level;
        Level = level;
        _better.Restart();
        return new ModeEvent.FollowerChanged(id, before, level, now, Describe(progress));
    }

    /// <summary>The worst level that this is bad enough to enter.</summary>
    private FollowerLevel Entered(FollowerProgress progress) =>
        progress.MissedBeats >= options.DeadBeats ? FollowerLevel.Dead
        : progress.LagMicros > options.CriticalLagMicros ? FollowerLevel.Critical
        : progress.LagMicros > options.DegradedLagMicros ? FollowerLevel.Behind
        : progress.MissedBeats >= options.WarnBeats ? FollowerLevel.Silent
        : FollowerLevel.Healthy;

    /// <summary>The worst level that this is bad enough to stay at.</summary>
    private FollowerLevel Kept(FollowerProgress progress) =>
        progress.MissedBeats >= options.WarnBeats ? FollowerLevel.Dead
        : progress.LagMicros > options.DegradedLagMicros ? FollowerLevel.Critical
        : progress.LagMicros > options.HealthyLagMicros ? FollowerLevel.Behind
        : progress.MissedBeats > 0 ? FollowerLevel.Silent
        : FollowerLevel.Healthy;

    private static string Describe(FollowerProgress progress) =>
        $"lag {progress.LagMicros / Instant.Millisecond} ms, {progress.LagEntries} entries, {progress.LagBytes} bytes; {progress.MissedBeats} heartbeats missed";
}
