using System.Diagnostics;
using System.Net;
using System.Text;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Benchmarks.Chain;

/// <summary>What a load is made of.</summary>
/// <param name="Connections">To each address, each with one command under way.</param>
/// <param name="Keys">That are read and written, at random.</param>
/// <param name="Writes">The part of commands that write, 0 to 1.</param>
/// <param name="Size">Bytes of a value.</param>
internal sealed record LoadShape(int Connections, int Keys, double Writes, int Size);

/// <summary>What a load came to.</summary>
internal sealed record LoadResult(double ReadsPerSecond, double WritesPerSecond, double ReadP50, double ReadP99, double WriteP50, double WriteP99, long Failed)
{
    public double PerSecond => ReadsPerSecond + WritesPerSecond;

    public override string ToString() =>
        $"{PerSecond,7:0}/s (reads {ReadsPerSecond:0}/s p50 {ReadP50:0.00} p99 {ReadP99:0.00} ms; writes {WritesPerSecond:0}/s p50 {WriteP50:0.00} p99 {WriteP99:0.00} ms"
        + $"{(Failed > 0 ? $"; {Failed} failed" : "")})";
}

/// <summary>GET and SET by Redis clients, each with one command under way, for a while.</summary>
internal static class RespLoad
{
    /// <summary>Sets every key once.</summary>
    public static Task FillAsync(IPEndPoint address, LoadShape shape) => FillAsync(address, Keys(shape), Value(shape));

    /// <summary>Runs <paramref name="warmUp"/> without and <paramref name="seconds"/> with counting.</summary>
    public static async Task<LoadResult> RunAsync(IReadOnlyList<IPEndPoint> addresses, LoadShape shape, double warmUp, double seconds)
    {
        byte[][] keys = Keys(shape);
        byte[] value = Value(shape);
        var clock = Stopwatch.StartNew();
        Caller[] callers = [.. addresses.SelectMany(address => Enumerable.Range(0, shape.Connections).Select(_ => address))
            .Select((address, seed) => new Caller(address, shape, keys, value, seed, clock, warmUp, warmUp + seconds))];
        await Task.WhenAll(callers.Select(caller => Task.Run(caller.RunAsync)));
        var reads = new LatencyHistogram();
        var writes = new LatencyHistogram();
        foreach (Caller caller in callers)
        {
            reads.Add(caller.Reads);
            writes.Add(caller.Writes);
        }

        return new LoadResult(reads.Count / seconds, writes.Count / seconds, reads.Millis(0.5), reads.Millis(0.99), writes.Millis(0.5), writes.Millis(0.99), callers.Sum(caller => caller.Failed));
    }

    private static byte[][] Keys(LoadShape shape) => [.. Enumerable.Range(0, shape.Keys).Select(key => Encoding.ASCII.GetBytes($"key:{key:D9}"))];

    private static byte[] Value(LoadShape shape) => Encoding.ASCII.GetBytes(new string('x', shape.Size));

    private static async Task FillAsync(IPEndPoint address, byte[][] keys, byte[] value)
    {
        await using RespClient client = await RespClient.ConnectAsync(address);
        foreach (byte[][] some in keys.Chunk(100))
        {
            foreach (byte[] key in some)
                client.Write("SET"u8.ToArray(), key, value);
            await client.FlushAsync();
            foreach (byte[] _ in some)
            {
                if ((await client.ReadAsync()).Kind == RespReplyKind.Error)
                    throw new InvalidOperationException("a key cannot be set before the load");
            }
        }
    }

    private sealed class Caller(IPEndPoint address, LoadShape shape, byte[][] keys, byte[] value, int seed, Stopwatch clock, double from, double to)
    {
        private static readonly byte[] Get = "GET"u8.ToArray(), Set = "SET"u8.ToArray();

        public LatencyHistogram Reads { get; } = new();
        public LatencyHistogram Writes { get; } = new();
        public long Failed { get; private set; }

        public async Task RunAsync()
        {
            var random = new Random(seed);
            await using RespClient client = await RespClient.ConnectAsync(address);
            while (clock.Elapsed.TotalSeconds < to)
            {
                bool writes = random.NextDouble() < shape.Writes;
                byte[] key = keys[random.Next(keys.Length)];
                long began = Stopwatch.GetTimestamp();
                if (writes)
                    client.Write(Set, key, value);
                else
                    client.Write(Get, key);
                await client.FlushAsync();
                RespReply reply = await client.ReadAsync();
                double now = clock.Elapsed.TotalSeconds;
                if (now < from || now > to)
                    continue;
                if (reply.Kind == RespReplyKind.Error)
                    Failed++;
                else
                    (writes ? Writes : Reads).Add((long)Stopwatch.GetElapsedTime(began).TotalNanoseconds);
            }
        }
    }
}
