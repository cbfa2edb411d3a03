using System.Diagnostics;
using System.Text;
using ActorRepl.Benchmarks.Failover;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Benchmarks.Connections;

internal sealed record ConnectionsOptions(int Idle, int Active, int Deaf, TimeSpan Step, string Read);

/// <summary>One node, three steps: clients that work alone; beside idle ones; beside those and clients that never read.</summary>
internal sealed class ConnectionsBenchmark(NodeAccess access, NodePorts node, ConnectionsOptions options, Output output)
{
    private const int ValueBytes = 256, LargeBytes = 100_000, Keys = 10_000, DeafCommands = 20_000;
    private static readonly byte[] Get = "GET"u8.ToArray(), Set = "SET"u8.ToArray(), Ping = "PING"u8.ToArray(), Large = "large"u8.ToArray();

    private readonly List<RespClient> _open = [];

    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            await FillAsync(cancellation);
            RespClient[] active = await OpenAsync(options.Active, ["READ"u8.ToArray(), Encoding.ASCII.GetBytes(options.Read)], cancellation);
            await WorkAsync(active, cancellation);
            await StepAsync("alone", active, 0, await MemoryAsync(cancellation), cancellation);
            long before = await MemoryAsync(cancellation);
            await OpenAsync(options.Idle, [Ping], cancellation);
            await StepAsync($"beside {options.Idle:N0} idle", active, options.Idle, before, cancellation);
            before = await MemoryAsync(cancellation);
            await DeafenAsync(cancellation);
            await StepAsync($"and beside {options.Deaf:N0} that never read", active, options.Deaf, before, cancellation);
        }
        finally
        {
            foreach (RespClient client in _open)
                await client.DisposeAsync();
        }
    }

    private async Task FillAsync(CancellationToken cancellation)
    {
        RespClient client = (await OpenAsync(1, [Ping], cancellation))[0];
        await client.CallAsync(cancellation, Set, Large, new byte[LargeBytes]);
        for (int i = 0; i < Keys; i += 100)
        {
            for (int j = i; j < i + 100; j++)
                client.Write(Set, Key(j), new byte[ValueBytes]);
            await client.FlushAsync(cancellation);
            for (int j = 0; j < 100; j++)
                await client.ReadAsync(cancellation);
        }
    }

    private async Task<RespClient[]> OpenAsync(int count, ReadOnlyMemory<byte>[] first, CancellationToken cancellation)
    {
        var opened = new RespClient[count];
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = cancellation }, async (i, token) =>
        {
            opened[i] = await access.ConnectAsync(node, token);
            RespReply reply = await opened[i].CallAsync(token, first);
            if (reply.Kind == RespReplyKind.Error)
                throw new IOException(reply.Text);
        });
        _open.AddRange(opened);
        return opened;
    }

    // Each asks for far more than it will ever be sent; what the node does not take in stays in its sockets.
    private async Task DeafenAsync(CancellationToken cancellation)
    {
        foreach (RespClient deaf in await OpenAsync(options.Deaf, [Ping], cancellation))
        {
            for (int i = 0; i < DeafCommands; i++)
                deaf.Write(Get, Large);
            _ = deaf.FlushAsync(cancellation).AsTask();
        }
    }

    private async Task StepAsync(string name, RespClient[] active, int others, long before, CancellationToken cancellation)
    {
        await Task.Delay(1000, cancellation);
        double cpu = await CpuAsync(cancellation);
        (LatencyHistogram latency, double seconds) = await WorkAsync(active, cancellation);
        cpu = await CpuAsync(cancellation) - cpu;
        long memory = await MemoryAsync(cancellation);
        string each = others > 0 ? FormattableString.Invariant($", {(memory - before) / 1024.0 / others:N1} KiB each") : "";
        output.Result(FormattableString.Invariant(
            $"{active.Length:N0} active {name}: {latency.Count / seconds:N0} GETs/s, p50 {latency.Millis(0.5):N1} ms, p99 {latency.Millis(0.99):N1} ms, p99.9 {latency.Millis(0.999):N1} ms, {cpu * 1e6 / latency.Count:N1} us of the node's CPU each; memory {before >> 20} -> {memory >> 20} MiB{each}"));
    }

    private async Task<(LatencyHistogram Latency, double Seconds)> WorkAsync(RespClient[] active, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        LatencyHistogram[] each = await Task.WhenAll(active.Select((client, seed) => Task.Run(() => AskAsync(client, seed, started, cancellation), cancellation)));
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var all = new LatencyHistogram();
        foreach (LatencyHistogram one in each)
            all.Add(one);
        return (all, seconds);
    }

    private async Task<LatencyHistogram> AskAsync(RespClient client, int seed, long started, CancellationToken cancellation)
    {
        var random = new Random(seed);
        var latency = new LatencyHistogram();
        while (Stopwatch.GetElapsedTime(started) < options.Step)
        {
            long begin = Stopwatch.GetTimestamp();
            RespReply reply = await client.CallAsync(cancellation, Get, Key(random.Next(Keys)));
            latency.Add((long)Stopwatch.GetElapsedTime(begin).TotalNanoseconds);
            if (reply.Bytes.Length != ValueBytes)
                throw new IOException($"a GET is answered by {reply.Kind} of {reply.Bytes.Length} bytes");
        }

        return latency;
    }

    private static byte[] Key(int number) => Encoding.ASCII.GetBytes($"key:{number}");

    private async Task<long> MemoryAsync(CancellationToken cancellation) => (await StatusAsync(cancellation)).Process!.MemoryBytes;

    private async Task<double> CpuAsync(CancellationToken cancellation) => (await StatusAsync(cancellation)).Process!.CpuSeconds;

    private async Task<NodeStatus> StatusAsync(CancellationToken cancellation)
    {
        using var client = new NodeStatusClient(TimeSpan.FromSeconds(10), access);
        return await client.StatusAsync(node, cancellation);
    }
}
