using System.Net;
using ActorRepl.Benchmarks.Failover;
using ActorRepl.MultiNode.Tests;

namespace ActorRepl.Benchmarks.Chain;

/// <param name="Share">Of one core, for each node.</param>
/// <param name="Connections">To each of three nodes.</param>
/// <param name="Load">reads, writes or both.</param>
/// <param name="BasePort">Null: where nobody listens.</param>
/// <param name="Config">HOCON that replaces settings of the nodes.</param>
internal sealed record ApportionedOptions(double Share, int Connections, double WarmUp, double Seconds, int Rounds, string Load, int? BasePort, string? Config);

/// <param name="Least">The ratio that is to be reached.</param>
internal sealed record ApportionedRow(string What, LoadResult Spread, LoadResult AtTail, LoadResult Apportioned, double ToAtTail, double ToSpread, double Least);

internal sealed record ApportionedReport(string Limit, double Share, IReadOnlyList<ApportionedRow> Rows)
{
    public override string ToString() => $"each node limited to {Share:0.##} of a core ({Limit}); a chain of 3, 1 shard\n" + string.Join('\n', Rows.Select(row =>
        $"{row.What}\n  tail only, clients at the tail     {row.AtTail}\n  tail only, clients at all nodes    {row.Spread}\n  apportioned, clients at all nodes  {row.Apportioned}\n"
        + $"  ratio to tail only with clients at the tail {row.ToAtTail:0.00}, goal {(row.ToAtTail >= row.Least ? "met" : "missed")}: at least {row.Least:0.0}; with clients at all nodes {row.ToSpread:0.00}"));
}

/// <summary>
/// CRAQ's shape: three node processes, each with the same small share of a core, as a chain of which only the tail answers reads and as one of
/// which every link does. Total throughput is what counts; the client has the rest of the machine. The peer is the tail-only chain of
/// the paper, whose clients query the tail; one whose clients are spread over all nodes is shown beside it: their gateways do most of the work
/// of a small read, whoever answers it.
/// </summary>
internal sealed class ApportionedBenchmark(ApportionedOptions options, Output output)
{
    private static readonly (string What, LoadShape Shape, double Least, bool Reads)[] Loads =
    [
        ("95 % reads, 1,000 keys", new LoadShape(0, 1_000, 0.05, 256), 2.5, true),
        ("50 % writes, one key", new LoadShape(0, 1, 0.5, 256), 1, false),
    ];

    public async Task<ApportionedReport> RunAsync(CancellationToken stop)
    {
        var rows = new List<ApportionedRow>();
        foreach ((string what, LoadShape shape, double least, bool reads) in Loads.Where(load => options.Load == "both" || options.Load == (load.Reads ? "reads" : "writes")))
        {
            LoadShape load = shape with { Connections = options.Connections };
            // Rounds in turns, the best of each: what else the machine does only ever takes away.
            LoadResult? spread = null, atTail = null, apportioned = null;
            for (int round = 0; round < options.Rounds && !stop.IsCancellationRequested; round++)
            {
                spread = Better(spread, await MeasureAsync(what, load, apportioned: false, atTail: false));
                atTail = Better(atTail, await MeasureAsync(what, load, apportioned: false, atTail: true));
                apportioned = Better(apportioned, await MeasureAsync(what, load, apportioned: true, atTail: false));
            }

            stop.ThrowIfCancellationRequested();
            double Of(LoadResult result) => reads ? result.ReadsPerSecond : result.PerSecond;
            rows.Add(new ApportionedRow(what, spread!, atTail!, apportioned!, Of(apportioned!) / Of(atTail!), Of(apportioned!) / Of(spread!), least));
        }

        return new ApportionedReport(CpuShare.Kind, options.Share, rows);
    }

    private async Task<LoadResult> MeasureAsync(string what, LoadShape load, bool apportioned, bool atTail)
    {
        string settings = $$"""
            actorrepl.group-defaults { protocol = chain, shards = 1, replicas = 3 }
            actorrepl.chain.apportioned-reads = {{(apportioned ? "on" : "off")}}
            # A node that waits for its share is no dead link.
            actorrepl.chain { lease = 1 s, dead-after-beats = 30 }
            actorrepl.control.leader-settle = 1 d
            {{options.Config}}
            """;
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: settings, basePort: options.BasePort);
        int[] links = [];
        await ProcessCluster.UntilAsync(async () => (links = await Links.OfAsync(cluster, 0)).Length == 3, "the chain has three links");
        await RespLoad.FillAsync(cluster.Redis(links[0]), load);
        CpuShare[] shares = [.. links.Select(id => CpuShare.Limit(cluster.ProcessIdOf(id), options.Share))];
        try
        {
            IPEndPoint[] addresses = atTail ? [cluster.Redis(links[^1])] : [.. cluster.Ids.Select(cluster.Redis)];
            LoadResult result = await RespLoad.RunAsync(addresses, atTail ? load with { Connections = 3 * load.Connections } : load, options.WarmUp, options.Seconds);
            output.Progress($"{what}, {(apportioned ? "apportioned" : atTail ? "tail only, clients at the tail" : "tail only")}: {result}");
            output.Progress($"  head, middle, tail had used up their shares in {string.Join(", ", shares.Select(share => $"{share.Throttled():0 %}"))} of the time");
            if ((await Links.OfAsync(cluster, 0)).Length != 3)
                output.Progress("the chain has lost a link meanwhile: the share is too small for its heartbeats");
            return result;
        }
        finally
        {
            foreach (int id in cluster.Ids)
                await cluster.KillAsync(id);
            foreach (CpuShare share in shares)
                share.Dispose();
        }
    }

    private static LoadResult Better(LoadResult? one, LoadResult other) => one is null || other.PerSecond > one.PerSecond ? other : one;
}
