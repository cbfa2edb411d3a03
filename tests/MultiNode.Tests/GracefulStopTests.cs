using System.Diagnostics;
using Xunit.Abstractions;

namespace ActorRepl.MultiNode.Tests;

/// <summary>A node that is told to stop gives its leadership away first: no write fails of those who write through the others.</summary>
public class GracefulStopTests(ITestOutputHelper output)
{
    private const int Writers = 16;

    // What a busy machine may take; the benchmark measures what an idle one does.
    private static readonly TimeSpan MostAllowed = TimeSpan.FromSeconds(2);

    // A slow disk ends no hand-over before it is done.
    private const string Settings = "actorrepl.hand-over-timeout = 10 s";

    [Fact]
    public async Task Stopping_the_leaders_node_hands_its_shards_over_and_fails_no_write()
    {
        await using ProcessCluster cluster = await ProcessCluster.StartAsync(settings: Settings);
        int stopping = await cluster.WhenLedAsync(0);
        int[] led = await cluster.LedByAsync(stopping);
        var writers = new ShardWriters(cluster, Writers, [.. cluster.Ids.Where(id => id != stopping)], led);
        await MoreAsync(writers, led);
        long from = Stopwatch.GetTimestamp();
        await cluster.StopAsync(stopping);
        await MoreAsync(writers, led);
        long to = Stopwatch.GetTimestamp();
        await writers.StopAsync();

        TimeSpan longest = led.Max(shard => writers.Times.LongestGap(shard, from, to));
        output.WriteLine($"{writers.Times.Count} writes; node {stopping} led {led.Length} shards; longest gap {longest.TotalMilliseconds:0} ms");
        Assert.Empty(writers.Failures);
        Assert.InRange(longest, TimeSpan.Zero, MostAllowed);
        Assert.DoesNotContain("Not every leadership was taken over", cluster.Log(stopping), StringComparison.Ordinal);
    }

    /// <summary>Waits until each of these shards has taken some more of every writer's writes.</summary>
    private static Task MoreAsync(ShardWriters writers, int[] shards)
    {
        int[] wanted = [.. shards.Select(shard => writers.Times.CountOf(shard) + 10 * Writers)];
        return ProcessCluster.UntilAsync(() => Task.FromResult(shards.Index().All(shard => writers.Times.CountOf(shard.Item) >= wanted[shard.Index])), "writes of the shards it led are acknowledged");
    }
}
