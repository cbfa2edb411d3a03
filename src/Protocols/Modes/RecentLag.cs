using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Modes;

/// <summary>Lags that half, 95, 99 and 99.9 % do not exceed, µs.</summary>
public readonly record struct LagQuantiles(long Count, long P50, long P95, long P99, long P999)
{
    /// <summary>What they are to be at most, µs: 10, 100, 500 and 2,000 ms.</summary>
    public static readonly LagQuantiles Targets = new(0, 10 * Instant.Millisecond, 100 * Instant.Millisecond, 500 * Instant.Millisecond, 2_000 * Instant.Millisecond);

    /// <summary>Each is at most its target.</summary>
    public bool Meets(LagQuantiles targets) => P50 <= targets.P50 && P95 <= targets.P95 && P99 <= targets.P99 && P999 <= targets.P999;
}

/// <summary>The lags of one follower over the last one to two windows, in bounded memory: two histograms that take turns.</summary>
public sealed class RecentLag(long windowMicros = 60 * Instant.Second)
{
    private LagHistogram _now = new();
    private LagHistogram _before = new();
    private long _since;
    private bool _started;

    /// <summary>Counts a lag, µs, measured at this monotonic time, µs.</summary>
    public void Add(long lagMicros, long now)
    {
        if (!_started || now - _since >= windowMicros)
            Turn(now);
        _now.Add(lagMicros);
    }

    public LagQuantiles Quantiles()
    {
        var both = new LagHistogram();
        both.Add(_before);
        both.Add(_now);
        return new LagQuantiles(both.Count, both.Quantile(500), both.Quantile(950), both.Quantile(990), both.Quantile(999));
    }

    private void Turn(long now)
    {
        (_before, _now) = (_now, _before);
        _now.Clear();
        if (now - _since >= 2 * windowMicros)
            _before.Clear();
        _since = now;
        _started = true;
    }
}
