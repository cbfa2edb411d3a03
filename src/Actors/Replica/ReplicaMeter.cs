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

    /// <summary>Keys that differed between replicas and were exchanged, where replicas repair each other.</summary>
    public static readonly Counter<long> Repaired = Meter.CreateCounter<long>("actorrepl.repair.keys", "{key}");

    /// <summary>Keys that were compared for that.</summary>
    public static readonly Counter<long> Compared = Meter.CreateCounter<long>("actorrepl.repair.compared", "{key}");

    /// <summary>Of replicas here: bytes of what others have missed, parts per thousand of the ring, ranges that are still to come.</summary>
    public static readonly ReplicaGauges Hints = new(), HintCount = new(), HintAge = new(), Share = new(), Incoming = new();

    /// <summary>What other nodes sent and was not taken, because its time was too far ahead of the clock here.</summary>
    public static readonly Counter<long> Ahead = Meter.CreateCounter<long>("actorrepl.clock.refused", "{version}");

    /// <summary>Of replicas here whose members all take changes: updates and bytes that are kept because a member may lack them, and the most updates that any lacks.</summary>
    public static readonly ReplicaGauges KeptUpdates = new(), KeptBytes = new(), Unseen = new(), Tags = new();

    /// <summary>Updates that could not be carried out; parts of updates that could not be merged; messages of members that could not be read.</summary>
    public static readonly Counter<long> Refused = Meter.CreateCounter<long>("actorrepl.updates.refused", "{update}"),
        Unreadable = Meter.CreateCounter<long>("actorrepl.updates.unreadable", "{part}"), Nonsense = Meter.CreateCounter<long>("actorrepl.messages.unreadable", "{message}");

    private static readonly ObservableGauge<long> KeptUpdatesGauge = Meter.CreateObservableGauge("actorrepl.updates.kept", KeptUpdates.Measure, "{update}");
    private static readonly ObservableGauge<long> KeptBytesGauge = Meter.CreateObservableGauge("actorrepl.updates.kept.bytes", KeptBytes.Measure, "By");
    private static readonly ObservableGauge<long> UnseenGauge = Meter.CreateObservableGauge("actorrepl.updates.unseen", Unseen.Measure, "{update}");
    private static readonly ObservableGauge<long> TagsGauge = Meter.CreateObservableGauge("actorrepl.updates.tags", Tags.Measure, "{tag}");

    private static readonly ObservableGauge<long> HintsGauge = Meter.CreateObservableGauge("actorrepl.hints.bytes", Hints.Measure, "By");
    private static readonly ObservableGauge<long> HintCountGauge = Meter.CreateObservableGauge("actorrepl.hints.kept", HintCount.Measure, "{hint}");
    private static readonly ObservableGauge<long> HintAgeGauge = Meter.CreateObservableGauge("actorrepl.hints.age", HintAge.Measure, "s");
    private static readonly ObservableGauge<long> ShareGauge = Meter.CreateObservableGauge("actorrepl.ring.share", Share.Measure, "{permille}");
    private static readonly ObservableGauge<long> IncomingGauge = Meter.CreateObservableGauge("actorrepl.ring.incoming", Incoming.Measure, "{range}");

    /// <summary>Of the shards that are led here, by <see cref="Protocols.Kernel.ReplicaMode"/>'s number.</summary>
    public static readonly ShardModeTable Modes = new();

    // Held, so that it stays.
    private static readonly ObservableGauge<int> ModeGauge = Meter.CreateObservableGauge("actorrepl.shard.mode", Modes.Measure);
}
