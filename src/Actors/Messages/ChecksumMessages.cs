using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Messages;

/// <summary>
/// Has a replica take the checksum of its state just after the entry with that mark. Answered at once by <see cref="ShardChecksum"/>
/// without a sum: it waits, or says why it cannot.
/// </summary>
public sealed record ArmChecksum(string Group, int Shard, Guid Mark, int TimeoutMillis);

/// <summary>Asks for what <see cref="ArmChecksum"/> ordered; answered by <see cref="ShardChecksum"/> once it is there, or it is clear that it never will be.</summary>
public sealed record GetChecksum(string Group, int Shard, Guid Mark);

/// <summary>A replica's state at a position, added up; or why it is not.</summary>
public sealed record ShardChecksum(string Group, int Shard, ReplicaId Node, Guid Mark, LogPosition At)
{
    /// <summary>Null: it has not been taken.</summary>
    public StateChecksum? Sum { get; init; }

    /// <summary>Null: nothing is wrong.</summary>
    public string? Problem { get; init; }
}
