using System.Diagnostics;
using ActorRepl.Benchmarks.Failover;
using ActorRepl.MultiNode.Tests;

namespace ActorRepl.Benchmarks.Chain;

/// <param name="Kills">At each place.</param>
/// <param name="BasePort">Null: where nobody listens.</param>
/// <param name="Config">HOCON that replaces settings of the nodes.</param>
internal sealed record LinkKillOptions(int Kills, int Writers, int? BasePort, string? Config);

internal sealed record LinkKillReport(IReadOnlyList<GapReport> Places)
{
    public override string ToString() => string.Join('\n', Places);
}

/// <summary>
/// Three node processes under writes; the one at some place of a shard's chain is killed (SIGKILL) and started again, round after round.
/// Measured is how long that shard takes no write.
/// </summary>
internal sealed class LinkKillBenchmark(LinkKillOptions options, Output output)
{
    private const int Length = 3;
    private const double MostMs = 1_000;

    private static readonly string[] Names = ["head", "middle", "tail"];
    private static readonly TimeSpan Connecting = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Watched = TimeSpan.FromSeconds(3);

    private int _writes;

    public async Task<LinkKillReport> RunAsync(CancellationToken stop)
    {
        string settings = $"actorrepl.group-defaults.protocol = chain\nactorrepl.control.leader-settle = 1 d\n{options.Config}";
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: settings, basePort: options.BasePort);
        var reports = new List<GapReport>();
        for (int place = 0; place < Length; place++)
        {
            _writes = 0;
            var gaps = new List<Gap>();
            while (gaps.Count < options.Kills && !stop.IsCancellationRequested)
            {
                Gap gap = await RoundAsync(cluster, gaps.Count % Workload.Shards, place);
                gaps.Add(gap);
                output.Progress($"{Names[place]}, {gaps.Count} of {options.Kills}: node {gap.Node}, shard {gap.Shards[0]}: {gap.Ms:0} ms without a write, {gap.CalmMs:0} before; {gap.Failed} writes failed");
            }

            reports.Add(new GapReport($"killed {Names[place]}", gaps, _writes, [new("median ms", GapReport.At(gaps, 0.5), MostMs), new("worst ms", GapReport.At(gaps, 1), MostMs)]));
        }

        return new LinkKillReport(reports);
    }

    private async Task<Gap> RoundAsync(ProcessCluster cluster, int shard, int place)
    {
        int[] links = [];
        await ProcessCluster.UntilAsync(async () => (await Task.WhenAll(Enumerable.Range(0, Workload.Shards).Select(any => Links.OfAsync(cluster, any)))).All(chain => chain.Length == Length), "all chains are whole");
        await ProcessCluster.UntilAsync(async () => (links = await Links.OfAsync(cluster, shard)).Length == Length, "the chain is whole");
        int node = links[place];
        // By way of the others: a writer that loses its own node says nothing about the chain.
        var writers = new ShardWriters(cluster, options.Writers, [.. cluster.Ids.Where(id => id != node)], [shard]);
        await Task.Delay(Connecting);
        long calmFrom = Stopwatch.GetTimestamp();
        await Task.Delay(Calm);
        long killedAt = Stopwatch.GetTimestamp();
        await cluster.KillAsync(node);
        await Task.Delay(Watched);
        long to = Stopwatch.GetTimestamp();
        await writers.StopAsync();
        _writes += writers.Times.Count;
        cluster.Start(node);
        await cluster.WhenReadyAsync();
        return new Gap(node, [shard], Longest(killedAt, to), Longest(calmFrom, killedAt), writers.Failures.Count);

        double Longest(long from, long until) => writers.Times.LongestGap(shard, from, until).TotalMilliseconds;
    }
}
