using System.Globalization;
using ActorRepl.Benchmarks.Failover;
using ActorRepl.MultiNode.Tests;

namespace ActorRepl.Benchmarks.Chain;

/// <param name="Longest">Links of the longest chain; there are as many nodes in every run.</param>
/// <param name="BasePort">Null: where nobody listens.</param>
/// <param name="Plot">Where to write the plot, an SVG file; null: nowhere.</param>
/// <param name="Config">HOCON that replaces settings of the nodes.</param>
internal sealed record LengthOptions(int Longest, int Rounds, double WarmUp, double Seconds, int? BasePort, string? Plot, string? Config);

/// <summary>Latencies of writes to a chain, ms; of several rounds the median.</summary>
internal sealed record LengthRow(int Length, double P50, double P99);

internal sealed record LengthReport(IReadOnlyList<LengthRow> Rows)
{
    /// <summary>
    /// How far the longest chain is above the line through the first two lengths, as a part of that line: 0 and below means that latency
    /// grows no worse than linearly.
    /// </summary>
    public double AboveLine => Rows.Count < 3 ? 0 : Rows[^1].P50 / (Rows[0].P50 + (Rows[1].P50 - Rows[0].P50) * (Rows.Count - 1)) - 1;

    public override string ToString() => string.Join('\n', Rows.Select(row => $"  {row.Length} links: p50 {row.P50:0.00} ms, p99 {row.P99:0.00} ms"))
        + $"\n  the longest against the line through the first two lengths: {AboveLine.ToString("+0 %;-0 %", CultureInfo.InvariantCulture)}";
}

/// <summary>How long one write takes, nothing else under way, in chains of growing length on the same number of node processes.</summary>
internal sealed class LengthBenchmark(LengthOptions options, Output output)
{
    public async Task<LengthReport> RunAsync(CancellationToken stop)
    {
        var measured = new List<LoadResult>[options.Longest];
        for (int round = 0; round < options.Rounds; round++)
        {
            for (int length = 1; length <= options.Longest && !stop.IsCancellationRequested; length++)
                (measured[length - 1] ??= []).Add(await MeasureAsync(length));
        }

        stop.ThrowIfCancellationRequested();
        var report = new LengthReport([.. measured.Select((rounds, i) => new LengthRow(i + 1, Median(rounds.Select(one => one.WriteP50)), Median(rounds.Select(one => one.WriteP99))))]);
        if (options.Plot is { } file)
            File.WriteAllText(file, LengthPlot.Of(report));
        return report;
    }

    private async Task<LoadResult> MeasureAsync(int length)
    {
        string settings = $$"""
            actorrepl.group-defaults { protocol = chain, shards = 1, replicas = {{length}} }
            actorrepl.control.leader-settle = 1 d
            {{options.Config}}
            """;
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(nodes: options.Longest, settings: settings, basePort: options.BasePort);
        int[] links = [];
        await ProcessCluster.UntilAsync(async () => (links = await Links.OfAsync(cluster, 0)).Length == length, $"the chain has {length} links");
        var shape = new LoadShape(1, 1_000, 1, 256);
        await RespLoad.FillAsync(cluster.Redis(links[0]), shape);
        // By way of the head's node: no hop but those of the chain.
        LoadResult result = await RespLoad.RunAsync([cluster.Redis(links[0])], shape, options.WarmUp, options.Seconds);
        output.Progress($"{length} links: {result}");
        return result;
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
