using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace ActorRepl.Hosting.Cli;

/// <summary><c>actorrepl top</c>: a table that moves on a terminal, one after the other elsewhere.</summary>
/// <param name="cluster">Whose.</param>
/// <param name="interval">Between two looks.</param>
/// <param name="count">How many looks; null: until Ctrl-C.</param>
internal sealed class TopCommand(LocalCluster cluster, TimeSpan interval, int? count, bool json)
{
    // Headings, borders and the line above them.
    private const int LinesAround = 10;

    private static readonly string[] NodeHeadings = ["node", "state", "cpu", "memory", "leads", "replicas", "writes/s", "problem"];
    private static readonly string[] ShardHeadings = ["shard", "protocol", "leader", "term", "writes/s", "committed", "lag", "lag p99 ms", "kept bytes", "mode", "problem"];

    // For those that read the output as JSON lines.
    private static readonly StatusJson OneLine = new(new JsonSerializerOptions(StatusJson.Default.Options) { WriteIndented = false });

    private readonly TopSampler _sampler = new();

    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        try
        {
            // Without a look before there are no rates, and whoever asks for one look wants them.
            await LookAsync(cancellation).ConfigureAwait(false);
            if (Terminal.IsInteractive && !json)
                await AnsiConsole.Live(new Text("")).StartAsync(context => LoopAsync(report => context.UpdateTarget(Picture(report, AnsiConsole.Profile.Height)), cancellation)).ConfigureAwait(false);
            else
                await LoopAsync(Print, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Ctrl-C is how it ends.
        }

        return ExitCode.Success;
    }

    private async Task LoopAsync(Action<TopReport> show, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(interval);
        for (int looks = 0; looks < (count ?? int.MaxValue) && await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false); looks++)
            show(await LookAsync(cancellation).ConfigureAwait(false));
    }

    private async Task<TopReport> LookAsync(CancellationToken cancellation)
    {
        IReadOnlyList<NodeReport> nodes = await StatusCommand.ReportAsync(cluster, cancellation).ConfigureAwait(false);
        return _sampler.Take(nodes, (long)Stopwatch.GetElapsedTime(0).TotalMicroseconds, DateTimeOffset.Now);
    }

    private void Print(TopReport report)
    {
        if (json)
        {
            Terminal.Json(report, OneLine.TopReport);
            return;
        }

        Terminal.Line(Summary(report));
        Terminal.Table(NodeHeadings, [.. report.Nodes.Select(Row)]);
        Terminal.Line("");
        Terminal.Table(ShardHeadings, [.. report.Shards.Select(Row)]);
        Terminal.Line("");
    }

    /// <summary>What fits on the screen: of many shards those that are unwell, then the busiest.</summary>
    private static Rows Picture(TopReport report, int height)
    {
        int room = Math.Max(4, height - LinesAround - report.Nodes.Count);
        TopShard[] shown = report.Shards.Count <= room ? [.. report.Shards]
            : [.. report.Shards.OrderByDescending(shard => shard.Problem is not null).ThenByDescending(shard => shard.WritesPerSecond).Take(room - 1)];
        List<IRenderable> rows =
        [
            new Markup($"[bold]{Markup.Escape(Summary(report))}[/]"),
            Terminal.Picture(NodeHeadings, [.. report.Nodes.Select(Row)]),
            Terminal.Picture(ShardHeadings, [.. shown.Select(Row)]),
        ];
        if (shown.Length < report.Shards.Count)
            rows.Add(new Text($"and {report.Shards.Count - shown.Length} more"));
        return new Rows(rows);
    }

    private static string Summary(TopReport report) => string.Create(CultureInfo.InvariantCulture,
        $"{report.Time:HH:mm:ss}  {report.Nodes.Count(node => node.State == "ready")} of {report.Nodes.Count} nodes ready, {report.Shards.Count(shard => shard.Leader > 0)} of {report.Shards.Count(shard => !shard.Leaderless)} shards led, {report.Shards.Sum(shard => shard.WritesPerSecond ?? 0):N0} writes/s");

    private static string[] Row(TopNode node) =>
    [
        $"{node.Node}", node.State, node.Cpu is { } cpu ? cpu.ToString("P0", CultureInfo.InvariantCulture) : "-",
        node.MemoryBytes is { } bytes ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024):N0} MiB") : "-",
        $"{node.Leads}", $"{node.Replicas}", Number(node.WritesPerSecond), node.Problem ?? "",
    ];

    private static string[] Row(TopShard shard) =>
    [
        $"{shard.Group}/{shard.Shard}", shard.Protocol, shard.Leader > 0 ? $"node {shard.Leader}" : "-", $"{shard.Term}", Number(shard.WritesPerSecond),
        Number(shard.Committed), Number(shard.LagEntries), shard.LagMs?.ToString("N1", CultureInfo.InvariantCulture) ?? "-", Number(shard.KeptBytes), shard.Mode ?? "-", shard.Problem ?? "",
    ];

    private static string Number(double? value) => value?.ToString("N0", CultureInfo.InvariantCulture) ?? "-";
}
