namespace ActorRepl.Protocols.Kernel;

/// <summary>The ways to say when a command counts as done. What is left out, the group decides.</summary>
public static class Ack
{
    /// <summary>The primary has it on disk; a failover may lose it.</summary>
    public static readonly WriteConcern Async = new(AckLevel.Async);

    /// <summary>So many members of the sync set beside the primary have it (PostgreSQL: ANY n; MongoDB: w = n + 1).</summary>
    public static WriteConcern SemiSync(int backups = 0, TimeSpan timeout = default, OnAckTimeout onTimeout = OnAckTimeout.Default, AckReach reach = AckReach.Default) =>
        new(AckLevel.SemiSync, checked((byte)backups), reach, Millis(timeout), onTimeout);

    /// <summary>All members of the sync set have it.</summary>
    public static WriteConcern Sync(TimeSpan timeout = default, OnAckTimeout onTimeout = OnAckTimeout.Default, AckReach reach = AckReach.Default) =>
        new(AckLevel.Sync, 0, reach, Millis(timeout), onTimeout);

    /// <summary>A majority of the shard's members has it, the primary included (MongoDB: w = majority).</summary>
    public static WriteConcern Quorum(TimeSpan timeout = default, OnAckTimeout onTimeout = OnAckTimeout.Default, AckReach reach = AckReach.Default) =>
        new(AckLevel.Quorum, 0, reach, Millis(timeout), onTimeout);

    private static int Millis(TimeSpan time) => time == TimeSpan.Zero ? 0 : checked((int)Math.Max(1, Math.Ceiling(time.TotalMilliseconds)));
}
