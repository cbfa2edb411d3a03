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

    public async Task RunAsync(CancellationToken stop)
    {
        _ = LagGauge;
        ShardShipper[] shippers = [.. Enumerable.Range(0, group.Shards).Select(shard =>
            new ShardShipper(runtime.Client, runtime.Settings.Cluster, group, shard, new ShipTarget(system, [.. targets.Select(ShipTarget.PathOf)])))];
        while (!stop.IsCancellationRequested)
        {
            int[] mine = await OwnAsync(stop).ConfigureAwait(false);
            foreach (int other in Enumerable.Range(0, group.Shards).Except(mine))
                Lags.TryRemove((group.Name, other), out _);
            bool[] busy = await Task.WhenAll(mine.Select(shard => ShipAsync(shard, shippers[shard], stop))).ConfigureAwait(false);
            if (!busy.Any(any => any))
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
        catch (OperationCanceledException)
        {
            return [];
        }
    }

    private static ReplicaId ReaderOf(ReplicaStatus status) => status.Links.Count > 0 ? status.Links[^1] : status.Leader;

    private async Task<bool> ShipAsync(int shard, ShardShipper shipper, CancellationToken stop)
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
