using System.Diagnostics.Metrics;

namespace ActorRepl.Actors.Replica;

/// <summary>What the replicas of this process hand to the journal, as counters of the meter <c>ActorRepl</c>.</summary>
internal static class ReplicaMeter
{
    private static readonly Meter Meter = new("ActorRepl");

    /// <summary>Records of the write-ahead log, of all replicas; one holds all entries of one batch.</summary>
    public static readonly Counter<long> Records = Meter.CreateCounter<long>("actorrepl.wal.records", "{record}");

    /// <summary>Writes to the journal; one holds all records that waited.</summary>
    public static readonly Counter<long> Writes = Meter.CreateCounter<long>("actorrepl.wal.writes", "{write}");

    /// <summary>Entries that failovers took out of logs here.</summary>
    public static readonly Counter<long> Lost = Meter.CreateCounter<long>("actorrepl.lost.entries", "{entry}");

    /// <summary>Bytes of the records.</summary>
    public static readonly Counter<long> Bytes = Meter.CreateCounter<long>("actorrepl.wal.bytes", "By");

    /// <summary>Entries that were committed by leaders of this process: its rate is the commit rate.</summary>
    public static readonly Counter<long> Committed = Meter.CreateCounter<long>("actorrepl.entries.committed", "{entry}");

    /// <summary>How often a replica of this process took the lead of a shard over from another, planned or not.</summary>
    public static readonly Counter<long> Failovers = Meter.CreateCounter<long>("actorrepl.failovers", "{failover}");

    /// <summary>Commands acknowledged with less than was asked for, because too few answered in time.</summary>
    public static readonly Counter<long> Degraded = Meter.CreateCounter<long>("actorrepl.acknowledgements.degraded", "{command}");

    /// <summary>For how long the oldest entry that a follower lacks on disk has been in its leader's log; ten samples a second.</summary>
    public static readonly Histogram<double> Lag = Meter.CreateHistogram<double>("actorrepl.follower.lag", "s");

    /// <summary>Of the shards that are led here, by <see cref="Protocols.Kernel.ReplicaMode"/>'s number.</summary>
    public static readonly ShardModeTable Modes = new();

    // Held, so that it stays.
    private static readonly ObservableGauge<int> ModeGauge = Meter.CreateObservableGauge("actorrepl.shard.mode", Modes.Measure);
}
