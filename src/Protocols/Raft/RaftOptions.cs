using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Raft;

/// <summary>Limits and times of a Raft group; the same on all of its replicas. Times are in microseconds.</summary>
public sealed record RaftOptions : LogOptions
{
    public static readonly RaftOptions Default = new();

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

    /// <summary>How long after it sent a round that a quorum answered a leader may read without another.</summary>
    internal long LeaseMicros => Trusted(ElectionMinMicros);

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
        CheckLog(KeepBytes, nameof(KeepBytes));
        Positive(HintDelayMicros, nameof(HintDelayMicros));
        ArgumentOutOfRangeException.ThrowIfNegative(QuietAfterMicros);
        Positive(PriorityPatienceMicros, nameof(PriorityPatienceMicros));
        AtLeast(2 * HeartbeatMicros, ElectionMinMicros, nameof(ElectionMinMicros), $"two {nameof(HeartbeatMicros)}");
        AtLeast(ElectionMinMicros + 1, ElectionMaxMicros, nameof(ElectionMaxMicros), $"one above {nameof(ElectionMinMicros)}");
        if (LeaseReads && LeaseMicros <= HeartbeatMicros)
            throw new ArgumentOutOfRangeException(nameof(MaxClockDriftPpm), MaxClockDriftPpm,
                $"leaves a lease of {LeaseMicros} µs, which must be above {nameof(HeartbeatMicros)} ({HeartbeatMicros})");
        return this;
    }
}
