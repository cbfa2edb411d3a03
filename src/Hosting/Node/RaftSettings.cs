using ActorRepl.Hosting.Settings;
using ActorRepl.Protocols.Raft;
using Akka.Configuration;

namespace ActorRepl.Hosting.Node;

/// <summary>Reads the settings under <c>actorrepl.raft</c>.</summary>
internal static class RaftSettings
{
    private static readonly TimeSpan Milli = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    // Beyond half, no lease is left of any election timeout.
    private const int MaxDriftPpm = 500_000;

    /// <exception cref="UserErrorException">A setting is out of its bounds, or two contradict each other.</exception>
    public static RaftOptions Read(Config config)
    {
        var options = new RaftOptions
        {
            HeartbeatMicros = Micros(config, "actorrepl.raft.heartbeat"),
            ElectionMinMicros = Micros(config, "actorrepl.raft.election-min"),
            ElectionMaxMicros = Micros(config, "actorrepl.raft.election-max"),
            HintDelayMicros = Micros(config, "actorrepl.raft.hint-delay"),
            LeaseReads = config.Flag("actorrepl.raft.lease-reads"),
            MaxClockDriftPpm = config.Int("actorrepl.raft.max-clock-drift", 0, MaxDriftPpm),
            FirstReplicaLeadsFirst = true,
            QuietAfterMicros = (long)config.Time("actorrepl.raft.quiet-after", TimeSpan.Zero, Hour).TotalMicroseconds,
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
