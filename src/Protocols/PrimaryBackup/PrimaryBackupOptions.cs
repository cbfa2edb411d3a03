using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;
using ActorRepl.Protocols.Modes;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>A part that a replica has in every view, whoever makes it.</summary>
/// <param name="DelayMillis">Applies what is committed so many ms late.</param>
/// <param name="Upstream">Gets the log from this member in place of the primary.</param>
public sealed record MemberPart(int DelayMillis = 0, ReplicaId Upstream = default);

/// <summary>Limits, times and promises of a primary–backup group; the same on all of its replicas. Times are in microseconds.</summary>
public sealed record PrimaryBackupOptions : LogOptions
{
    public static readonly PrimaryBackupOptions Default = new();

    /// <summary>A backup that has answered its primary does not help anyone to take its place for so long.</summary>
    public long LeaseMicros { get; init; } = 300 * Instant.Millisecond;

    /// <summary>How long after it sent something that was answered a primary counts on the answer's lease.</summary>
    internal long TrustedLeaseMicros => Trusted(LeaseMicros);

    /// <summary>Heartbeats in a row without an answer that are worth a warning.</summary>
    public int WarnAfterBeats { get; init; } = 3;

    /// <summary>Heartbeats in a row without an answer after which a backup is taken out of the sync set.</summary>
    public int DeadAfterBeats { get; init; } = 10;

    internal long DeadAfterMicros => DeadAfterBeats * HeartbeatMicros;

    /// <summary>When a command counts as done that does not say so itself; every part of it is said here.</summary>
    public WriteConcern Concern { get; init; } = new(AckLevel.SemiSync, 1, AckReach.Durable, 10_000, OnAckTimeout.Degrade);

    /// <summary>Commands are refused while fewer backups than this keep up (Redis: min-replicas-to-write); 0: never.</summary>
    public int MinReplicasToWrite { get; init; }

    /// <summary>A backup keeps up that has answered within this and lacks no entry that is older (Redis: min-replicas-max-lag).</summary>
    public long MinReplicasMaxLagMicros { get; init; } = 10 * Instant.Second;

    /// <summary>
    /// A primary serves reads on its leases without asking anyone. Right only as long as no clock of the group runs fast or slow by
    /// more than <see cref="MaxClockDriftPpm"/>, pauses included.
    /// </summary>
    public bool LeaseReads { get; init; }

    /// <summary>A member that lacks fewer entries than this is taken into the sync set.</summary>
    public long CatchUpEntries { get; init; } = 1_000;

    /// <summary>In the epoch that a shard is made with: how long its members may take until their first answer, as nodes that start one after the other do.</summary>
    public long FirstAnswerMicros { get; init; } = 5 * Instant.Second;

    /// <summary>A view that was proposed is proposed again after this, if nothing was heard of it; then after twice as long, up to 16 times.</summary>
    public long ProposalRetryMicros { get; init; } = 200 * Instant.Millisecond;

    /// <summary>How long one that takes over waits for a more advanced one to do so, and for others to come to its own log.</summary>
    public long TakeOverPatienceMicros { get; init; } = 100 * Instant.Millisecond;

    /// <summary>How long a switchover may keep commands waiting before it is given up.</summary>
    public long SwitchoverMicros { get; init; } = Instant.Second;

    /// <summary>Bytes of log kept for members of the view that need them, however late (a replication slot each); 0: only <see cref="KeepBytes"/>.</summary>
    public long SlotBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>
    /// Bytes of the newest applied entries that are kept beside a checkpoint, in memory and on disk, so that what a failover takes back can be set
    /// aside. A primary, which knows what is at risk, keeps all of that up to <see cref="KeepBytes"/>.
    /// </summary>
    public long AtRiskBytes { get; init; } = 256 * 1024;

    /// <summary>Members that are delayed, or follow another member; whoever is not named follows the primary at once.</summary>
    public IReadOnlyDictionary<ReplicaId, MemberPart> Parts { get; init; } = new Dictionary<ReplicaId, MemberPart>();

    /// <summary>Thresholds of the shard's mode, and what becomes of commands at its floor.</summary>
    public ModeOptions Modes { get; init; } = new();

    /// <summary>The most backups that an acknowledgement as strong as the group's asks for, of so many in sync and so many voters.</summary>
    internal int PromiseFor(int backups, int voters)
    {
        int wanted = Concern.Level switch
        {
            AckLevel.SemiSync => Concern.Backups,
            AckLevel.Sync => backups,
            AckLevel.Quorum => voters / 2,
            _ => 1,
        };
        // Without a backup that must be asked, none could ever take over.
        return Math.Min(Math.Max(wanted, 1), backups);
    }

    internal MemberPart PartOf(ReplicaId id) => Parts.GetValueOrDefault(id) ?? NoPart;

    private static readonly MemberPart NoPart = new();

    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range, or two contradict each other.</exception>
    /// <exception cref="ArgumentException">The group's write concern leaves something open.</exception>
    public PrimaryBackupOptions Validate()
    {
        Positive(WarnAfterBeats, nameof(WarnAfterBeats));
        AtLeast(WarnAfterBeats + 1, DeadAfterBeats, nameof(DeadAfterBeats), $"one above {nameof(WarnAfterBeats)}");
        if (TrustedLeaseMicros < 2 * HeartbeatMicros)
            throw new ArgumentOutOfRangeException(nameof(LeaseMicros), LeaseMicros,
                $"with a drift of {MaxClockDriftPpm} ppm leaves {TrustedLeaseMicros} µs to count on, which must be at least two {nameof(HeartbeatMicros)} ({HeartbeatMicros})");
        if (Concern.Level == AckLevel.Default || Concern.Reach == AckReach.Default || Concern.OnTimeout == OnAckTimeout.Default || Concern.TimeoutMillis <= 0
            || (Concern.Level == AckLevel.SemiSync && Concern.Backups == 0))
            throw new ArgumentException($"the group's write concern must say level, backups, reach, timeout and what then; it is {Concern}");
        ArgumentOutOfRangeException.ThrowIfNegative(MinReplicasToWrite);
        Positive(MinReplicasMaxLagMicros, nameof(MinReplicasMaxLagMicros));
        Positive(CatchUpEntries, nameof(CatchUpEntries));
        Positive(FirstAnswerMicros, nameof(FirstAnswerMicros));
        Positive(ProposalRetryMicros, nameof(ProposalRetryMicros));
        Positive(TakeOverPatienceMicros, nameof(TakeOverPatienceMicros));
        Positive(SwitchoverMicros, nameof(SwitchoverMicros));
        ArgumentOutOfRangeException.ThrowIfNegative(SlotBytes);
        ArgumentOutOfRangeException.ThrowIfNegative(AtRiskBytes);
        CheckLog(Math.Max(KeepBytes, SlotBytes), $"the larger of {nameof(KeepBytes)} and {nameof(SlotBytes)}");
        foreach ((ReplicaId id, MemberPart part) in Parts)
        {
            if (part.DelayMillis < 0 || part.Upstream == id)
                throw new ArgumentException($"{id} cannot have a delay of {part.DelayMillis} ms and follow {part.Upstream}");
        }

        Modes.Check();
        return this;
    }
}
