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
}
