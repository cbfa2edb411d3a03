using ActorRepl.Benchmarks.Failover;

namespace ActorRepl.Benchmarks.Lag;

/// <summary>How late the followers were under a steady load; lags in ms, of every follower of every shard.</summary>
/// <param name="Rate">Acknowledged writes a second, as it was.</param>
internal sealed record SteadyReport(double Seconds, double Rate, long Failed, int Samples, double P50Ms, double P95Ms, double P99Ms, double WorstMs)
{
    public override string ToString() =>
        $"steady   {Seconds:0} s at {Rate:0} writes/s ({Failed} failed): lag of followers p50 {P50Ms:0.0} ms, p95 {P95Ms:0.0}, p99 {P99Ms:0.0}, worst {WorstMs:0.0}; {Samples} samples";
}

/// <summary>How a node came back that was away under the same load. Entries are those of all shards together.</summary>
/// <param name="Rate">Acknowledged writes a second while it was away and caught up. An entry may hold several.</param>
/// <param name="Missed">Entries that it lacked when it was started again.</param>
/// <param name="Taken">Entries that it had on disk when it had caught up, and not when it was first heard of.</param>
/// <param name="Seconds">From when it first made progress until it lacked less than a tenth of a second.</param>
/// <param name="SecondsFromStart">The same from the start of its process.</param>
internal sealed record ReturnReport(double AwaySeconds, double Rate, long Failed, long Missed, long Taken, double Seconds, double SecondsFromStart)
{
    /// <summary>Entries a second.</summary>
    public double Pace => Taken / Math.Max(Seconds, 0.001);

    /// <summary>The pace over that at which the log grew while it was away.</summary>
    public double TimesTheRate => Pace / Math.Max(Missed / AwaySeconds, 1);

    public override string ToString() =>
        $"return   {AwaySeconds:0} s away at {Rate:0} writes/s ({Failed} failed): {Missed} entries missed; {Taken} taken in {Seconds:0.0} s, {Pace:0} a second, "
        + $"{TimesTheRate:0.0} x what was written; caught up {SecondsFromStart:0.0} s after its start";
}

internal sealed record LagReport(double Asked, SteadyReport Steady, ReturnReport? Return)
{
    public IReadOnlyList<Goal> Goals =>
    [
        new("p99 of a follower's lag in ms", Steady.P99Ms, Most: 100),
        .. Return is { } back ? (Goal[])[new("pace of catching up over that of writing", back.TimesTheRate, Least: 5)] : [],
    ];

    public override string ToString() => string.Join('\n', [$"{Steady}", .. Return is null ? (string[])[] : [$"{Return}"], .. Goals.Select(goal => $"{goal}")]);
}
