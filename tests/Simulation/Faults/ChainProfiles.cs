using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Faults;

/// <summary>The schedules of faults for chains. A seed of <c>mixed</c> draws one of them.</summary>
internal static class ChainProfiles
{
    private static readonly Profile Base = new("everything") { LongPause = 1, ControlOutage = 1, ControlDrop = 30, Leases = 75, ThinkTime = 30 * Instant.Millisecond };

    public static readonly Profile[] All =
    [
        Base,
        Base with { Name = "calm", Crash = 1, CrashLeader = 1, CrashAll = 0, Partition = 0, IsolateLeader = 0, OneWay = 0, FaultGap = 2 * Instant.Second, ThinkTime = 5 * Instant.Millisecond },
        Base with { Name = "five", Nodes = 5 },
        Base with { Name = "two", Nodes = 2, FaultGap = 500 * Instant.Millisecond },
        Base with { Name = "crashes", Nodes = 4, Weight = 2, Crash = 14, CrashLeader = 6, CrashAll = 3, Partition = 0, IsolateLeader = 0, OneWay = 0, SlowSync = 100, FaultGap = 250 * Instant.Millisecond },
        Base with { Name = "network", Nodes = 4, Drop = 50, Duplicate = 30, Late = 100, Partition = 6, IsolateLeader = 4, OneWay = 6, Crash = 1, CrashLeader = 1, MaxBatchBytes = 128 },
        Base with { Name = "disks", Weight = 2, SlowSync = 150, DiskFull = 5, WriteFailure = 8, CheckpointFailure = 5, Damage = 3, ReplaceDisk = 3, CheckpointEntries = 20, KeepEntries = 2 },
        Base with { Name = "checkpoints", CheckpointEntries = 8, KeepEntries = 0, Checkpoint = 200 * Instant.Millisecond, ThinkTime = 10 * Instant.Millisecond, Partition = 6 },
        Base with
        {
            // Links that stand still for longer than their lease and wake up in an epoch that is over.
            Name = "sleepers", Weight = 2, LongPause = 10, Pause = 6, CrashLeader = 1, CrashAll = 0, Partition = 2, Reads = 60, ThinkTime = 15 * Instant.Millisecond,
        },
        Base with
        {
            // Slow disks in the middle of the chain: entries that some links have and others have not when links fail.
            Name = "failovers", Weight = 2, SlowSync = 200, SlowSyncBy = 60 * Instant.Millisecond, Latency = 10 * Instant.Millisecond, Late = 150,
            LateBy = 120 * Instant.Millisecond, Crash = 6, CrashLeader = 6, IsolateLeader = 4, OneWay = 3, CrashAll = 0, FaultGap = 250 * Instant.Millisecond,
            Downtime = 300 * Instant.Millisecond, CrashAfterWrite = 40, LeaderFate = 200, PartitionTime = 700 * Instant.Millisecond,
        },
        Base with { Name = "control", ControlOutage = 6, ControlOutageTime = 8 * Instant.Second, ControlDrop = 300, Crash = 3, CrashLeader = 4, CrashAll = 0 },
        Base with
        {
            // Links that are cut off from some and not from others, with long leases; those who gave one start again.
            Name = "leases", Leases = 100, Weight = 2, MoreLease = 600 * Instant.Millisecond, ForgottenLease = 6, OneWay = 6, IsolateLeader = 3, Partition = 8, Crash = 6, CrashLeader = 2, CrashAll = 0, Pause = 3,
            LongPause = 2, Damage = 0, ReplaceDisk = 0, Downtime = 20 * Instant.Millisecond, FaultGap = 300 * Instant.Millisecond, PartitionTime = 3 * Instant.Second, Reads = 70, Clients = 8, Keys = 2,
            ThinkTime = 15 * Instant.Millisecond,
        },
        Base with
        {
            Name = "reads", Leases = 90, Drop = 10, Late = 40, LateBy = 300 * Instant.Millisecond, SlowSync = 100, SlowSyncBy = 40 * Instant.Millisecond, Pause = 4, Clients = 10, Keys = 2,
            Reads = 60, ThinkTime = 6 * Instant.Millisecond, FaultGap = 800 * Instant.Millisecond,
        },
        Base with
        {
            Name = "members", Weight = 2, Spares = 3, OperatorGap = 150 * Instant.Millisecond, CheckpointEntries = 25, KeepEntries = 5, Damage = 2, ReplaceDisk = 2, FaultGap = 500 * Instant.Millisecond,
        },
    ];
}
