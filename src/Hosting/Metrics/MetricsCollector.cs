using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;

namespace ActorRepl.Hosting.Metrics;

/// <summary>
/// Adds up what the meter <c>ActorRepl</c> measures in this process, for <see cref="Text"/>. Thread-safe; a measurement without tags
/// allocates nothing.
/// </summary>
internal sealed class MetricsCollector : IDisposable
{
    private const string Meter = "ActorRepl";

    // What is beyond is not told apart: a label with endless values is a defect.
    private const int MaxSeries = 20_000;

    private readonly ConcurrentDictionary<(Instrument Instrument, string Labels), MetricSeries> _series = [];
    private readonly MeterListener _listener = new();

    public MetricsCollector()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Meter)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Take(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Take(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>All of it in Prometheus' text format, version 0.0.4.</summary>
    public string Text()
    {
        // What an observable one no longer reports is over.
        foreach ((Instrument instrument, string labels) in _series.Keys.Where(key => key.Instrument.IsObservable))
            _series.TryRemove((instrument, labels), out _);
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var alike in _series.GroupBy(series => series.Key.Instrument).OrderBy(alike => alike.Key.Name, StringComparer.Ordinal))
        {
            PrometheusText.Head(text, alike.Key);
            foreach (((Instrument instrument, string labels), MetricSeries series) in alike.OrderBy(series => series.Key.Labels, StringComparer.Ordinal))
                PrometheusText.Series(text, instrument, labels, series);
        }

        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        (Instrument, string) key = (instrument, PrometheusText.Labels(tags));
        if (!_series.TryGetValue(key, out MetricSeries? series))
        {
            if (_series.Count >= MaxSeries)
                return;
            series = _series.GetOrAdd(key, static key => new MetricSeries(PrometheusText.KindOf(key.Item1)));
        }

        series.Take(value);
    }
}
