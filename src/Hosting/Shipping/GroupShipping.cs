using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using ActorRepl.Actors;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Shipping;

/// <summary>
/// Ships the shards of one group of which this node has the replica that answers linearizable reads: the tail of a chain, or the one that leads. One
/// batch a shard is under way; a shard whose target does not answer is tried again later.
/// </summary>
internal sealed class GroupShipping(ReplicationRuntime runtime, ActorSystem system, GroupInfo group, IReadOnlyList<string> targets, ILogger log)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(1);
    private static readonly Meter Meter = new("ActorRepl");
    private static readonly ConcurrentDictionary<(string Group, int Shard), long> Lags = [];

    // Held, so that it stays.
    private static readonly ObservableGauge<long> LagGauge = Meter.CreateObservableGauge("actorrepl.ship.lag", MeasureLags, "{entry}");

    private readonly ConcurrentDictionary<int, string> _said = [];
    private volatile int[] _mine = [];

    public async Task RunAsync(CancellationToken stop)
    {
        _ = LagGauge;
        ShardShipper[] shippers = [.. Enumerable.Range(0, group.Shards).Select(shard =>
            new ShardShipper(runtime.Client, runtime.Settings.Cluster, group, shard, new ShipTarget(system, [.. targets.Select(ShipTarget.PathOf)])))];
        await Task.WhenAll(shippers.Select((shipper, shard) => ShipAsync(shard, shipper, stop)).Append(LookAsync(stop))).ConfigureAwait(false);
    }

    /// <summary>Finds out which shards are this node's to ship, again and again.</summary>
    private async Task LookAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            _mine = await OwnAsync(stop).ConfigureAwait(false);
            foreach (int other in Enumerable.Range(0, group.Shards).Except(_mine))
                Lags.TryRemove((group.Name, other), out _);
            await Task.Delay(Look, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>One shard's, so that no shard waits for another.</summary>
    private async Task ShipAsync(int shard, ShardShipper shipper, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            if (!_mine.Contains(shard) || !await StepAsync(shard, shipper, stop).ConfigureAwait(false))
                await Task.Delay(Look, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static IEnumerable<Measurement<long>> MeasureLags() =>
        Lags.Select(lag => new Measurement<long>(lag.Value, new KeyValuePair<string, object?>("group", lag.Key.Group), new KeyValuePair<string, object?>("shard", lag.Key.Shard)));

    private async Task<int[]> OwnAsync(CancellationToken stop)
    {
        try
        {
            IReadOnlyList<ReplicaReport> local = await runtime.LocalReplicasAsync(stop).ConfigureAwait(false);
            return [.. local.Where(report => report.Group == group.Name && report.Status is { } status && ReaderOf(status) == report.Node).Select(report => report.Shard)];
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            if (!stop.IsCancellationRequested)
                log.LogWarning("Group {Group}: which shards are to be shipped from here is not known: {Reason}", group.Name, failure.Message);
            return [];
        }
    }

    private static ReplicaId ReaderOf(ReplicaStatus status) => status.Links.Count > 0 ? status.Links[^1] : status.Leader;

    private async Task<bool> StepAsync(int shard, ShardShipper shipper, CancellationToken stop)
    {
        try
        {
            bool shipped = await shipper.StepAsync(stop).ConfigureAwait(false);
            if (shipper.Lag is { } lag)
                Lags[(group.Name, shard)] = lag;
            if (_said.TryRemove(shard, out _))
                log.LogInformation("Group {Group}, shard {Shard}: changes are shipped again", group.Name, shard);
            return shipped;
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            if (stop.IsCancellationRequested)
                return false;
            if (_said.TryAdd(shard, failure.Message))
                log.LogWarning("Group {Group}, shard {Shard}: changes are not shipped, and tried again: {Reason}", group.Name, shard, failure.Message);
            await Task.Delay(AfterFailure, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return false;
        }
    }
}
