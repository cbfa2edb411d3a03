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
    /// <summary>Bytes on the wire.</summary>
    public const int EncodedSize = 4 * sizeof(byte) + sizeof(int);

    public bool IsDefault => this == default;

    /// <summary>What makes no sense in it, whatever the protocol; null: nothing.</summary>
    public string? Contradiction => this switch
    {
        { Level: < AckLevel.Default or > AckLevel.Quorum } => $"there is no acknowledgement level {(byte)Level}",
        { Reach: < AckReach.Default or > AckReach.Applied } => $"there is no reach {(byte)Reach}",
        { OnTimeout: < OnAckTimeout.Default or > OnAckTimeout.Refuse } => $"there is no way {(byte)OnTimeout} to end a wait",
        { TimeoutMillis: < 0 } => $"the wait for acknowledgements is {TimeoutMillis} ms; it must be 1 or more, or 0 for the group's own",
        { Backups: > 0, Level: not AckLevel.SemiSync } => $"{Backups} backups are named for level {Level}; only {nameof(AckLevel.SemiSync)} counts them",
        { Level: AckLevel.Async } when Reach != AckReach.Default || TimeoutMillis > 0 || OnTimeout != OnAckTimeout.Default
            => $"level {nameof(AckLevel.Async)} waits for no other member: it has neither reach nor timeout",
        _ => null,
    };

    public void Encode(ref ByteWriter writer)
    {
        writer.Byte((byte)Level);
        writer.Byte(Backups);
        writer.Byte((byte)Reach);
        writer.Byte((byte)OnTimeout);
        writer.Int32(TimeoutMillis);
    }

    /// <summary>What makes no sense comes through, so that whoever asked can be told.</summary>
    /// <exception cref="InvalidDataException">The bytes are none.</exception>
    public static WriteConcern Decode(ref ByteReader reader)
    {
        var level = (AckLevel)reader.Byte();
        byte backups = reader.Byte();
        var reach = (AckReach)reader.Byte();
        var onTimeout = (OnAckTimeout)reader.Byte();
        return new WriteConcern(level, backups, reach, reader.Int32(), onTimeout);
    }
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
