using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Faults;

/// <summary>
/// How bad the world is: rates and spans of faults. Times in µs, chances in thousandths. The weights say which faults
/// are drawn how often; one is drawn about every <see cref="FaultGap"/>.
/// </summary>
internal sealed record Profile(string Name)
{
    public int Nodes { get; init; } = 3;

    /// <summary>Replicas beside the first ones, which an operator may bring in; the last of them only as a witness. 0: nobody changes members.</summary>
    public int Spares { get; init; }

    /// <summary>An operator waits about this long between two things.</summary>
    public long OperatorGap { get; init; } = 1500 * Instant.Millisecond;

    /// <summary>How often it is drawn beside the others.</summary>
    public int Weight { get; init; } = 1;

    public long FaultGap { get; init; } = 300 * Instant.Millisecond;

    public int Drop { get; init; } = 5;
    public int Duplicate { get; init; } = 5;

    /// <summary>Messages that are late by up to <see cref="LateBy"/>, and so overtaken by others.</summary>
    public int Late { get; init; } = 20;
    public long LateBy { get; init; } = 200 * Instant.Millisecond;
    public long Latency { get; init; } = Instant.Millisecond;

    public long Sync { get; init; } = Instant.Millisecond;
    public int SlowSync { get; init; } = 10;
    public long SlowSyncBy { get; init; } = 500 * Instant.Millisecond;
    public long Checkpoint { get; init; } = 30 * Instant.Millisecond;

    public long Downtime { get; init; } = 800 * Instant.Millisecond;
    public long PartitionTime { get; init; } = 1500 * Instant.Millisecond;

    public int Crash { get; init; } = 4;
    public int CrashLeader { get; init; } = 3;
    public int CrashAll { get; init; } = 1;
    public int Partition { get; init; } = 3;
    public int IsolateLeader { get; init; } = 2;
    public int OneWay { get; init; } = 2;
    public int DiskFull { get; init; } = 1;
    public int WriteFailure { get; init; } = 2;
    public int CheckpointFailure { get; init; } = 1;
    public int Damage { get; init; } = 1;
    public int ReplaceDisk { get; init; } = 1;
    public int Pause { get; init; } = 2;
    public int WallJump { get; init; } = 2;
    public int HandOver { get; init; } = 1;
    public int FalseHint { get; init; } = 1;

    /// <summary>A leader, most often, stands still for seconds, longer than any lease; its clocks go on.</summary>
    public int LongPause { get; init; }

    /// <summary>Leases of primaries are longer by this.</summary>
    public long MoreLease { get; init; }

    /// <summary>All replicas but one crash, and an operator gives that one the lead whatever is lost.</summary>
    public int Force { get; init; }

    /// <summary>A leader is cut off while another wants its place, and those who have given it a lease start again.</summary>
    public int ForgottenLease { get; init; }

    /// <summary>Clients also give keys an end, change pairs of keys by batches, and scan.</summary>
    public bool Lists { get; init; }

    /// <summary>The last replica applies what is committed only after a while.</summary>
    public bool Delayed { get; init; }

    /// <summary>The control group is out of reach for up to <see cref="ControlOutageTime"/>.</summary>
    public int ControlOutage { get; init; }
    public long ControlOutageTime { get; init; } = 5 * Instant.Second;

    /// <summary>Of a thousand messages to and from the control group, so many are lost.</summary>
    public int ControlDrop { get; init; }

    /// <summary>The longest election timeout is longer than the shortest by this, or less.</summary>
    public long ElectionSpread { get; init; } = 300 * Instant.Millisecond;

    /// <summary>A replica crashes in so many of a thousand cases soon after it has begun to write something, and is soon back.</summary>
    public int CrashAfterWrite { get; init; } = 1;

    /// <summary>A new leader crashes or is cut off, in so many of a thousand cases: at once, or within <see cref="LeaderLife"/>.</summary>
    public int LeaderFate { get; init; }
    public long LeaderLife { get; init; } = 40 * Instant.Millisecond;

    /// <summary>Bytes of a batch above which a leader begins another; small ones make logs differ in the middle.</summary>
    public int MaxBatchBytes { get; init; } = 512;

    public int CheckpointEntries { get; init; } = 60;
    public int KeepEntries { get; init; } = 10;

    public int Clients { get; init; } = 5;
    public int Keys { get; init; } = 4;

    /// <summary>Of a hundred operations, so many are linearizable reads.</summary>
    public int Reads { get; init; } = 35;

    /// <summary>Idle replicas go quiet after this; 0: one seed in four draws 100 ms, the others never do.</summary>
    public long QuietAfter { get; init; }

    /// <summary>Of a hundred seeds, so many let leaders read on leases.</summary>
    public int Leases { get; init; } = 50;

    /// <summary>A client waits up to this long between two operations.</summary>
    public long ThinkTime { get; init; } = 60 * Instant.Millisecond;
}

internal static class Profiles
{
    /// <summary>One of a protocol's schedules, each by its weight.</summary>
    public static Profile Draw(IReadOnlyList<Profile> profiles, DeterministicRandom random)
    {
        long drawn = random.Next(profiles.Sum(profile => profile.Weight));
        return profiles.First(profile => (drawn -= profile.Weight) < 0);
    }
}
