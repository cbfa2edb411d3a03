using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;
using ActorRepl.MultiNode.Tests;

namespace ActorRepl.Benchmarks.Crdt;

/// <summary>Three node processes and so many small counters: the memory of each node as they become more, once nothing waits to be collected.</summary>
internal sealed class CrdtMemoryBenchmark(int counters, int? basePort)
{
    private const string Settings = "actorrepl.group-defaults { protocol = crdt, shards = 4, replicas = 3 }";

    // Those of one update are of one shard: their keys have the same part in braces.
    private const int Batch = 500, Places = 64, Steps = 10;

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(60) };

    public async Task<int> RunAsync()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: Settings, basePort: basePort);
        long began = Stopwatch.GetTimestamp();
        for (int step = 0; step <= Steps; step++)
        {
            int from = (int)((long)counters * (step - 1) / Steps), to = (int)((long)counters * step / Steps);
            if (step > 0)
                await AddAsync(cluster, from, to);
            NodeReport[] nodes = await SettledAsync(cluster);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{to:N0} counters after {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s: {string.Join(", ", nodes.Select(node => $"{node.Status!.Process!.MemoryBytes / 1e6:N0} MB, {node.Status.Process.CpuSeconds:0} s of CPU"))}"));
        }

        return 0;
    }

    private Task AddAsync(ProcessCluster cluster, int from, int to) => Parallel.ForEachAsync(
        Enumerable.Range(0, (to - from + Batch - 1) / Batch), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (batch, cancellation) =>
        {
            int first = from + batch * Batch;
            var body = new StringBuilder("{\"operations\":[");
            for (int i = first; i < Math.Min(first + Batch, to); i++)
                body.Append(CultureInfo.InvariantCulture, $"{(i == first ? "" : ",")}{{\"type\":\"counter\",\"key\":\"{{{first / Batch % Places}}}{i:D8}\",\"add\":1}}");
            using var content = new StringContent(body.Append("]}").ToString(), new MediaTypeHeaderValue("application/json"));
            using HttpResponseMessage response = await _http.PostAsync(new Uri(new NodePorts(cluster.BasePort, 1 + batch % 3).HttpAddress, "/crdt/kv"), content, cancellation);
            if (!response.IsSuccessStatusCode)
                throw new InvalidOperationException(await response.Content.ReadAsStringAsync(cancellation));
        });

    private static async Task<NodeReport[]> SettledAsync(ProcessCluster cluster)
    {
        NodeReport[] nodes = [];
        await ProcessCluster.UntilAsync(async () =>
        {
            nodes = await Task.WhenAll(cluster.Ids.Select(cluster.ReportAsync));
            return nodes.All(node => node.Status?.Groups.Single(group => group.Name == "kv").Local is { Count: > 0 } replicas
                && replicas.All(replica => replica.Spread is { KeptUpdates: 0 } spread && spread.Members.All(member => member is { Heard: true, Lacks: 0 })));
        }, "all nodes have the same");
        return nodes;
    }
}
