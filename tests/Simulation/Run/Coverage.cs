using ActorRepl.Simulation.Invariants;

namespace ActorRepl.Simulation.Run;

/// <summary>What a run is to have met. A fault that never happened has not been survived.</summary>
internal enum CoverageItem
{
    Elections,
    LeaderChanges,
    EntriesCommitted,
    Truncations,
    Checkpoints,
    CheckpointFailures,
    CrashesInCheckpoint,
    Fetches,
    RangesRead,
    Installs,
    Recoveries,
    RecoveriesFromCheckpoint,
    Crashes,
    CrashesOfAll,
    LostTails,
    TornWrites,
    FailedWrites,
    LateWrites,
    Damages,
    DisksReplaced,
    DiskFull,
    SlowSyncs,
    Partitions,
    OneWayPartitions,
    Dropped,
    Duplicated,
    Reordered,
    Pauses,
    WallJumps,
    HandOvers,
    FalseHints,
    MembersChanged,
    MembersRefused,
    MembersDropped,
    MembersUnknown,
    ConfigurationsCommitted,
    JointsCommitted,
    JointsInherited,
    ConfigurationsTruncated,
    NewcomersElected,
    RemovedLeaders,
    RemovalsKnown,
    Pardons,
    WitnessesCounted,
    Transfers,
    TransfersRefused,
    WentQuiet,
    WokeUp,
    QuietLeadersLost,
    CommandsDone,
    ReadsDone,
    StaleReads,
    FollowerReads,
    BoundedReads,
    LeasesUsed,
    OutcomesUnknown,
    SessionRepeats,
    SessionsExpired,
    Retries,
    Cancels,
    RejectedNotLeader,
    RejectedNoQuorum,
    RejectedStorageUnavailable,
    RejectedDropped,
    RejectedOverloaded,
    RejectedTooStale,
    RejectedHistoryLost,
    ControlOutages,
    ViewsProposed,
    ViewsRefused,
    ViewsInstalled,
    Failovers,
    Switchovers,
    SyncSetChanges,
    Degraded,
    Healed,
    DegradedLost,
    ModeChanges,
    StrongAcks,
    AsyncAcks,
    DegradedAcks,
    InheritedAcks,
    AsyncTailsLost,
    AcksLost,
    LongPauses,
    SleepersFenced,
    SessionReads,
    ForcedTakeOvers,
    ForcedLosses,
    HeadsRemoved,
    MiddlesRemoved,
    TailsRemoved,
    SeveralRemoved,
    LinksSpliced,
    SlowRemoved,
    ReadsAtLinks,
    BatchesDone,
    BatchesRefused,
    Scans,
    KeysEnded,

    /// <summary>Not a thing to reach: the checker came to its limit.</summary>
    HistoriesUndecided,
}

/// <summary>Counts what happened; adds up over seeds.</summary>
internal sealed class Coverage
{
    private static readonly CoverageItem[] All = Enum.GetValues<CoverageItem>();

    /// <summary>Fewer seeds than this may miss a floor by chance and are not held to them.</summary>
    public const long LeastSeeds = 500;

    private readonly long[] _counts = new long[All.Length];

    public long this[CoverageItem item] => _counts[(int)item];

    public static IReadOnlyList<CoverageItem> Items => All;

    public void Count(CoverageItem item, long times = 1) => _counts[(int)item] += times;

    public void Add(Coverage other)
    {
        for (int i = 0; i < _counts.Length; i++)
            _counts[i] += other._counts[i];
    }

    /// <summary>The least count that a run of so many seeds must reach.</summary>
    public static long Floor(ISimulatedProtocol protocol, CoverageItem item, long seeds) => protocol.Floors.GetValueOrDefault(item) * seeds / 1000;

    /// <summary>What was not met often enough; and histories, if too many were beyond the checker.</summary>
    public IEnumerable<CoverageItem> BelowFloor(ISimulatedProtocol protocol, long seeds) => All.Where(item => item == CoverageItem.HistoriesUndecided
        ? this[item] > Math.Max(1, seeds / 200)
        : this[item] < Floor(protocol, item, seeds));
}
