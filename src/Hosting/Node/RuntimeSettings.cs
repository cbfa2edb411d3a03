using ActorRepl.Actors.Settings;
using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Raft;
using Akka.Configuration;

namespace ActorRepl.Hosting.Node;

/// <summary>Reads the settings of the replication runtime: hocon/actors.conf, and <c>actorrepl.raft</c>.</summary>
internal static class RuntimeSettings
{
    private static readonly TimeSpan Milli = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    public static TimeSpan RequestTimeout(Config config) => config.Time("actorrepl.request-timeout", Milli, Hour);

    public static WireLimits Limits(Config config) => new()
    {
        MaxFrameBytes = config.Int("actorrepl.max-frame-bytes", 64 << 10, 1 << 30),
        MaxRequestBytes = config.Int("actorrepl.limits.max-request-bytes", 1024, 1 << 29),
        BatchBytes = config.Int("actorrepl.limits.batch-bytes", 1024, 1 << 29),
        SegmentBytes = config.Int("actorrepl.limits.segment-bytes", 1024, 1 << 29),
    };

    public static RouterSettings Router(Config config) => new()
    {
        MaxRequests = config.Int("actorrepl.router.max-requests", 1, int.MaxValue),
        MaxBytes = config.Bytes("actorrepl.router.max-bytes", 1024, long.MaxValue),
        MaxBatch = config.Int("actorrepl.router.max-batch", 1, int.MaxValue),
        MinBackoff = config.Time("actorrepl.router.min-backoff", Milli, Hour),
        MaxBackoff = config.Time("actorrepl.router.max-backoff", Milli, Hour),
        DeadlineCheck = config.Time("actorrepl.router.deadline-check", Milli, Hour),
    };

    public static ReplicaSettings Replica(Config config) => new()
    {
        MaxWriteRecords = config.Int("actorrepl.replica.max-write-records", 1, 1 << 20),
        MaxWriteBytes = config.Int("actorrepl.replica.max-write-bytes", 1024, 1 << 30),
        MinWriteRetry = config.Time("actorrepl.replica.min-write-retry", Milli, Hour),
        MaxWriteRetry = config.Time("actorrepl.replica.max-write-retry", Milli, Hour),
        MinRestart = config.Time("actorrepl.replica.min-restart", Milli, Hour),
        MaxRestart = config.Time("actorrepl.replica.max-restart", Milli, Hour),
        RestartReset = config.Time("actorrepl.replica.restart-reset", Milli, Hour),
        DeleteStep = config.Int("actorrepl.replica.delete-step", 1, 1 << 20),
        StoreTimeout = config.Time("actorrepl.replica.store-timeout", Milli, Hour),
        WallClockError = config.Time("actorrepl.replica.wall-clock-error", TimeSpan.Zero, Hour),
    };

    /// <exception cref="UserErrorException">Two of the settings contradict each other.</exception>
    public static RaftOptions Raft(Config config)
    {
        var options = new RaftOptions
        {
            HeartbeatMicros = Micros(config, "actorrepl.raft.heartbeat"),
            ElectionMinMicros = Micros(config, "actorrepl.raft.election-min"),
            ElectionMaxMicros = Micros(config, "actorrepl.raft.election-max"),
            HintDelayMicros = Micros(config, "actorrepl.raft.hint-delay"),
            MaxBatchBytes = config.Int("actorrepl.raft.max-batch-bytes", 1024, 1 << 30),
            MaxInFlightMessages = config.Int("actorrepl.raft.max-in-flight-messages", 1, 1 << 20),
            MaxInFlightBytes = config.Bytes("actorrepl.raft.max-in-flight-bytes", 1024, 1L << 40),
            MaxPendingRequests = config.Int("actorrepl.raft.max-pending-requests", 1, int.MaxValue),
            MaxLogBytes = config.Bytes("actorrepl.raft.max-log-bytes", 1024, 1L << 40),
            CheckpointBytes = config.Bytes("actorrepl.raft.checkpoint-bytes", 1024, 1L << 40),
            CheckpointEntries = config.Bytes("actorrepl.raft.checkpoint-entries", 1, 1L << 40),
            KeepBytes = config.Bytes("actorrepl.raft.keep-bytes", 0, 1L << 40),
            KeepEntries = config.Bytes("actorrepl.raft.keep-entries", 0, 1L << 40),
        };
        try
        {
            return options.Validate();
        }
        catch (ArgumentException contradiction)
        {
            throw new UserErrorException($"actorrepl.raft: {contradiction.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static long Micros(Config config, string path) => (long)config.Time(path, Milli, Hour).TotalMicroseconds;
}
