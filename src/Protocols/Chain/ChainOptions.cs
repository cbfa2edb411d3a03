using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;
using ActorRepl.Protocols.Modes;

namespace ActorRepl.Protocols.Chain;

/// <summary>Limits, times and promises of a chain; the same on all of its replicas. Times are in microseconds.</summary>
public sealed record ChainOptions : LogOptions
{
    public static readonly ChainOptions Default = new();

    /// <summary>All that a link has on its way to its successor is one stream.</summary>
    public ChainOptions() => MaxInFlightMessages = 64;

    /// <summary>A link that has answered another commits nothing in a chain without that one for so long.</summary>
    public long LeaseMicros { get; init; } = 300 * Instant.Millisecond;

    /// <summary>How long after it sent something that was answered a link counts on the answer's lease.</summary>
    internal long TrustedLeaseMicros => Trusted(LeaseMicros);

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
        CheckLog(KeepBytes, nameof(KeepBytes));
        AtLeast(2, DeadAfterBeats, nameof(DeadAfterBeats), "two");
        if (TrustedLeaseMicros < 2 * HeartbeatMicros)
            throw new ArgumentOutOfRangeException(nameof(LeaseMicros), LeaseMicros,
                $"with a drift of {MaxClockDriftPpm} ppm leaves {TrustedLeaseMicros} µs to count on, which must be at least two {nameof(HeartbeatMicros)} ({HeartbeatMicros})");
        AtLeast(1, MinLinksToWrite, nameof(MinLinksToWrite), "one");
        Positive(CatchUpEntries, nameof(CatchUpEntries));
        Positive(SpliceMicros, nameof(SpliceMicros));
        Positive(FirstAnswerMicros, nameof(FirstAnswerMicros));
        Positive(ProposalRetryMicros, nameof(ProposalRetryMicros));
        Positive(SwitchoverMicros, nameof(SwitchoverMicros));
        Positive(SlowBytes, nameof(SlowBytes));
        Positive(SlowMicros, nameof(SlowMicros));
        Positive(SlowAfterMicros, nameof(SlowAfterMicros));
        Positive(RejoinAfterMicros, nameof(RejoinAfterMicros));
        Modes.Check();
        return this;
    }
}
