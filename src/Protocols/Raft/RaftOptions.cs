using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>Limits and times of a Raft group; the same on all of its replicas. Times are in microseconds.</summary>
public sealed record RaftOptions
{
    public static readonly RaftOptions Default = new();

    /// <summary>A leader's heartbeats are this far apart.</summary>
    public long HeartbeatMicros { get; init; } = 50 * Instant.Millisecond;

    /// <summary>The shortest time without a leader after which a replica asks for votes; also how long a heard leader is trusted.</summary>
    public long ElectionMinMicros { get; init; } = 300 * Instant.Millisecond;

    /// <summary>The longest such time; each replica draws its own for each term. A leader that hears no quorum for as long steps down.</summary>
    public long ElectionMaxMicros { get; init; } = 600 * Instant.Millisecond;

    /// <summary>
    /// A replica asks whether it would win before it begins a term (thesis 9.6). Without it one that cannot win still takes
    /// the others into its term; for measurements against the paper, which has none.
    /// </summary>
    public bool PreVote { get; init; } = true;

    /// <summary>A leader that is believed down is challenged after at most this.</summary>
    public long HintDelayMicros { get; init; } = 50 * Instant.Millisecond;

    /// <summary>
    /// In a shard where nothing has happened yet, the first of the first replicas asks for votes early and the others late:
    /// so many shards that are founded together have their leaders where their placement says.
    /// </summary>
    public bool FirstReplicaLeadsFirst { get; init; }

    /// <summary>
    /// A leader that had nothing to do for so long, and its followers, stop their timers. 0: never. Needs a host that
    /// tells by hints when a node is gone, and when it is back.
    /// </summary>
    public long QuietAfterMicros { get; init; }

    /// <summary>
    /// A leader serves reads without asking a quorum for a while after one has answered (thesis 6.4.1). Right only as long as
    /// no clock of the group runs fast or slow by more than <see cref="MaxClockDriftPpm"/>, pauses included.
    /// </summary>
    public bool LeaseReads { get; init; }

    /// <summary>How fast or slow a monotonic clock may run against true time, parts per million; only leases depend on it.</summary>
    public long MaxClockDriftPpm { get; init; } = 10_000;

    /// <summary>How long after it sent a round that a quorum answered a leader may read without another.</summary>
    internal long LeaseMicros => ElectionMinMicros - ElectionMinMicros * 2 * MaxClockDriftPpm / 1_000_000 - Instant.Millisecond;

    /// <summary>Deadlines are looked at no more often than this.</summary>
    public long DeadlineResolutionMicros { get; init; } = 20 * Instant.Millisecond;

    /// <summary>Entries are packed and sent in batches of at most this many bytes; a larger command travels alone.</summary>
    public int MaxBatchBytes { get; init; } = 512 * 1024;

    /// <summary>Append messages on their way to one follower that are not yet acknowledged.</summary>
    public int MaxInFlightMessages { get; init; } = 32;

    /// <summary>Bytes of entries on their way to one follower that are not yet acknowledged.</summary>
    public long MaxInFlightBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>A command above this many bytes is refused as invalid.</summary>
    public int MaxCommandBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Commands and reads that wait at a leader; more are refused as overload.</summary>
    public int MaxPendingRequests { get; init; } = 32 * 1024;

    /// <summary>Bytes of log in memory; a leader above it refuses commands, a follower above twice of it takes no entries.</summary>
    public long MaxLogBytes { get; init; } = 128 * 1024 * 1024;

    /// <summary>A checkpoint is taken once this many bytes of log were applied since the last one.</summary>
    public long CheckpointBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>A checkpoint is taken once this many entries were applied since the last one.</summary>
    public long CheckpointEntries { get; init; } = 1_000_000;

    /// <summary>A checkpoint that failed is tried again after this.</summary>
    public long CheckpointRetryMicros { get; init; } = 5 * Instant.Second;

    /// <summary>Bytes of log kept behind a checkpoint for followers that are a little late.</summary>
    public long KeepBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Entries kept behind a checkpoint for followers that are a little late.</summary>
    public long KeepEntries { get; init; } = 100_000;

    /// <summary>Who should lead rather than others; whoever is not named has 0. The same on all replicas.</summary>
    public IReadOnlyDictionary<ReplicaId, int> Priorities { get; init; } = new Dictionary<ReplicaId, int>();

    /// <summary>
    /// A leader gives way to a voter of higher priority that has kept up for this long. Each time it has, it waits twice as
    /// long the next time, up to 64 times this: a voter that comes and goes does not take leadership to and fro.
    /// </summary>
    public long PriorityPatienceMicros { get; init; } = 10 * Instant.Second;

    /// <summary>The priority of a replica.</summary>
    public int PriorityOf(ReplicaId id) => Priorities.Count > 0 ? Priorities.GetValueOrDefault(id) : 0;

    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range, or two contradict each other.</exception>
    public RaftOptions Validate()
    {
        Positive(HeartbeatMicros, nameof(HeartbeatMicros));
        Positive(HintDelayMicros, nameof(HintDelayMicros));
        ArgumentOutOfRangeException.ThrowIfNegative(QuietAfterMicros);
        Positive(DeadlineResolutionMicros, nameof(DeadlineResolutionMicros));
        Positive(MaxBatchBytes, nameof(MaxBatchBytes));
        Positive(MaxInFlightMessages, nameof(MaxInFlightMessages));
        Positive(MaxInFlightBytes, nameof(MaxInFlightBytes));
        Positive(MaxCommandBytes, nameof(MaxCommandBytes));
        Positive(MaxPendingRequests, nameof(MaxPendingRequests));
        Positive(CheckpointBytes, nameof(CheckpointBytes));
        Positive(CheckpointEntries, nameof(CheckpointEntries));
        Positive(CheckpointRetryMicros, nameof(CheckpointRetryMicros));
        Positive(PriorityPatienceMicros, nameof(PriorityPatienceMicros));
        AtLeast(2 * HeartbeatMicros, ElectionMinMicros, nameof(ElectionMinMicros), $"two {nameof(HeartbeatMicros)}");
        AtLeast(ElectionMinMicros + 1, ElectionMaxMicros, nameof(ElectionMaxMicros), $"one above {nameof(ElectionMinMicros)}");
        ArgumentOutOfRangeException.ThrowIfNegative(MaxClockDriftPpm);
        if (LeaseReads && LeaseMicros <= HeartbeatMicros)
            throw new ArgumentOutOfRangeException(nameof(MaxClockDriftPpm), MaxClockDriftPpm,
                $"leaves a lease of {LeaseMicros} µs, which must be above {nameof(HeartbeatMicros)} ({HeartbeatMicros})");
        ArgumentOutOfRangeException.ThrowIfNegative(KeepBytes);
        AtLeast(KeepBytes + CheckpointBytes + MaxBatchBytes, MaxLogBytes, nameof(MaxLogBytes),
            $"{nameof(KeepBytes)} + {nameof(CheckpointBytes)} + {nameof(MaxBatchBytes)}");
        ArgumentOutOfRangeException.ThrowIfNegative(KeepEntries);
        return this;
    }

    private static void AtLeast(long least, long value, string name, string what)
    {
        if (value < least)
            throw new ArgumentOutOfRangeException(name, value, $"must be at least {what} ({least})");
    }

    private static void Positive(long value, string name)
    {
        if (value <= 0)
            throw new ArgumentOutOfRangeException(name, value, "must be above 0");
    }
}
