using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ActorRepl.Hosting.Cluster;
using ActorRepl.Hosting.Status;

namespace ActorRepl.Fuzz;

/// <summary>What a run of the fuzzer found. Times in ms, memory in bytes.</summary>
/// <param name="Hung">Connections that the node did not close within <see cref="Fuzzer.Patience"/> of their end.</param>
/// <param name="GoodCalls">By a client that behaves, meanwhile.</param>
/// <param name="SlowestGoodMs">The longest that one of its calls took.</param>
public sealed record FuzzReport(
    string Port, ulong Seed, long Inputs, long Connections, long Hung, double Seconds, long GoodCalls, long GoodFailed, double SlowestGoodMs, long MemoryBefore, long MemoryAfter, bool SameProcess, bool Ready)
{
    /// <summary>No crash, no hang, no good client that suffered, memory level.</summary>
    public bool IsGood => SameProcess && Ready && Hung == 0 && GoodFailed == 0 && GoodCalls > 0 && MemoryAfter - MemoryBefore < Fuzzer.MemoryAllowance;

    public override string ToString() => FormattableString.Invariant(
        $"{Port}: seed {Seed}: {Inputs:N0} malformed inputs over {Connections:N0} connections in {Seconds:N1} s, {Hung} hung; a good client beside: {GoodCalls:N0} calls, {GoodFailed} failed, slowest {SlowestGoodMs:N0} ms; memory {MemoryBefore >> 20} -> {MemoryAfter >> 20} MiB; {(SameProcess ? "the process lives" : "THE PROCESS IS ANOTHER")}{(Ready ? "" : ", and is not ready")}");
}

/// <summary>Sends broken inputs to a port of a running node, from several connections at once, while a client that behaves uses it.</summary>
/// <param name="name">Of the port, for the report.</param>
/// <param name="port">Where the inputs go, on 127.0.0.1.</param>
/// <param name="node">The ports of the same node.</param>
/// <param name="access">How the client that behaves talks to it; null: openly.</param>
/// <param name="perConnection">Inputs that share a connection, as long as the node leaves it open.</param>
internal sealed class Fuzzer(string name, int port, NodePorts node, IReadOnlyList<byte[]> corpus, int perConnection, NodeAccess? access = null)
{
    public const long MemoryAllowance = 256L << 20;
    private const int Lanes = 8;
    private const int MostSplits = 3;

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly NodeAccess _access = access ?? NodeAccess.Open;
    private long _inputs;
    private long _connections;
    private long _hung;

    public async Task<FuzzReport> RunAsync(ulong seed, long inputs)
    {
        // What the first connections leave behind, compiled code and buffers, is not growth.
        await SendAllAsync(seed ^ ulong.MaxValue, Math.Min(inputs / 10, 20_000)).ConfigureAwait(false);
        _inputs = _connections = _hung = 0;
        NodeStatus before = await StatusAsync().ConfigureAwait(false);
        using var done = new CancellationTokenSource();
        Task<(long Calls, long Failed, double Slowest)> good = CallAsync(done.Token);
        long started = Stopwatch.GetTimestamp();
        await SendAllAsync(seed, inputs).ConfigureAwait(false);
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        await done.CancelAsync().ConfigureAwait(false);
        (long calls, long failed, double slowest) = await good.ConfigureAwait(false);
        NodeStatus after = await StatusAsync().ConfigureAwait(false);
        // A shard may be between two leaders at any moment, malformed inputs or none.
        for (long until = Environment.TickCount64 + (long)Patience.TotalMilliseconds; !after.Ready && Environment.TickCount64 < until; after = await StatusAsync().ConfigureAwait(false))
            await Task.Delay(100).ConfigureAwait(false);
        return new FuzzReport(name, seed, _inputs, _connections, _hung, seconds, calls, failed, slowest,
            before.Process!.MemoryBytes, after.Process!.MemoryBytes, before.Node.Pid == after.Node.Pid, after.Ready);
    }

    private async Task<NodeStatus> StatusAsync()
    {
        using var client = new NodeStatusClient(Patience, _access);
        return await client.StatusAsync(node, CancellationToken.None).ConfigureAwait(false);
    }

    private Task SendAllAsync(ulong seed, long inputs) => Task.WhenAll(Enumerable.Range(0, Lanes).Select(lane => Task.Run(async () =>
    {
        var mutator = new Mutator(seed * Lanes + (ulong)lane);
        for (long left = inputs / Lanes; left > 0; left -= perConnection)
            await ConnectAsync(mutator, (int)Math.Min(left, perConnection)).ConfigureAwait(false);
    })));

    private async Task ConnectAsync(Mutator mutator, int inputs)
    {
        byte[][] broken = [.. Enumerable.Range(0, inputs).Select(_ => mutator.Mutate(corpus))];
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(true, 0) };
        await socket.ConnectAsync(IPAddress.Loopback, port).ConfigureAwait(false);
        Interlocked.Increment(ref _connections);
        Interlocked.Add(ref _inputs, inputs);
        Task answers = DrainAsync(socket);
        try
        {
            foreach (byte[] input in broken)
            {
                ReadOnlyMemory<byte> rest = input;
                for (int splits = mutator.Below(MostSplits); splits > 0 && rest.Length > 1; splits--)
                {
                    int part = 1 + mutator.Below(rest.Length - 1);
                    await socket.SendAsync(rest[..part]).ConfigureAwait(false);
                    rest = rest[part..];
                }

                await socket.SendAsync(rest).ConfigureAwait(false);
            }

            socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The node has closed it, which is its right.
        }

        try
        {
            await answers.WaitAsync(Patience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Interlocked.Increment(ref _hung);
        }
    }

    private static async Task DrainAsync(Socket socket)
    {
        byte[] buffer = new byte[16 * 1024];
        try
        {
            while (await socket.ReceiveAsync(buffer).ConfigureAwait(false) > 0)
            {
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // As good as an end.
        }
    }

    private async Task<(long Calls, long Failed, double Slowest)> CallAsync(CancellationToken done)
    {
        long calls = 0, failed = 0;
        double slowest = 0;
        await using RespClient client = await _access.ConnectAsync(node, CancellationToken.None).ConfigureAwait(false);
        while (!done.IsCancellationRequested)
        {
            long started = Stopwatch.GetTimestamp();
            byte[] value = System.Text.Encoding.ASCII.GetBytes($"{calls}");
            RespReply set = await client.CallAsync(CancellationToken.None, "SET"u8.ToArray(), "good"u8.ToArray(), value).ConfigureAwait(false);
            RespReply got = await client.CallAsync(CancellationToken.None, "GET"u8.ToArray(), "good"u8.ToArray()).ConfigureAwait(false);
            slowest = Math.Max(slowest, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            calls++;
            if (set.Text != "OK" || !got.Bytes.AsSpan().SequenceEqual(value))
                failed++;
        }

        return (calls, failed, slowest);
    }
}
