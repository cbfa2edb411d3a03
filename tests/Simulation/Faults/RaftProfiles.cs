using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Faults;

/// <summary>The schedules of faults for Raft. A seed of <c>mixed</c> draws one of them.</summary>
internal static class RaftProfiles
{
    private static readonly Profile Base = new("everything");

    public static readonly Profile[] All =
    [
        Base,
        Base with { Name = "five", Nodes = 5 },
        Base with { Name = "lists", Weight = 2, Lists = true, Keys = 2, CheckpointEntries = 30, KeepEntries = 3, WallJump = 8, ThinkTime = 20 * Instant.Millisecond },
        Base with { Name = "members", Weight = 4, Spares = 4, OperatorGap = 150 * Instant.Millisecond, CheckpointEntries = 25, KeepEntries = 5, Damage = 3, ReplaceDisk = 3, FaultGap = 400 * Instant.Millisecond },
        Base with { Name = "members-calm", Weight = 2, Spares = 4, OperatorGap = 30 * Instant.Millisecond, CheckpointEntries = 15, KeepEntries = 0, FaultGap = 1500 * Instant.Millisecond },
        Base with { Name = "crashes", Crash = 10, CrashLeader = 10, CrashAll = 3, Partition = 0, IsolateLeader = 0, OneWay = 0, SlowSync = 100, FaultGap = 200 * Instant.Millisecond },
        Base with { Name = "network", Nodes = 5, Drop = 50, Duplicate = 30, Late = 100, Partition = 8, IsolateLeader = 6, OneWay = 6, Crash = 1, CrashLeader = 1, MaxBatchBytes = 128 },
        Base with { Name = "disks", SlowSync = 150, DiskFull = 5, WriteFailure = 8, CheckpointFailure = 5, Damage = 3, ReplaceDisk = 3, CheckpointEntries = 20, KeepEntries = 2 },
        Base with { Name = "checkpoints", CheckpointEntries = 8, KeepEntries = 0, Checkpoint = 200 * Instant.Millisecond, ThinkTime = 10 * Instant.Millisecond, Partition = 6 },
        Base with
        {
            // Candidates that collide, votes that are late, and voters that crash around their vote.
            Name = "elections", Weight = 3, SlowSync = 300, SlowSyncBy = 60 * Instant.Millisecond, Latency = 15 * Instant.Millisecond, Late = 200,
            LateBy = 120 * Instant.Millisecond, ElectionSpread = 40 * Instant.Millisecond, Crash = 6, CrashLeader = 8, IsolateLeader = 4,
            FaultGap = 100 * Instant.Millisecond, Downtime = 60 * Instant.Millisecond, CrashAfterWrite = 60, LeaderFate = 300,
            PartitionTime = 500 * Instant.Millisecond, Damage = 0, ReplaceDisk = 0, ThinkTime = 300 * Instant.Millisecond, Clients = 3,
        },
        Base with
        {
            Name = "reads", Weight = 2, Drop = 10, Late = 40, LateBy = 600 * Instant.Millisecond, IsolateLeader = 14, Partition = 5, Pause = 12, Clients = 8, Keys = 2,
            Reads = 60, ThinkTime = 10 * Instant.Millisecond, FaultGap = 400 * Instant.Millisecond,
        },
        Base with
        {
            // Long idle times, and faults that fall into them.
            Name = "quiet", Weight = 2, QuietAfter = 100 * Instant.Millisecond, Clients = 2, ThinkTime = 8 * Instant.Second, FaultGap = 1500 * Instant.Millisecond,
            Late = 5, Damage = 0, ReplaceDisk = 0, WriteFailure = 6, Partition = 5, OneWay = 4, FalseHint = 4, Pause = 4,
        },
        Base with
        {
            // Voters that do not hear the leader, hear a candidate, come back within a lease, are told wrong, or stand still.
            Name = "leases", Weight = 3, Leases = 100, OneWay = 10, Partition = 4, Crash = 10, CrashLeader = 1, CrashAll = 0, Pause = 6, FalseHint = 6, HandOver = 4, Damage = 0, ReplaceDisk = 0,
            Downtime = 40 * Instant.Millisecond, FaultGap = 150 * Instant.Millisecond, PartitionTime = 2 * Instant.Second, Reads = 90, Clients = 4, ThinkTime = 200 * Instant.Millisecond,
        },
        Base with
        {
            // Leaders that come back with entries of an old term and replicate a part of them (Raft, figure 8).
            Name = "figure8", Weight = 4, Latency = 25 * Instant.Millisecond, LeaderLife = 60 * Instant.Millisecond, LeaderFate = 850, MaxBatchBytes = 64,
            CrashLeader = 1, Crash = 1, CrashAll = 0, Partition = 0, IsolateLeader = 0, OneWay = 0, DiskFull = 0, WriteFailure = 0, Damage = 0, ReplaceDisk = 0, Pause = 0,
            Downtime = 300 * Instant.Millisecond, FaultGap = 500 * Instant.Millisecond, PartitionTime = 400 * Instant.Millisecond,
            ThinkTime = 400 * Instant.Millisecond, Clients = 3,
        },
    ];
}
