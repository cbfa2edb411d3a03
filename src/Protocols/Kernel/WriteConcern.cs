namespace ActorRepl.Protocols.Kernel;

/// <summary>Who besides the leader must have a command before it is acknowledged. Protocols with a majority rule know only the default.</summary>
public enum AckLevel : byte
{
    /// <summary>The group's own.</summary>
    Default = 0,

    /// <summary>The primary has it on disk; a failover may lose it.</summary>
    Async = 1,

    /// <summary><see cref="WriteConcern.Backups"/> members of the sync set beside the primary have it.</summary>
    SemiSync = 2,

    /// <summary>Every member of the sync set has it.</summary>
    Sync = 3,

    /// <summary>A majority of the shard's members has it, the primary included.</summary>
    Quorum = 4,
}

/// <summary>How far a member must have got with a command to count for it (PostgreSQL: remote_write, on, remote_apply).</summary>
public enum AckReach : byte
{
    /// <summary>The group's own.</summary>
    Default = 0,

    /// <summary>In its memory.</summary>
    Received = 1,

    /// <summary>On its disk.</summary>
    Durable = 2,

    /// <summary>Applied there: a read at that member sees it.</summary>
    Applied = 3,
}

/// <summary>What becomes of a command for which not enough members answer in time.</summary>
public enum OnAckTimeout : byte
{
    /// <summary>The group's own.</summary>
    Default = 0,

    /// <summary>Acknowledged as if it were <see cref="AckLevel.Async"/>, and said so in status, events and metrics.</summary>
    Degrade = 1,

    /// <summary>Refused with an unknown outcome; it stays in the log.</summary>
    Refuse = 2,
}

/// <summary>When a command counts as done. The default value leaves all to the group.</summary>
/// <param name="Level">Who must have it.</param>
/// <param name="Backups">For <see cref="AckLevel.SemiSync"/>: how many beside the primary, from 1; 0: the group's own number.</param>
/// <param name="Reach">How far each must have got.</param>
/// <param name="TimeoutMillis">How long to wait for them; 0: the group's own time. The request's deadline ends the wait as well.</param>
/// <param name="OnTimeout">What then.</param>
public readonly record struct WriteConcern(
    AckLevel Level = AckLevel.Default,
    byte Backups = 0,
    AckReach Reach = AckReach.Default,
    int TimeoutMillis = 0,
    OnAckTimeout OnTimeout = OnAckTimeout.Default)
{
    public bool IsDefault => this == default;
}

/// <summary>
/// A place in a shard's history: an index together with the term or epoch in which its entry was made, so that a history
/// that was lost is not mistaken for the one in its place. What a session has seen, and where a follower stands.
/// </summary>
public readonly record struct LogPosition(long Term, long Index)
{
    /// <summary>By term, then by index: a log that ends there is the more advanced of two.</summary>
    public bool IsAfter(LogPosition other) => Term != other.Term ? Term > other.Term : Index > other.Index;

    public override string ToString() => $"{Term}/{Index}";
}
