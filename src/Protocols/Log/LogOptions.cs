using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>Limits and times of a group whose replicas keep one log; the same on all of them. Times are in microseconds.</summary>
public abstract record LogOptions
{
    /// <summary>The heartbeats of whoever sends them are this far apart.</summary>
    public long HeartbeatMicros { get; init; } = 50 * Instant.Millisecond;

    /// <summary>How fast or slow a monotonic clock may run against true time, parts per million; leases depend on it.</summary>
    public long MaxClockDriftPpm { get; init; } = 10_000;

    /// <summary>Deadlines are looked at no more often than this.</summary>
    public long DeadlineResolutionMicros { get; init; } = 20 * Instant.Millisecond;

    /// <summary>Entries are packed and sent in batches of at most this many bytes; a larger command travels alone.</summary>
    public int MaxBatchBytes { get; init; } = 512 * 1024;

    /// <summary>Messages with entries on their way to one replica that are not yet acknowledged.</summary>
    public int MaxInFlightMessages { get; init; } = 32;

    /// <summary>Bytes of entries on their way to one replica that are not yet acknowledged.</summary>
    public long MaxInFlightBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>A command above this many bytes is refused as invalid.</summary>
    public int MaxCommandBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Commands and reads that wait at one replica; more are refused as overload.</summary>
    public int MaxPendingRequests { get; init; } = 32 * 1024;

    /// <summary>Bytes of log in memory; who leads refuses commands above it, others take no entries above twice of it.</summary>
    public long MaxLogBytes { get; init; } = 128 * 1024 * 1024;

    /// <summary>A checkpoint is taken once this many bytes of log were applied since the last one.</summary>
    public long CheckpointBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>A checkpoint is taken once this many entries were applied since the last one.</summary>
    public long CheckpointEntries { get; init; } = 1_000_000;

    /// <summary>A checkpoint that failed is tried again after this.</summary>
    public long CheckpointRetryMicros { get; init; } = 5 * Instant.Second;

    /// <summary>Bytes of log kept behind a checkpoint for members that are a little late.</summary>
    public long KeepBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Entries kept behind a checkpoint for members that are a little late.</summary>
    public long KeepEntries { get; init; } = 100_000;

    /// <summary>What of a lease of so long may be counted on, however far clocks drift apart.</summary>
    private protected long Trusted(long lease) => lease - lease * 2 * MaxClockDriftPpm / 1_000_000 - Instant.Millisecond;

    /// <param name="kept">Bytes of log that a checkpoint may leave.</param>
    /// <param name="what">Where that comes from.</param>
    private protected void CheckLog(long kept, string what)
    {
        Positive(HeartbeatMicros, nameof(HeartbeatMicros));
        ArgumentOutOfRangeException.ThrowIfNegative(MaxClockDriftPpm);
        Positive(DeadlineResolutionMicros, nameof(DeadlineResolutionMicros));
        Positive(MaxBatchBytes, nameof(MaxBatchBytes));
        Positive(MaxInFlightMessages, nameof(MaxInFlightMessages));
        Positive(MaxInFlightBytes, nameof(MaxInFlightBytes));
        Positive(MaxCommandBytes, nameof(MaxCommandBytes));
        Positive(MaxPendingRequests, nameof(MaxPendingRequests));
        Positive(CheckpointBytes, nameof(CheckpointBytes));
        Positive(CheckpointEntries, nameof(CheckpointEntries));
        Positive(CheckpointRetryMicros, nameof(CheckpointRetryMicros));
        ArgumentOutOfRangeException.ThrowIfNegative(KeepBytes);
        ArgumentOutOfRangeException.ThrowIfNegative(KeepEntries);
        AtLeast(kept + CheckpointBytes + MaxBatchBytes, MaxLogBytes, nameof(MaxLogBytes), $"{what} + {nameof(CheckpointBytes)} + {nameof(MaxBatchBytes)}");
    }

    private protected static void AtLeast(long least, long value, string name, string what)
    {
        if (value < least)
            throw new ArgumentOutOfRangeException(name, value, $"must be at least {what} ({least})");
    }

    private protected static void Positive(long value, string name)
    {
        if (value <= 0)
            throw new ArgumentOutOfRangeException(name, value, "must be above 0");
    }
}
