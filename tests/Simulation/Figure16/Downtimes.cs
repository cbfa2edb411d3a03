using System.Globalization;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Figure16;

/// <summary>
/// Figure 16 of the Raft paper: how long there is no leader after one crashed, against how random election timeouts are.
/// </summary>
internal sealed class Downtimes
{
    private readonly long[] _sorted;

    private Downtimes(TimeoutRange range, long[] sorted) => (Range, _sorted) = (range, sorted);

    public TimeoutRange Range { get; }
    public double MeanMillis => _sorted.Average() / Instant.Millisecond;
    public double WorstMillis => _sorted[^1] / (double)Instant.Millisecond;

    /// <summary>The share of trials without a leader within a time.</summary>
    public double ShareAbove(double millis) => _sorted.Count(time => time > millis * Instant.Millisecond) / (double)_sorted.Length;

    public double PercentileMillis(int percent) => _sorted[Math.Min(_sorted.Length - 1, _sorted.Length * percent / 100)] / (double)Instant.Millisecond;

    public static Downtimes Measure(TimeoutRange range, ulong seed = 1, LatencyModel? latency = null)
    {
        var seeds = new DeterministicRandom(seed);
        long[] times = [.. Enumerable.Range(0, range.Trials).Select(_ => new CrashTrial(range, latency ?? new LatencyModel(), seeds.NextUInt64()).Run())];
        Array.Sort(times);
        return new Downtimes(range, times);
    }

    /// <summary>Measures all settings and prints a line for each.</summary>
    public static int Print(TextWriter output, ulong seed)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"five servers, broadcast time {new LatencyModel().BroadcastMicros(10_000, seed) / 1000:F1} ms, seed {seed}; downtime in ms, given up after {CrashTrial.Limit / Instant.Millisecond}"));
        output.WriteLine($"{"timeouts",10} {"trials",7} {"median",8} {"mean",8} {"p90",8} {"p99",8} {"worst",8}");
        foreach (TimeoutRange range in TimeoutRange.Figure)
        {
            Downtimes result = Measure(range, seed);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{range,10} {range.Trials,7} {result.PercentileMillis(50),8:F0} {result.MeanMillis,8:F0} {result.PercentileMillis(90),8:F0} {result.PercentileMillis(99),8:F0} {result.WorstMillis,8:F0}"));
        }

        return 0;
    }
}
