using System.Globalization;

namespace ActorRepl.Benchmarks.InProcess;

internal sealed record InProcessOptions(
    int[] Callers, int Shards, double Seconds, double WarmUp, int ValueBytes, int Keys, bool Reads, string Data, int BasePort, string? Config);

/// <summary>
/// Callers inside the process whose replica leads, in a closed loop: three node processes, each acknowledged write on the
/// disks of a majority. With several shards, each caller keeps to one shard and runs where that is led.
/// </summary>
internal sealed class InProcessBenchmark(InProcessOptions options)
{
    private const int Nodes = 3;

    public async Task<int> RunAsync()
    {
        var nodes = new List<NodeUnderTest>();
        try
        {
            for (int id = 1; id <= Nodes; id++)
                nodes.Add(new NodeUnderTest(id, Arguments(id)));
            await Task.WhenAll(nodes.Select(node => node.ReadyAsync()));
            Console.WriteLine($"processes {string.Join(", ", nodes.Select(node => node.Pid))}; {options.Shards} shards, {options.ValueBytes}-byte values, {options.Keys} keys, {options.Seconds} s each");
            Console.WriteLine("| callers | ops/s | p50 ms | p99 ms | p99.9 ms | CPU µs/op (user + system) | of it leaders | µs/batch | entries/record | records/write | B allocated/op | GCs, pause | switches/batch | page faults/op |");
            Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
            await MeasureAsync(nodes, options.Callers.Max(), options.WarmUp, print: false);
            foreach (int callers in options.Callers)
                await MeasureAsync(nodes, callers, options.Seconds, print: true);
            return 0;
        }
        finally
        {
            await Task.WhenAll(nodes.Select(node => Task.Run(node.Dispose)));
            Directory.Delete(options.Data, recursive: true);
        }
    }

    private async Task MeasureAsync(List<NodeUnderTest> nodes, int callers, double seconds, bool print)
    {
        Answer[] before = await AllAsync(nodes, node => node.StateAsync());
        int[][] places = Place(before, callers);
        Answer[] runs = await AllAsync(nodes, node => places[node.Id - 1] is { Length: > 0 } here
            ? node.AskAsync(new Order("run", here, seconds, options.ValueBytes, options.Keys, options.Reads))
            : Task.FromResult(new Answer()));
        Answer[] after = await AllAsync(nodes, node => node.StateAsync());
        if (print)
            Print(callers, places, runs, [.. after.Zip(before, (late, early) => late.Usage - early.Usage)]);
    }

    // Callers go round the shards; each goes to the process that leads its shard.
    private int[][] Place(Answer[] nodes, int callers)
    {
        var places = new List<int>[Nodes];
        for (int node = 0; node < Nodes; node++)
            places[node] = [];
        for (int caller = 0; caller < callers; caller++)
        {
            int shard = caller % options.Shards;
            int leader = Array.FindIndex(nodes, node => node.Leads.Contains(shard));
            places[leader < 0 ? throw new InvalidOperationException($"shard {shard} has no leader") : leader].Add(shard);
        }

        return [.. places.Select(place => place.ToArray())];
    }

    private static void Print(int callers, int[][] places, Answer[] runs, Usage[] used)
    {
        var latencies = new LatencyHistogram();
        foreach (Answer run in runs)
            latencies.Add(run.Latencies);
        double count = latencies.Count, seconds = runs.Max(run => run.Seconds);
        double user = used.Sum(node => node.User), system = used.Sum(node => node.System);
        double leaders = used.Where((_, node) => places[node].Length > 0).Sum(node => node.User + node.System);
        // Every entry is in a record of each replica.
        double entriesPerRecord = count * used.Length / Math.Max(1, used.Sum(node => node.Records));
        double recordsPerWrite = used.Sum(node => node.Records) / Math.Max(1.0, used.Sum(node => node.Writes));
        double batches = used.Max(node => (double)node.Records);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {callers} | {count / seconds:F0} | {latencies.Millis(0.5):F2} | {latencies.Millis(0.99):F2} | {latencies.Millis(0.999):F2} | {Micros(user + system):F1} ({Micros(user):F1} + {Micros(system):F1}) | {Micros(leaders):F1} | {(user + system) * 1e6 / batches:F0} | {entriesPerRecord:F1} | {recordsPerWrite:F2} | {used.Sum(node => node.Allocated) / count:F0} | {used.Sum(node => node.Collections)}, {used.Sum(node => node.Pauses) * 1000:F0} ms | {used.Sum(node => node.Switches) / batches:F0} | {used.Sum(node => node.Faults) / count:F2} |"));
        if (runs.Sum(run => run.Refused) is > 0 and long refused)
            Console.WriteLine($"{refused} calls were refused");

        double Micros(double spent) => spent * 1e6 / count;
    }

    private IEnumerable<string> Arguments(int id) =>
    [
        "in-process-node", "--id", $"{id}", "--shards", $"{options.Shards}", "--data", options.Data, "--base-port", $"{options.BasePort}",
        .. options.Config is null ? [] : (string[])["--config", options.Config],
    ];

    private static Task<Answer[]> AllAsync(IEnumerable<NodeUnderTest> nodes, Func<NodeUnderTest, Task<Answer>> ask) => Task.WhenAll(nodes.Select(ask));
}
