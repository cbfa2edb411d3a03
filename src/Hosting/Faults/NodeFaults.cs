using System.Globalization;
using ActorRepl.Actors.Faults;
using ActorRepl.Hosting.Status;
using ActorRepl.Persistence;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Faults;

/// <summary>The faults of one node: carries orders out, and says what is in force.</summary>
internal sealed class NodeFaults(ReplicaId self, string cluster, LinkFaults links, DiskFaults disk, Func<ReplicaId, bool> isKnown)
{
    /// <exception cref="UserErrorException">The order is wrong, or cannot be carried out here.</exception>
    public async Task<FaultsReport> SetAsync(FaultOrder order)
    {
        if (order.Mistake() is { } mistake)
            throw new UserErrorException(mistake);
        var to = new ReplicaId(order.To ?? 0);
        if (to == self || !to.IsNone && !isKnown(to))
            throw new UserErrorException($"--to is {to.Value}; it must be another node that node {self.Value} knows");
        long ends = FaultOrder.ParseTime(order.For, FaultOrder.MaxFor) is { } time ? Environment.TickCount64 + (long)time.TotalMilliseconds : long.MaxValue;
        try
        {
            return await SetAsync(order, to, ends).ConfigureAwait(false);
        }
        catch (Exception refused) when (refused is ArgumentException or InvalidOperationException or StorageException)
        {
            throw new UserErrorException(refused.Message);
        }
    }

    public FaultsReport Clear()
    {
        links.Clear();
        disk.Clear();
        return Report();
    }

    public FaultsReport Report() => new(self.Value, [.. links.Active.Select(Describe), .. disk.Active.Select(Describe)]);

    private async Task<FaultsReport> SetAsync(FaultOrder order, ReplicaId to, long ends)
    {
        TimeSpan time = FaultOrder.ParseTime(order.Amount, FaultOrder.MaxDelay) ?? default;
        switch (order.Kind)
        {
            case FaultOrder.Delay:
                links.Set(new LinkFault(LinkFaultKind.Delay, to) { Delay = time, Jitter = FaultOrder.ParseTime(order.Jitter, FaultOrder.MaxDelay) ?? default, Ends = ends });
                break;
            case FaultOrder.Drop:
                links.Set(new LinkFault(LinkFaultKind.Drop, to) { Probability = FaultOrder.ParseShare(order.Amount)!.Value, Ends = ends });
                break;
            case FaultOrder.Cut:
                links.Set(new LinkFault(LinkFaultKind.Cut, to) { Ends = ends });
                break;
            case FaultOrder.SlowSync:
                disk.Set(new DiskFault(DiskFaultKind.SlowSync) { By = time, Ends = ends });
                break;
            case FaultOrder.SyncError:
                disk.Set(new DiskFault(DiskFaultKind.SyncError) { Ends = ends });
                break;
            case FaultOrder.Full:
                disk.Set(new DiskFault(DiskFaultKind.Full) { Ends = ends });
                break;
            default:
                (string group, int shard) = FaultOrder.ParseShard(order.Shard)!.Value;
                string where = await disk.FlipBitAsync(PersistenceIds.Replica(cluster, self, group, shard), order.Record).ConfigureAwait(false);
                return Report() with { Done = $"flipped a bit of {where}" };
        }

        return Report();
    }

    private static FaultEntry Describe(LinkFault fault) => fault.Kind switch
    {
        LinkFaultKind.Delay => new FaultEntry(FaultOrder.Delay, fault.To.Value, Ms(fault.Delay) + (fault.Jitter > TimeSpan.Zero ? $" ± {Ms(fault.Jitter)}" : ""), Left(fault.Ends)),
        LinkFaultKind.Drop => new FaultEntry(FaultOrder.Drop, fault.To.Value, fault.Probability.ToString("0.####", CultureInfo.InvariantCulture), Left(fault.Ends)),
        _ => new FaultEntry(FaultOrder.Cut, fault.To.Value, "", Left(fault.Ends)),
    };

    private static FaultEntry Describe(DiskFault fault) => fault.Kind switch
    {
        DiskFaultKind.SlowSync => new FaultEntry(FaultOrder.SlowSync, null, Ms(fault.By), Left(fault.Ends)),
        DiskFaultKind.SyncError => new FaultEntry(FaultOrder.SyncError, null, "the next one", Left(fault.Ends)),
        _ => new FaultEntry(FaultOrder.Full, null, "", Left(fault.Ends)),
    };

    private static string Ms(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0.###} ms");

    private static double? Left(long ends) => ends == long.MaxValue ? null : Math.Max(0, ends - Environment.TickCount64) / 1000.0;
}
