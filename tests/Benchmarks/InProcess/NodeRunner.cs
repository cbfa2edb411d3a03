using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Hosting;
using ActorRepl.Hosting.Node;
using ActorRepl.Protocols.Machines;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Benchmarks.InProcess;

/// <summary>One node of the benchmark's cluster, with the callers in it: does what comes on standard input until that ends.</summary>
internal sealed partial class NodeRunner(Action<ActorReplOptions> configure)
{
    private const string Group = "kv";

    // struct rusage of 64-bit Linux, as a row of longs.
    private const int ResourceFields = 32;
    private const int MinorFaults = 8;
    private const int VoluntarySwitches = 16;
    private readonly Dictionary<string, long> _counters = [];

    public async Task<int> RunAsync()
    {
        using MeterListener listener = Listen();
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.SetMinimumLevel(LogLevel.Error).AddSimpleConsole(console => console.SingleLine = true)
            .Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddActorRepl(configure);
        using IHost host = builder.Build();
        await host.StartAsync();
        while (await Console.In.ReadLineAsync() is { } line)
        {
            Order order = JsonSerializer.Deserialize<Order>(line)!;
            Answer answer = order.What switch
            {
                "state" => await StateAsync(host.Services.GetRequiredService<NodeService>()),
                "run" => await CallersAsync(host.Services.GetRequiredService<IReplicationClient>(), order),
                _ => throw new InvalidOperationException($"unknown order {order.What}"),
            };
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(answer));
        }

        await host.StopAsync();
        return 0;
    }

    private async Task<Answer> StateAsync(NodeService node)
    {
        // Founders first agree on whom the cluster has.
        if (node.Runtime is not { } runtime)
            return new Answer { Missing = "the node is starting", Leads = [], Usage = Used() };
        IReadOnlyList<ReplicaReport> replicas = await runtime.LocalReplicasAsync();
        IReadOnlyList<string> missing = NodeService.Missing(replicas);
        return new Answer
        {
            Missing = missing.Count == 0 ? null : string.Join("; ", missing),
            Leads = [.. replicas.Where(replica => replica.Status?.Leader == replica.Node).Select(replica => replica.Shard)],
            Usage = Used(),
        };
    }

    // A closed loop a caller; order.Callers says on which shard each of them is.
    private static async Task<Answer> CallersAsync(IReplicationClient client, Order order)
    {
        long begin = Stopwatch.GetTimestamp();
        long end = begin + (long)(order.Seconds * Stopwatch.Frequency);
        byte[][] keys = [.. Enumerable.Range(0, order.Keys).Select(key => Encoding.ASCII.GetBytes($"key:{key:D12}"))];
        (LatencyHistogram Latencies, long Refused)[] runs = await Task.WhenAll(order.Callers!.Select((shard, number) => Task.Run(() => CallAsync(client, order, keys, shard, number, end))));
        var all = new LatencyHistogram();
        foreach ((LatencyHistogram one, _) in runs)
            all.Add(one);
        return new Answer { Latencies = all.Buckets(), Refused = runs.Sum(run => run.Refused), Seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds };
    }

    private static async Task<(LatencyHistogram Latencies, long Refused)> CallAsync(IReplicationClient client, Order order, byte[][] keys, int shard, int number, long end)
    {
        var random = new Random(number);
        var latencies = new LatencyHistogram();
        byte[] value = new byte[order.ValueBytes];
        random.NextBytes(value);
        var payload = new KeyValuePayload();
        long refused = 0;
        for (long before = Stopwatch.GetTimestamp(); before < end;)
        {
            payload.Clear();
            byte[] key = keys[random.Next(keys.Length)];
            try
            {
                if (order.Reads)
                    await client.QueryShardAsync(Group, shard, payload.Get(key).Written);
                else
                    await client.ExecuteOnShardAsync(Group, shard, payload.Set(key, value).Written);
            }
            catch (ReplicationException)
            {
                refused++;
                continue;
            }

            long after = Stopwatch.GetTimestamp();
            latencies.Add((long)((after - before) * (1e9 / Stopwatch.Frequency)));
            before = after;
        }

        return (latencies, refused);
    }

    private MeterListener Listen()
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "ActorRepl")
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, more, _, _) =>
        {
            lock (_counters)
                _counters[instrument.Name] = _counters.GetValueOrDefault(instrument.Name) + more;
        });
        listener.Start();
        return listener;
    }

    private Usage Used()
    {
        Environment.ProcessCpuUsage cpu = Environment.CpuUsage;
        Span<long> kernel = stackalloc long[ResourceFields];
        kernel.Clear();
        if (OperatingSystem.IsLinux())
            _ = GetResourceUsage(0, ref kernel[0]);
        lock (_counters)
        {
            return new Usage
            {
                User = cpu.UserTime.TotalSeconds,
                System = cpu.PrivilegedTime.TotalSeconds,
                Allocated = GC.GetTotalAllocatedBytes(),
                Collections = GC.CollectionCount(0),
                Pauses = GC.GetTotalPauseDuration().TotalSeconds,
                Switches = kernel[VoluntarySwitches],
                Faults = kernel[MinorFaults],
                Records = _counters.GetValueOrDefault("actorrepl.wal.records"),
                Writes = _counters.GetValueOrDefault("actorrepl.wal.writes"),
                WrittenBytes = _counters.GetValueOrDefault("actorrepl.wal.bytes"),
            };
        }
    }

    [LibraryImport("libc", EntryPoint = "getrusage")]
    private static partial int GetResourceUsage(int who, ref long usage);
}
