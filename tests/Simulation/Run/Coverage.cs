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
    CommandsDone,
    ReadsDone,
    StaleReads,
    OutcomesUnknown,
    SessionRepeats,
    SessionsExpired,
    Retries,
    RejectedNotLeader,
    RejectedNoQuorum,
    RejectedStorageUnavailable,
    RejectedDropped,
    RejectedOverloaded,
    HistoriesUndecided,
}

/// <summary>Counts what happened; adds up over seeds.</summary>
internal sealed class Coverage
{
    private static readonly CoverageItem[] All = Enum.GetValues<CoverageItem>();

    // A thousand seeds of the mixed schedule must have met each at least so often. About a third of what they do meet.
    private static readonly Dictionary<CoverageItem, long> FloorsPerThousandSeeds = [];

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
    public static long Floor(CoverageItem item, long seeds) => FloorsPerThousandSeeds.GetValueOrDefault(item) * seeds / 1000;

    public IEnumerable<CoverageItem> BelowFloor(long seeds) => All.Where(item => this[item] < Floor(item, seeds));
}
