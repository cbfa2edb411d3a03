namespace ActorRepl.Benchmarks;

/// <summary>Latencies of one caller each, merged at the end; microseconds.</summary>
internal sealed class LatencyRecorder(int capacity)
{
    private readonly List<long> _micros = new(capacity);

    public void Add(TimeSpan elapsed) => _micros.Add((long)elapsed.TotalMicroseconds);

    public static Summary Merge(IEnumerable<LatencyRecorder> recorders, TimeSpan elapsed)
    {
        long[] all = recorders.SelectMany(recorder => recorder._micros).Order().ToArray();
        long At(double quantile) => all.Length == 0 ? 0 : all[Math.Min(all.Length - 1, (int)(all.Length * quantile))];
        return new Summary(all.Length, all.Length / elapsed.TotalSeconds, At(0.5) / 1000.0, At(0.99) / 1000.0, At(0.999) / 1000.0);
    }
}

/// <summary>Operations, operations a second, and latencies in ms.</summary>
internal sealed record Summary(int Operations, double PerSecond, double P50, double P99, double P999)
{
    public override string ToString() =>
        $"{Operations} operations, {PerSecond:F0} a second, p50 {P50:F2} ms, p99 {P99:F2} ms, p99.9 {P999:F2} ms";
}
