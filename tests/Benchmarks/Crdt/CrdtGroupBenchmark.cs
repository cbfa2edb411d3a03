using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using ActorRepl.Hosting.Cluster;
using ActorRepl.MultiNode.Tests;

namespace ActorRepl.Benchmarks.Crdt;

/// <summary>
/// Three node processes of a CRDT group: values added to one map until all nodes show them, increments through the Redis port, and counters that two
/// sides have changed while they were cut off from each other, from the heal until both show all.
/// </summary>
internal sealed class CrdtGroupBenchmark(int values, int keys, int rounds, int? basePort)
{
    private const string Settings = """
        actorrepl.group-defaults { protocol = crdt, shards = 4, replicas = 3 }
        actorrepl.faults.enabled = on
        """;

    private const int Chunk = 1_000;
    private const int Fields = 100;

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };

    public async Task<int> RunAsync()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: Settings, basePort: basePort);
        await IncrementAsync(cluster, 1, "warm", 20_000); // code is compiled
        foreach (int together in (int[])[1, 100])
            await MapAsync(cluster, $"warm-{together}", values, together);
        await FieldsAsync(cluster, "warm-hash", values);
        for (int round = 1; round <= rounds; round++)
        {
            foreach (int together in (int[])[1, 100])
                await TimedAsync(cluster, $"{values} values into one map of {Fields} sets by HTTP, {together} an update", () => MapAsync(cluster, $"map-{together}-{round}", values, together));
            await TimedAsync(cluster, $"{values} fields into one map by one Redis connection, one an update", () => FieldsAsync(cluster, $"hash-{round}", values));
        }

        if (keys == 0)
            return 0;
        double increments = await IncrementAsync(cluster, 2, "fast", keys);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{keys} counters incremented by one connection, {Chunk} at a time, each durable: {keys / increments:0} a second"));
        await DivergeAsync(cluster);
        return 0;
    }

    /// <summary>Says how long it took until all three nodes show it, and what the processor was busy for it: what others do on the machine makes the first longer, not the second.</summary>
    private static async Task TimedAsync(ProcessCluster cluster, string what, Func<Task<double>> work)
    {
        double nodes = Cpu(cluster.Ids.Select(cluster.ProcessIdOf)), client = Cpu([Environment.ProcessId]);
        double seconds = await work();
        (nodes, client) = (Cpu(cluster.Ids.Select(cluster.ProcessIdOf)) - nodes, Cpu([Environment.ProcessId]) - client);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}, until all three nodes show them: {seconds:0.00} s; processor: nodes {nodes:0.00} s, client {client:0.00} s"));
    }

    private static double Cpu(IEnumerable<int> processes) => processes.Sum(id =>
    {
        using Process process = Process.GetProcessById(id);
        return process.TotalProcessorTime.TotalSeconds;
    });

    private async Task<double> MapAsync(ProcessCluster cluster, string name, int count, int together)
    {
        long began = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(Enumerable.Range(0, count / together), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (batch, cancellation) =>
        {
            var operations = Enumerable.Range(batch * together, together).Select(i => new { field = $"{i % Fields}", kind = "set", insert = $"value {i}" });
            using HttpResponseMessage response = await _http.PostAsJsonAsync(UriOf(cluster, 1, $"/crdt/kv/map/{name}"), new { operations }, cancellation);
            if (!response.IsSuccessStatusCode)
                throw new InvalidOperationException(await response.Content.ReadAsStringAsync(cancellation));
        });
        foreach (int node in cluster.Ids)
        {
            while (await CountAsync(node) < count)
                await Task.Delay(10);
        }

        return Stopwatch.GetElapsedTime(began).TotalSeconds;

        async Task<int> CountAsync(int node) => (await _http.GetFromJsonAsync<JsonElement>(UriOf(cluster, node, $"/crdt/kv/map/{name}")))
            .GetProperty("value").EnumerateArray().Sum(field => field.GetProperty("value").GetArrayLength());
    }

    private static async Task<double> FieldsAsync(ProcessCluster cluster, string name, int count)
    {
        long began = Stopwatch.GetTimestamp();
        using (var connection = new Pipelined(cluster.Redis(1)))
        {
            for (int from = 0; from < count; from += Chunk)
                await connection.SendAsync(Enumerable.Range(from, Math.Min(Chunk, count - from)).Select(i => $"HSET {name} f{i} value-{i}\r\n"), countsNil: true);
        }

        foreach (int node in cluster.Ids)
        {
            await using RespClient client = await RespClient.ConnectAsync(cluster.Redis(node));
            while ((await client.CallAsync(default, [Encoding.UTF8.GetBytes("HLEN"), Encoding.UTF8.GetBytes(name)])).Integer < count)
                await Task.Delay(10);
        }

        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private async Task DivergeAsync(ProcessCluster cluster)
    {
        await cluster.FaultAsync(1, "kind=cut");
        await cluster.FaultAsync(2, "kind=cut&to=1");
        await cluster.FaultAsync(3, "kind=cut&to=1");
        await Task.WhenAll(IncrementAsync(cluster, 1, "left", keys / 2), IncrementAsync(cluster, 2, "right", keys / 2));
        foreach (int node in cluster.Ids)
            await cluster.FaultAsync(node, "kind=clear");
        long began = Stopwatch.GetTimestamp();
        await Task.WhenAll(AllThereAsync(cluster, 1, "right", began), AllThereAsync(cluster, 2, "left", began), AllThereAsync(cluster, 3, "left", began));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{keys} counters changed on two sides that were cut off from each other: {Stopwatch.GetElapsedTime(began).TotalSeconds:0.00} s after the heal all three nodes have shown all"));
    }

    /// <summary>Reads all keys again and again from where one is missing.</summary>
    private async Task AllThereAsync(ProcessCluster cluster, int node, string name, long began)
    {
        using var connection = new Pipelined(cluster.Redis(node));
        for (int from = 0; from < keys / 2;)
        {
            int there = await connection.SendAsync(Enumerable.Range(from, Math.Min(Chunk, keys / 2 - from)).Select(i => $"GET {name}:{i}\r\n"), countsNil: false);
            from += there;
            if (there < Chunk)
                await Task.Delay(5);
            if (Stopwatch.GetElapsedTime(began) > TimeSpan.FromMinutes(1))
                throw new TimeoutException($"a minute after the heal node {node} has not {name}:{from}");
        }
    }

    private static async Task<double> IncrementAsync(ProcessCluster cluster, int node, string name, int count)
    {
        using var connection = new Pipelined(cluster.Redis(node));
        long began = Stopwatch.GetTimestamp();
        for (int from = 0; from < count; from += Chunk)
            await connection.SendAsync(Enumerable.Range(from, Math.Min(Chunk, count - from)).Select(i => $"INCR {name}:{i}\r\n"), countsNil: true);
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static Uri UriOf(ProcessCluster cluster, int node, string path) => new(new NodePorts(cluster.BasePort, node).HttpAddress, path);

    /// <summary>One connection of a Redis client that sends many commands before it reads the replies.</summary>
    private sealed class Pipelined : IDisposable
    {
        private readonly TcpClient _client;
        private readonly StreamReader _replies;

        public Pipelined(IPEndPoint address)
        {
            _client = new TcpClient();
            _client.Connect(address);
            _client.NoDelay = true;
            _replies = new StreamReader(_client.GetStream(), Encoding.Latin1, bufferSize: 1 << 16);
        }

        /// <summary>How many replies came before the first that is nil, or all if nil counts.</summary>
        public async Task<int> SendAsync(IEnumerable<string> commands, bool countsNil)
        {
            string[] all = [.. commands];
            await _client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(string.Concat(all)));
            int good = 0;
            bool nil = false;
            for (int i = 0; i < all.Length; i++)
            {
                string line = await _replies.ReadLineAsync() ?? throw new IOException("the node has closed the connection");
                if (line[0] == '-')
                    throw new InvalidOperationException(line);
                if (line[0] == '$' && line != "$-1")
                    await _replies.ReadLineAsync();
                nil |= line == "$-1" && !countsNil;
                good += nil ? 0 : 1;
            }

            return good;
        }

        public void Dispose() => _client.Dispose();
    }
}
