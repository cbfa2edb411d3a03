using System.Collections.Concurrent;
using ActorRepl.Hosting.Cluster;

namespace ActorRepl.MultiNode.Tests;

/// <summary>
/// Clients that write one key each, over and over, one write under way at a time: a load on some shards by way of some
/// nodes. Who loses its node goes on to the next one.
/// </summary>
internal sealed class ShardWriters
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _all;

    /// <param name="nodes">Whom the writers talk to, in turns.</param>
    /// <param name="shards">What they write, in turns; each shard once by way of a node before the next node's turn.</param>
    public ShardWriters(ProcessCluster cluster, int writers, IReadOnlyList<int> nodes, IReadOnlyList<int> shards)
    {
        _all = Task.WhenAll(Enumerable.Range(0, writers).Select(i =>
            Task.Run(() => WriteAsync(cluster, nodes[i / shards.Count % nodes.Count], shards[i % shards.Count], $"writer-{i}"))));
    }

    public AcknowledgedTimes Times { get; } = new(Workload.Shards);

    /// <summary>What was answered to writes that were not acknowledged.</summary>
    public ConcurrentQueue<string> Failures { get; } = new();

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _all;
        _stop.Dispose();
    }

    private async Task WriteAsync(ProcessCluster cluster, int node, int shard, string name)
    {
        await using var client = new RetryingClient(cluster, node);
        string key = Workload.KeyOn(shard, name);
        for (int i = 0; !_stop.IsCancellationRequested; i++)
        {
            (Outcome outcome, RespReply reply) = await client.CallAsync("SET", key, $"{i}");
            if (outcome == Outcome.Acknowledged)
            {
                Times.Add(shard);
                continue;
            }

            Failures.Enqueue($"{key}: {outcome}, {(reply.Bytes is null ? "no answer" : reply.Text)}");
            // A node that is down refuses connections at once; do not spin on it.
            await Task.Delay(5);
        }
    }
}
