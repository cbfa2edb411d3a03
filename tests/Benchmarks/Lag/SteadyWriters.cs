using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.Benchmarks.Lag;

/// <summary>
/// Connections that together write at a steady rate: each sends what is due by the clock in one go, and then waits for the
/// answers. What it cannot do in time it does not make up for beyond a bounded burst.
/// </summary>
internal sealed class SteadyWriters : IAsyncDisposable
{
    // Up to so much of the rate is made up for: a pause of the machine is no lower rate.
    private const double MostBurstSeconds = 0.2;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(2);

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _all;
    private readonly byte[] _value;
    private readonly int _keys;
    private readonly double _rate;
    private long _acknowledged;
    private long _failed;
    private string? _failure;

    /// <param name="nodes">Whom the connections talk to, in turns.</param>
    /// <param name="rate">Writes a second, of all connections together.</param>
    /// <param name="size">Bytes of a value.</param>
    public SteadyWriters(IReadOnlyList<IPEndPoint> nodes, int connections, double rate, int size, int keys)
    {
        (_rate, _keys, _value) = (rate / connections, keys, Encoding.ASCII.GetBytes(new string('x', size)));
        _all = Task.WhenAll(Enumerable.Range(0, connections).Select(i => Task.Run(() => WriteAsync(nodes[i % nodes.Count], new Random(i)))));
    }

    public long Acknowledged => Volatile.Read(ref _acknowledged);

    public long Failed => Volatile.Read(ref _failed);

    /// <summary>What the last write that failed was told.</summary>
    public string? Failure => Volatile.Read(ref _failure);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _all;
        _stop.Dispose();
    }

    private async Task WriteAsync(IPEndPoint node, Random random)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using RespClient client = await RespClient.ConnectAsync(node);
                await WriteAsync(client, random);
            }
            catch (Exception lost) when (lost is IOException or SocketException)
            {
                Fail(lost.Message);
                await Task.Delay(Tick); // a node that is down refuses at once
            }
        }
    }

    private async Task WriteAsync(RespClient client, Random random)
    {
        long last = Stopwatch.GetTimestamp();
        double due = 0;
        while (!_stop.IsCancellationRequested)
        {
            long now = Stopwatch.GetTimestamp();
            due = Math.Min(due + _rate * Stopwatch.GetElapsedTime(last, now).TotalSeconds, _rate * MostBurstSeconds);
            last = now;
            int count = (int)due;
            due -= count;
            for (int i = 0; i < count; i++)
                client.Write("SET"u8.ToArray(), Encoding.ASCII.GetBytes($"key:{random.Next(_keys):D12}"), _value);
            await client.FlushAsync();
            for (int i = 0; i < count; i++)
            {
                RespReply reply = await client.ReadAsync();
                if (reply.Kind == RespReplyKind.Error)
                    Fail(reply.Text);
                else
                    Interlocked.Increment(ref _acknowledged);
            }

            await Task.Delay(Tick);
        }
    }

    private void Fail(string why)
    {
        Interlocked.Increment(ref _failed);
        Volatile.Write(ref _failure, why);
    }
}
