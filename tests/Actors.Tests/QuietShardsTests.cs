using System.Diagnostics.Metrics;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;
using ActorRepl.Protocols.Placement;

namespace ActorRepl.Actors.Tests;

/// <summary>Not beside others: what is counted is counted for the whole process.</summary>
[CollectionDefinition("alone", DisableParallelization = true)]
public sealed class Alone;

/// <summary>A hundred shards on three nodes: what nobody uses costs nothing, and is there when somebody does.</summary>
[Collection("alone")]
public sealed class QuietShardsTests : IDisposable
{
    private const int Shards = 100;

    // What a node has said it keeps must be there when it comes back.
    private readonly DiskData _data = new();

    private TestClusterOptions Options => new()
    {
        Config = _data.Config,
        Group = new TestClusterOptions().Group with
        {
            Shards = Shards,
            Protocol = new RaftFactory(RaftOptions.Default with { QuietAfterMicros = 300 * Instant.Millisecond, FirstReplicaLeadsFirst = true }),
        },
    };

    private readonly MeterListener _listener = new();
    private long _beats;
    private long _bundles;

    public QuietShardsTests()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "ActorRepl" && instrument.Name.StartsWith("actorrepl.multiplexer.", StringComparison.Ordinal))
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, count, _, _) =>
            Interlocked.Add(ref instrument.Name.EndsWith("beats", StringComparison.Ordinal) ? ref _beats : ref _bundles, count));
        _listener.Start();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _data.Dispose();
    }

    [Fact]
    public async Task Idle_shards_go_quiet_wake_on_a_request_and_fail_over_though_they_were_quiet()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options);
        string[] keys = KeysOfAllShards();
        foreach (string key in keys)
            await SetAsync(cluster[1], key, "1");
        await UntilQuietAsync();

        // Every shard: each of the others leads a third of them.
        foreach (string key in keys)
            Assert.Equal("1", await cluster[2].Client.GetAsync(key, timeout: Wait.Long));
        await SetAsync(cluster[2], keys[0], "2");
        Assert.Equal("2", await cluster[3].Client.GetAsync(keys[0], timeout: Wait.Long));
        await UntilQuietAsync();

        await cluster.TerminateAsync(3);
        await Task.WhenAll(keys.Select(key => SetAsync(cluster[1], key, "3")));
        Assert.Equal("3", await cluster[2].Client.GetAsync(keys[^1], timeout: Wait.Long));
        await UntilQuietAsync();

        await cluster.StartNodeAsync(3);
        Assert.Equal("3", await cluster[3].Client.GetAsync(keys[^1], timeout: Wait.Long));
        await UntilQuietAsync();
    }

    // No shard beats for a while in which the nodes do.
    private async Task UntilQuietAsync()
    {
        long beats = -1, bundles = 0;
        await Wait.UntilAsync(
            () =>
            {
                if (Interlocked.Read(ref _beats) != beats)
                    (beats, bundles) = (Interlocked.Read(ref _beats), Interlocked.Read(ref _bundles));
                return Interlocked.Read(ref _bundles) - bundles >= 30;
            },
            "no shard beats any more",
            TimeSpan.FromSeconds(60));
    }

    private static async Task SetAsync(TestNode node, string key, string value) =>
        await node.Client.OpenSession(KeyValue.Group).ExecuteAsync(KeyValue.Bytes(key), KeyValue.Set(key, value), new RequestOptions { Timeout = Wait.Long });

    private static string[] KeysOfAllShards()
    {
        var keys = new string?[Shards];
        for (int i = 0; keys.Contains(null); i++)
            keys[ShardHash.ShardOf(KeyValue.Bytes($"k{i}"), Shards, KeyPlacement.Braces)] ??= $"k{i}";
        return keys!;
    }
}
