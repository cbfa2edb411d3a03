using System.Diagnostics;
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
        int stopping = await cluster.WhenLedAsync(0);
        int[] led = await cluster.LedByAsync(stopping);
        var writers = new ShardWriters(cluster, Writers, [.. cluster.Ids.Where(id => id != stopping)], led);
        await Task.Delay(TimeSpan.FromSeconds(1)); // the load before the stop
        long from = Stopwatch.GetTimestamp();
        await cluster.StopAsync(stopping);
        await Task.Delay(TimeSpan.FromSeconds(1)); // the load after it
        long to = Stopwatch.GetTimestamp();
        await writers.StopAsync();

        TimeSpan longest = led.Max(shard => writers.Times.LongestGap(shard, from, to));
        output.WriteLine($"{writers.Times.Count} writes; node {stopping} led {led.Length} shards; longest gap {longest.TotalMilliseconds:0} ms");
        Assert.Empty(writers.Failures);
        Assert.InRange(longest, TimeSpan.Zero, MostAllowed);
    }
}
