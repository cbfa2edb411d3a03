using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.World;

/// <summary>
/// A machine's clocks: a monotonic one that begins anywhere with each incarnation and runs a little fast or slow, and a
/// wall clock that is off and can jump. World time is in µs.
/// </summary>
internal sealed class SimulatedClock
{
    /// <summary>How fast or slow a monotonic clock runs at most, parts per million.</summary>
    public const long MaxDriftPpm = 50_000;

    private const long Million = 1_000_000;
    private const long Epoch = 1_800_000_000L * Instant.Second;

    private long _bootedAt;
    private long _monotonicAtBoot;
    private long _partsPerMillion;

    /// <summary>How far the wall clock is off, µs.</summary>
    public long WallSkew { get; set; }

    public void Boot(long worldTime, long monotonicAtBoot, long partsPerMillion)
    {
        _bootedAt = worldTime;
        _monotonicAtBoot = monotonicAtBoot;
        _partsPerMillion = Million + partsPerMillion;
    }

    public Instant At(long worldTime) => new(
        _monotonicAtBoot + (worldTime - _bootedAt) * _partsPerMillion / Million,
        Epoch + worldTime + WallSkew,
        Math.Abs(WallSkew) + Instant.Millisecond);

    /// <summary>World time that a span on this clock takes, rounded up, so that a timer never fires early.</summary>
    public long ToWorld(long span) => (span * Million + _partsPerMillion - 1) / _partsPerMillion + 1;
}
