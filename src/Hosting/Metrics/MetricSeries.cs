namespace ActorRepl.Hosting.Metrics;

internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>One instrument with one set of labels. Thread-safe.</summary>
internal sealed class MetricSeries(MetricKind kind)
{
    /// <summary>The upper ends of a histogram's buckets, seconds; what is longer is in one more.</summary>
    public static readonly double[] Bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 60];

    private readonly Lock _lock = new();
    private readonly long[] _buckets = kind == MetricKind.Histogram ? new long[Bounds.Length + 1] : [];
    private double _value;

    public void Take(double value)
    {
        lock (_lock)
        {
            _value = kind == MetricKind.Gauge ? value : _value + value;
            if (kind == MetricKind.Histogram)
                _buckets[BucketOf(value)]++;
        }
    }

    /// <summary>The sum, or the last value of a gauge; and how many values each bucket has got.</summary>
    public (double Value, long[] Buckets) Read()
    {
        lock (_lock)
            return (_value, [.. _buckets]);
    }

    private static int BucketOf(double value)
    {
        int bucket = 0;
        while (bucket < Bounds.Length && value > Bounds[bucket])
            bucket++;
        return bucket;
    }
}
