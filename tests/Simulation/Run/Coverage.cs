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

    /// <summary>Not a thing to reach: the checker came to its limit.</summary>
    HistoriesUndecided,
}

/// <summary>Counts what happened; adds up over seeds.</summary>
internal sealed class Coverage
{
    private static readonly CoverageItem[] All = Enum.GetValues<CoverageItem>();

    // A thousand seeds of the mixed schedule must have met each at least so often. About a third of what they do meet.
    private static readonly Dictionary<CoverageItem, long> FloorsPerThousandSeeds = new()
    {
        [CoverageItem.Elections] = 5_000,
        [CoverageItem.LeaderChanges] = 3_000,
        [CoverageItem.EntriesCommitted] = 30_000,
        [CoverageItem.Truncations] = 700,
        [CoverageItem.Checkpoints] = 2_000,
        [CoverageItem.CheckpointFailures] = 200,
        [CoverageItem.CrashesInCheckpoint] = 70,
        [CoverageItem.Fetches] = 200,
        [CoverageItem.Installs] = 100,
        [CoverageItem.Recoveries] = 10_000,
        [CoverageItem.RecoveriesFromCheckpoint] = 1_000,
        [CoverageItem.Crashes] = 10_000,
        [CoverageItem.CrashesOfAll] = 800,
        [CoverageItem.LostTails] = 1_000,
        [CoverageItem.TornWrites] = 200,
        [CoverageItem.FailedWrites] = 1_000,
        [CoverageItem.LateWrites] = 200,
        [CoverageItem.Damages] = 100,
        [CoverageItem.DisksReplaced] = 100,
        [CoverageItem.DiskFull] = 700,
        [CoverageItem.SlowSyncs] = 7_000,
        [CoverageItem.Partitions] = 5_000,
        [CoverageItem.OneWayPartitions] = 1_000,
        [CoverageItem.Dropped] = 4_000,
        [CoverageItem.Duplicated] = 3_000,
        [CoverageItem.Reordered] = 40_000,
        [CoverageItem.Pauses] = 1_000,
        [CoverageItem.WallJumps] = 2_000,
        [CoverageItem.HandOvers] = 1_000,
        [CoverageItem.FalseHints] = 1_000,
        [CoverageItem.MembersChanged] = 1_000,
        [CoverageItem.MembersRefused] = 80,
        [CoverageItem.MembersDropped] = 1,
        [CoverageItem.MembersUnknown] = 5,
        [CoverageItem.ConfigurationsCommitted] = 1_000,
        [CoverageItem.JointsCommitted] = 600,
        [CoverageItem.JointsInherited] = 10,
        [CoverageItem.ConfigurationsTruncated] = 10,
        [CoverageItem.NewcomersElected] = 80,
        [CoverageItem.RemovalsKnown] = 250,
        [CoverageItem.Pardons] = 12,
        [CoverageItem.WitnessesCounted] = 2_500,
        [CoverageItem.Transfers] = 200,
        [CoverageItem.TransfersRefused] = 60,
        [CoverageItem.WentQuiet] = 1_000,
        [CoverageItem.WokeUp] = 1_000,
        [CoverageItem.QuietLeadersLost] = 100,
        [CoverageItem.CommandsDone] = 20_000,
        [CoverageItem.ReadsDone] = 10_000,
        [CoverageItem.StaleReads] = 1_000,
        [CoverageItem.FollowerReads] = 4_000,
        [CoverageItem.BoundedReads] = 4_000,
        [CoverageItem.LeasesUsed] = 10_000,
        [CoverageItem.OutcomesUnknown] = 4_000,
        [CoverageItem.SessionRepeats] = 6_000,
        [CoverageItem.SessionsExpired] = 800,
        [CoverageItem.Cancels] = 2_000,
        [CoverageItem.Retries] = 100_000,
        [CoverageItem.RejectedNotLeader] = 70_000,
        [CoverageItem.RejectedNoQuorum] = 1_000,
        [CoverageItem.RejectedStorageUnavailable] = 500,
        [CoverageItem.RejectedDropped] = 200,
        [CoverageItem.RejectedOverloaded] = 600,
    };

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
    public static long Floor(CoverageItem item, long seeds) => FloorsPerThousandSeeds.GetValueOrDefault(item) * seeds / 1000;

    /// <summary>What was not met often enough; and histories, if too many were beyond the checker.</summary>
    public IEnumerable<CoverageItem> BelowFloor(long seeds) => All.Where(item => item == CoverageItem.HistoriesUndecided
        ? this[item] > Math.Max(1, seeds / 200)
        : this[item] < Floor(item, seeds));
}
