using System.Diagnostics.Metrics;
using ActorRepl.Hosting.Metrics;

namespace ActorRepl.Hosting.Tests;

/// <summary>What the meter measures, in the words that Prometheus reads.</summary>
public sealed class MetricsTests : IDisposable
{
    private readonly MetricsCollector _collector = new();
    private readonly Meter _meter = new("ActorRepl");

    public void Dispose()
    {
        _meter.Dispose();
        _collector.Dispose();
    }

    [Fact]
    public void Counters_add_up_by_their_labels()
    {
        Counter<long> counter = _meter.CreateCounter<long>("test.things", "{thing}");
        counter.Add(2, new KeyValuePair<string, object?>("group", "kv"), new("shard", 1));
        counter.Add(3, new KeyValuePair<string, object?>("group", "kv"), new("shard", 1));
        counter.Add(7, new KeyValuePair<string, object?>("group", "a \"quote\""), new("shard", 2));
        string text = _collector.Text();
        Assert.Contains("# TYPE test_things_total counter\n", text, StringComparison.Ordinal);
        Assert.Contains("test_things_total{group=\"kv\",shard=\"1\"} 5\n", text, StringComparison.Ordinal);
        Assert.Contains("test_things_total{group=\"a \\\"quote\\\"\",shard=\"2\"} 7\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_histogram_counts_what_is_at_most_as_long_as_each_of_its_ends()
    {
        Histogram<double> lag = _meter.CreateHistogram<double>("test.lag", "s");
        foreach (double seconds in (double[])[0.005, 0.02, 700])
            lag.Record(seconds);
        string text = _collector.Text();
        Assert.Contains("test_lag_seconds_bucket{le=\"0.005\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("test_lag_seconds_bucket{le=\"0.025\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("test_lag_seconds_bucket{le=\"+Inf\"} 3\n", text, StringComparison.Ordinal);
        Assert.Contains("test_lag_seconds_count 3\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gauge_says_what_is_now_and_nothing_of_what_is_over()
    {
        int mode = 1;
        bool there = true;
        _meter.CreateObservableGauge("test.mode", () => there ? [new Measurement<int>(mode)] : Array.Empty<Measurement<int>>());
        _ = _collector.Text();
        mode = 2;
        Assert.Contains("test_mode 2\n", _collector.Text(), StringComparison.Ordinal);
        there = false;
        Assert.DoesNotContain("test_mode", _collector.Text(), StringComparison.Ordinal);
    }
}
