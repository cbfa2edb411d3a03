using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Modes;

/// <summary>What becomes of commands at <see cref="ReplicaMode.Floor"/>.</summary>
public enum FloorPolicy : byte
{
    /// <summary>They are refused; reads go on.</summary>
    ReadOnly = 0,

    /// <summary>They are taken at the risk that a failover loses them.</summary>
    KeepWriting = 1,
}

/// <summary>
/// From where on a follower, and with it its shard, counts as well or not. A threshold to get worse and the one to get better
/// again always lie apart, so that what hovers at one of them changes nothing.
/// </summary>
public sealed record ModeOptions
{
    /// <summary>A follower that fell behind is healthy again below this lag, µs.</summary>
    public long HealthyLagMicros { get; init; } = 100 * Instant.Millisecond;

    /// <summary>Above this lag, µs, a follower is behind; one that was critical is only behind again below it.</summary>
    public long DegradedLagMicros { get; init; } = Instant.Second;

    /// <summary>Above this lag, µs, a follower is critical.</summary>
    public long CriticalLagMicros { get; init; } = 10 * Instant.Second;

    /// <summary>Heartbeats in a row without an answer that are worth a warning; one that counted as dead is back below it.</summary>
    public int WarnBeats { get; init; } = 3;

    /// <summary>Heartbeats in a row without an answer after which a follower counts as dead.</summary>
    public int DeadBeats { get; init; } = 10;

    /// <summary>How long something must have been better before it counts, µs. What is worse counts at once.</summary>
    public long SettleMicros { get; init; } = 2 * Instant.Second;

    /// <summary>How long a mode lasts at least before a better one follows, µs.</summary>
    public long MinimumStayMicros { get; init; } = 5 * Instant.Second;

    /// <summary>How long after an acknowledgement that degraded the shard is not at its target, µs.</summary>
    public long AckTimeoutMicros { get; init; } = 10 * Instant.Second;

    /// <summary>Over how long a follower's pace is measured, µs.</summary>
    public long PaceWindowMicros { get; init; } = 4 * Instant.Second;

    /// <summary>With fewer followers in sync that answer than this the shard is at its floor.</summary>
    public int FloorReplicas { get; init; } = 1;

    public FloorPolicy AtFloor { get; init; } = FloorPolicy.KeepWriting;

    /// <exception cref="ArgumentException">Names the option that does not fit.</exception>
    public void Check()
    {
        Require(HealthyLagMicros > 0, nameof(HealthyLagMicros), "more than 0");
        Require(DegradedLagMicros > HealthyLagMicros, nameof(DegradedLagMicros), $"more than {nameof(HealthyLagMicros)}");
        Require(CriticalLagMicros > DegradedLagMicros, nameof(CriticalLagMicros), $"more than {nameof(DegradedLagMicros)}");
        Require(WarnBeats >= 2, nameof(WarnBeats), "at least 2");
        Require(DeadBeats > WarnBeats, nameof(DeadBeats), $"more than {nameof(WarnBeats)}");
        Require(SettleMicros >= 0, nameof(SettleMicros), "at least 0");
        Require(MinimumStayMicros >= 0, nameof(MinimumStayMicros), "at least 0");
        Require(AckTimeoutMicros >= 0, nameof(AckTimeoutMicros), "at least 0");
        Require(FloorReplicas >= 0, nameof(FloorReplicas), "at least 0");
        Require(PaceWindowMicros >= Instant.Millisecond, nameof(PaceWindowMicros), "at least 1 ms");
    }

    private static void Require(bool holds, string option, string what)
    {
        if (!holds)
            throw new ArgumentException($"{option} must be {what}", option);
    }
}
