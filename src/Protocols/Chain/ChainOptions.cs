using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;

namespace ActorRepl.Protocols.Chain;

/// <summary>Limits, times and promises of a chain; the same on all of its replicas. Times are in microseconds.</summary>
public sealed record ChainOptions
{
    public static readonly ChainOptions Default = new();

    /// <summary>The heartbeats of a link are this far apart.</summary>
    public long HeartbeatMicros { get; init; } = 50 * Instant.Millisecond;

    /// <summary>A link that has answered another commits nothing in a chain without that one for so long.</summary>
    public long LeaseMicros { get; init; } = 300 * Instant.Millisecond;

    /// <summary>How fast or slow a monotonic clock may run against true time, parts per million; leases depend on it.</summary>
    public long MaxClockDriftPpm { get; init; } = 10_000;

    /// <summary>How long after it sent something that was answered a link counts on the answer's lease.</summary>
    internal long TrustedLeaseMicros => LeaseMicros - LeaseMicros * 2 * MaxClockDriftPpm / 1_000_000 - Instant.Millisecond;

    /// <summary>Heartbeats in a row that a link is not heard of after which it is taken out of the chain.</summary>
    public int DeadAfterBeats { get; init; } = 10;

    internal long DeadAfterMicros => DeadAfterBeats * HeartbeatMicros;

    /// <summary>
    /// The tail, and a link whose version is clean, serve strong reads on their leases without asking anyone. Right only as long as no clock of
    /// the group runs fast or slow by more than <see cref="MaxClockDriftPpm"/>, pauses included. Off: every such read waits for a round.
    /// </summary>
    public bool LeaseReads { get; init; } = true;

    /// <summary>Every link answers strong reads (CRAQ, section 2.3): a clean version at once, a dirty one after asking the tail. Off: only the tail does.</summary>
    public bool ApportionedReads { get; init; }

    /// <summary>Commands are refused while the chain has fewer links than this.</summary>
    public int MinLinksToWrite { get; init; } = 1;

    /// <summary>A member that lacks fewer entries than this is waited for, and becomes a link.</summary>
    public long CatchUpEntries { get; init; } = 1_000;

    /// <summary>How long writes may wait for a member that is to become a link, before it is proposed.</summary>
    public long SpliceMicros { get; init; } = Instant.Second;

    /// <summary>In the epoch that a shard is made with: how long its links may take until they are first heard of.</summary>
    public long FirstAnswerMicros { get; init; } = 5 * Instant.Second;

    /// <summary>A view that was proposed is proposed again after this, if nothing was heard of it; then after twice as long, up to 16 times.</summary>
    public long ProposalRetryMicros { get; init; } = 200 * Instant.Millisecond;

    /// <summary>How long a hand-over may keep commands waiting before it is given up.</summary>
    public long SwitchoverMicros { get; init; } = Instant.Second;

    /// <summary>Deadlines are looked at no more often than this.</summary>
    public long DeadlineResolutionMicros { get; init; } = 20 * Instant.Millisecond;

    /// <summary>Entries are packed and sent in batches of at most this many bytes; a larger command travels alone.</summary>
    public int MaxBatchBytes { get; init; } = 512 * 1024;

    /// <summary>Messages with entries on their way to a successor that are not yet acknowledged.</summary>
    public int MaxInFlightMessages { get; init; } = 64;

    /// <summary>Bytes of entries on their way to a successor that are not yet acknowledged.</summary>
    public long MaxInFlightBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>A command above this many bytes is refused as invalid.</summary>
    public int MaxCommandBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Commands and reads that wait at a link; more are refused as overload.</summary>
    public int MaxPendingRequests { get; init; } = 32 * 1024;

    /// <summary>Bytes of log in memory; a head above it refuses commands, others above twice of it take no entries.</summary>
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

    /// <summary>A link is slow if so many bytes of log, which its predecessor has on disk, are not on its own.</summary>
    public long SlowBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>A link is slow, too, if an entry that its predecessor has on disk is missing on its own for so long.</summary>
    public long SlowMicros { get; init; } = Instant.Second;

    /// <summary>For so long a link must have been slow before it is reported and, by policy, removed.</summary>
    public long SlowAfterMicros { get; init; } = 2 * Instant.Second;

    /// <summary>A link that stays slow is taken out of the chain, if that leaves <see cref="MinLinksToWrite"/> and at least two.</summary>
    public bool RemoveSlow { get; init; }

    /// <summary>A member that was removed as slow must have kept up for so long before it is a link again; twice as long each further time, up to 64 times.</summary>
    public long RejoinAfterMicros { get; init; } = 10 * Instant.Second;

    /// <summary>The region each replica is in: links of one region stand next to each other, so that a write crosses each border once. Those not named are in one of their own.</summary>
    public IReadOnlyDictionary<ReplicaId, string> Regions { get; init; } = new Dictionary<ReplicaId, string>();

    /// <summary>Thresholds of the shard's mode, and what becomes of commands at its floor.</summary>
    public ModeOptions Modes { get; init; } = new();

    /// <summary>The same links, those of one region together: regions as they come first, links within as they come.</summary>
    internal IEnumerable<ReplicaId> Order(IEnumerable<ReplicaId> links) => Regions.Count == 0
        ? links
        : links.GroupBy(id => Regions.GetValueOrDefault(id, "")).SelectMany(region => region);

    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range, or two contradict each other.</exception>
    public ChainOptions Validate()
    {
        Positive(HeartbeatMicros, nameof(HeartbeatMicros));
        AtLeast(2, DeadAfterBeats, nameof(DeadAfterBeats), "two");
        ArgumentOutOfRangeException.ThrowIfNegative(MaxClockDriftPpm);
        if (TrustedLeaseMicros < 2 * HeartbeatMicros)
            throw new ArgumentOutOfRangeException(nameof(LeaseMicros), LeaseMicros,
                $"with a drift of {MaxClockDriftPpm} ppm leaves {TrustedLeaseMicros} µs to count on, which must be at least two {nameof(HeartbeatMicros)} ({HeartbeatMicros})");
        AtLeast(1, MinLinksToWrite, nameof(MinLinksToWrite), "one");
        Positive(CatchUpEntries, nameof(CatchUpEntries));
        Positive(SpliceMicros, nameof(SpliceMicros));
        Positive(FirstAnswerMicros, nameof(FirstAnswerMicros));
        Positive(ProposalRetryMicros, nameof(ProposalRetryMicros));
        Positive(SwitchoverMicros, nameof(SwitchoverMicros));
        Positive(DeadlineResolutionMicros, nameof(DeadlineResolutionMicros));
        Positive(MaxBatchBytes, nameof(MaxBatchBytes));
        Positive(MaxInFlightMessages, nameof(MaxInFlightMessages));
        Positive(MaxInFlightBytes, nameof(MaxInFlightBytes));
        Positive(MaxCommandBytes, nameof(MaxCommandBytes));
        Positive(MaxPendingRequests, nameof(MaxPendingRequests));
        Positive(CheckpointBytes, nameof(CheckpointBytes));
        Positive(CheckpointEntries, nameof(CheckpointEntries));
        Positive(CheckpointRetryMicros, nameof(CheckpointRetryMicros));
        Positive(SlowBytes, nameof(SlowBytes));
        Positive(SlowMicros, nameof(SlowMicros));
        Positive(SlowAfterMicros, nameof(SlowAfterMicros));
        Positive(RejoinAfterMicros, nameof(RejoinAfterMicros));
        ArgumentOutOfRangeException.ThrowIfNegative(KeepBytes);
        ArgumentOutOfRangeException.ThrowIfNegative(KeepEntries);
        AtLeast(KeepBytes + CheckpointBytes + MaxBatchBytes, MaxLogBytes, nameof(MaxLogBytes), $"{nameof(KeepBytes)} + {nameof(CheckpointBytes)} + {nameof(MaxBatchBytes)}");
        Modes.Check();
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
