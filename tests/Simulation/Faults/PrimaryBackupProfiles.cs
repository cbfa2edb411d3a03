using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Faults;

/// <summary>The schedules of faults for primary–backup. A seed of <c>mixed</c> draws one of them.</summary>
internal static class PrimaryBackupProfiles
{
    private static readonly Profile Base = new("everything") { LongPause = 1, ControlOutage = 1, ControlDrop = 30 };

    public static readonly Profile[] All =
    [
        Base,
        Base with { Name = "five", Nodes = 5 },
        Base with { Name = "crashes", Crash = 10, CrashLeader = 10, CrashAll = 3, Partition = 0, IsolateLeader = 0, OneWay = 0, SlowSync = 100, FaultGap = 200 * Instant.Millisecond },
        Base with { Name = "network", Nodes = 5, Drop = 50, Duplicate = 30, Late = 100, Partition = 8, IsolateLeader = 6, OneWay = 6, Crash = 1, CrashLeader = 1, MaxBatchBytes = 128 },
        Base with { Name = "disks", Weight = 2, SlowSync = 150, DiskFull = 5, WriteFailure = 8, CheckpointFailure = 5, Damage = 3, ReplaceDisk = 3, CheckpointEntries = 20, KeepEntries = 2 },
        Base with { Name = "checkpoints", CheckpointEntries = 8, KeepEntries = 0, Checkpoint = 200 * Instant.Millisecond, ThinkTime = 10 * Instant.Millisecond, Partition = 6 },
        Base with
        {
            // Primaries that stand still for longer than their lease and wake up in an epoch that is over.
            Name = "sleepers", Weight = 2, LongPause = 10, Pause = 6, CrashLeader = 1, CrashAll = 0, Partition = 2, ThinkTime = 15 * Instant.Millisecond,
        },
        Base with
        {
            // One failover after another: candidates that collide, seals that are late, primaries that do not live long.
            Name = "failovers", Weight = 3, SlowSync = 200, SlowSyncBy = 60 * Instant.Millisecond, Latency = 10 * Instant.Millisecond, Late = 150,
            LateBy = 120 * Instant.Millisecond, Crash = 4, CrashLeader = 8, IsolateLeader = 6, OneWay = 4, CrashAll = 0, FaultGap = 150 * Instant.Millisecond,
            Downtime = 300 * Instant.Millisecond, CrashAfterWrite = 40, LeaderFate = 300, PartitionTime = 700 * Instant.Millisecond, ThinkTime = 100 * Instant.Millisecond,
        },
        Base with
        {
            Name = "control", ControlOutage = 6, ControlOutageTime = 8 * Instant.Second, ControlDrop = 300, Crash = 3, CrashLeader = 4, CrashAll = 0,
        },
        Base with
        {
            // Backups that have given a lease and start again before it is over, while another takes over and the primary hears of neither.
            Name = "leases", Leases = 100, MoreLease = 600 * Instant.Millisecond, ForgottenLease = 12, OneWay = 4, IsolateLeader = 3, Partition = 1, Crash = 8, CrashLeader = 1, CrashAll = 0, Pause = 1, Damage = 0,
            ReplaceDisk = 0, Downtime = 20 * Instant.Millisecond, FaultGap = 400 * Instant.Millisecond, PartitionTime = 4 * Instant.Second, Reads = 60, Clients = 6, ThinkTime = 30 * Instant.Millisecond,
        },
        Base with
        {
            // Take-overs that last, because the control group is slow, while those who have sealed start again and hear their primary.
            Name = "seals", ControlOutage = 8, ControlOutageTime = 2 * Instant.Second, ControlDrop = 300, Crash = 12, CrashLeader = 1, CrashAll = 0, Damage = 0, ReplaceDisk = 0,
            Downtime = 40 * Instant.Millisecond, IsolateLeader = 10, OneWay = 6, PartitionTime = 900 * Instant.Millisecond, FaultGap = 120 * Instant.Millisecond, ThinkTime = 20 * Instant.Millisecond,
        },
        Base with { Name = "forced", Force = 15, CrashLeader = 2, FaultGap = 800 * Instant.Millisecond, ThinkTime = 20 * Instant.Millisecond },
        Base with { Name = "delayed", Nodes = 4, Delayed = true, WallJump = 0, CheckpointEntries = 25, KeepEntries = 5 },
        Base with
        {
            Name = "reads", Drop = 10, Late = 40, LateBy = 600 * Instant.Millisecond, IsolateLeader = 14, Partition = 5, Pause = 12, LongPause = 3, Clients = 8, Keys = 2,
            Reads = 60, ThinkTime = 10 * Instant.Millisecond, FaultGap = 400 * Instant.Millisecond,
        },
        Base with
        {
            Name = "members", Weight = 2, Spares = 3, OperatorGap = 150 * Instant.Millisecond, CheckpointEntries = 25, KeepEntries = 5, Damage = 2, ReplaceDisk = 2, FaultGap = 400 * Instant.Millisecond,
        },
    ];
}
