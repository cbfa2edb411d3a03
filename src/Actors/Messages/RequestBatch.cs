using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Messages;

/// <summary>A request on its way from a router to a replica. The id is the router's; the deadline travels as what remains of it.</summary>
public readonly record struct RoutedRequest(long Id, RequestKind Kind, int RemainingMillis, ReadOnlyMemory<byte> Payload)
{
    /// <summary>Bytes on the wire beside the payload, at least.</summary>
    public const int Overhead = sizeof(long) + sizeof(byte) + 2 * sizeof(int);

    /// <summary>Bytes on the wire of what only some kinds of request have, at most.</summary>
    public const int MostBeside = 2 * sizeof(long) + ConsistencyLevel.EncodedSize;

    /// <summary>For a bounded read, and only there on the wire: how old its state may be, ms.</summary>
    public int MaxStalenessMillis { get; init; }

    /// <summary>For a read of a session, and only there on the wire: what it must see.</summary>
    public LogPosition AtLeast { get; init; }

    /// <summary>For a command: when it counts as done. On the wire only if the group's own way is not meant.</summary>
    public WriteConcern Concern { get; init; }

    /// <summary>Of a group without a leader: whose answers it waits for. On the wire only if it says something.</summary>
    public ConsistencyLevel Level { get; init; }

    /// <summary>Bytes on the wire.</summary>
    public int Size => Overhead + (Kind == RequestKind.BoundedRead ? sizeof(int) : Kind == RequestKind.SessionRead ? 2 * sizeof(long) : 0)
        + (Concern.IsDefault ? 0 : WriteConcern.EncodedSize) + (Level.IsDefault ? 0 : ConsistencyLevel.EncodedSize) + Payload.Length;
}

/// <summary>Requests that waited together, from a router to the supervisor of a replica. Numbered by the router, from 1.</summary>
public sealed record RequestBatch(string Group, int Shard, long Number, RoutedRequest[] Requests);
