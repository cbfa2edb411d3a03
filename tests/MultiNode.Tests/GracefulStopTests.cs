using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Cluster;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>A node that is told to stop gives its leadership away first: who writes through the others notices next to nothing.</summary>
public class GracefulStopTests(ITestOutputHelper output)
{
    private const int Writers = 16;

    // What a busy machine may take; the benchmark measures what an idle one does.
    private static readonly TimeSpan MostAllowed = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task Stopping_the_leaders_node_fails_no_write_and_its_shards_go_on_at_once()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync();
        int stopping = await cluster.LeaderOfAsync(0) ?? throw new InvalidOperationException("shard 0 has no leader");
        var led = new List<int>();
        for (int shard = 0; shard < Workload.Shards; shard++)
        {
            if (await cluster.LeaderOfAsync(shard) == stopping)
                led.Add(shard);
        }

        int[] others = [.. cluster.Ids.Where(id => id != stopping)];
        var acknowledged = new ConcurrentBag<(int Shard, long At)>();
        var failures = new ConcurrentBag<string>();
        using var stop = new CancellationTokenSource();
        Task[] writers = [.. Enumerable.Range(0, Writers).Select(i => WriteAsync(cluster, others[i % others.Length], led[i % led.Count], acknowledged, failures, stop.Token))];
        await Task.Delay(TimeSpan.FromSeconds(1)); // the load before the stop
        long from = Stopwatch.GetTimestamp();
        await cluster.StopAsync(stopping);
        await Task.Delay(TimeSpan.FromSeconds(1)); // the load after it
        long to = Stopwatch.GetTimestamp();
        await stop.CancelAsync();
        await Task.WhenAll(writers);

        TimeSpan longest = led.Max(shard => LongestGap(acknowledged.Where(write => write.Shard == shard).Select(write => write.At), from, to));
        output.WriteLine($"{acknowledged.Count} writes; node {stopping} led {led.Count} shards; longest gap {longest.TotalMilliseconds:0} ms");
        Assert.Empty(failures);
        Assert.InRange(longest, TimeSpan.Zero, MostAllowed);
    }

    private static async Task WriteAsync(
        ProcessCluster cluster, int node, int shard, ConcurrentBag<(int, long)> acknowledged, ConcurrentBag<string> failures, CancellationToken stop)
    {
        await using RespClient client = await RespClient.ConnectAsync(cluster.Redis(node), CancellationToken.None);
        byte[] key = Encoding.UTF8.GetBytes(KeyOn(shard));
        for (int i = 0; !stop.IsCancellationRequested; i++)
        {
            client.Write("SET"u8.ToArray(), key, Encoding.UTF8.GetBytes($"{i}"));
            await client.FlushAsync(CancellationToken.None);
            RespReply reply = await client.ReadAsync(CancellationToken.None);
            if (reply.Kind == RespReplyKind.Error)
                failures.Add(reply.Text);
            else
                acknowledged.Add((shard, Stopwatch.GetTimestamp()));
        }
    }

    private static TimeSpan LongestGap(IEnumerable<long> times, long from, long to)
    {
        long last = from, longest = 0;
        foreach (long at in times.Where(at => at >= from && at <= to).Order().Append(to))
        {
            longest = Math.Max(longest, at - last);
            last = at;
        }

        return Stopwatch.GetElapsedTime(0, longest);
    }

    private static string KeyOn(int shard)
    {
        for (int salt = 0; ; salt++)
        {
            string key = $"graceful-{salt}";
            if (ShardHash.ShardOf(Encoding.UTF8.GetBytes(key), Workload.Shards) == shard)
                return key;
        }
    }
}
