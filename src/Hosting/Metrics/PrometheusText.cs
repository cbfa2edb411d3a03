using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace ActorRepl.Hosting.Metrics;

/// <summary>The text format that Prometheus scrapes: names with underscores and units, counters ending in _total.</summary>
internal static class PrometheusText
{
    public static MetricKind KindOf(Instrument instrument) => instrument switch
    {
        Counter<long> or Counter<double> or Counter<int> => MetricKind.Counter,
        Histogram<double> or Histogram<long> => MetricKind.Histogram,
        _ => MetricKind.Gauge,
    };

    public static void Head(StringBuilder text, Instrument instrument) =>
        text.Append(CultureInfo.InvariantCulture, $"# TYPE {Name(instrument)} {KindOf(instrument).ToString().ToLowerInvariant()}\n");

    public static void Series(StringBuilder text, Instrument instrument, string labels, MetricSeries series)
    {
        string name = Name(instrument);
        (double value, long[] buckets) = series.Read();
        if (KindOf(instrument) != MetricKind.Histogram)
        {
            Line(text, name, labels, value);
            return;
        }

        long count = 0;
        for (int i = 0; i < buckets.Length; i++)
        {
            count += buckets[i];
            string end = i < MetricSeries.Bounds.Length ? Number(MetricSeries.Bounds[i]) : "+Inf";
            Line(text, name + "_bucket", $"{labels}{(labels.Length > 0 ? "," : "")}le=\"{end}\"", count);
        }

        Line(text, name + "_sum", labels, value);
        Line(text, name + "_count", labels, count);
    }

    /// <summary>Labels as they stand between the braces; empty: there are none.</summary>
    public static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
            return "";
        var text = new StringBuilder();
        foreach ((string key, object? value) in tags)
        {
            string escaped = Convert.ToString(value, CultureInfo.InvariantCulture)!
                .Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
            text.Append(text.Length > 0 ? "," : "").Append(key).Append("=\"").Append(escaped).Append('"');
        }

        return text.ToString();
    }

    private static string Name(Instrument instrument)
    {
        string name = instrument.Name.Replace('.', '_');
        string unit = instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        if (!name.EndsWith(unit, StringComparison.Ordinal))
            name += unit;
        return KindOf(instrument) == MetricKind.Counter ? name + "_total" : name;
    }

    private static void Line(StringBuilder text, string name, string labels, double value) =>
        text.Append(name).Append(labels.Length > 0 ? $"{{{labels}}}" : "").Append(' ').Append(Number(value)).Append('\n');

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
