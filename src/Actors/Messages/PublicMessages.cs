using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Messages;

/// <summary>
/// Applies a command on the shard that owns the key. Sent to <c>/user/actorrepl/&lt;group&gt;/router</c> of any node, from
/// any actor system; answered to the sender by <see cref="Executed"/> or <see cref="RequestRejected"/>.
/// </summary>
/// <param name="Key">Decides the shard: see <see cref="Client.ShardHash"/>.</param>
/// <param name="Command">The machine's own bytes.</param>
/// <param name="TimeoutMillis">How long it may take; null: the node's <c>actorrepl.request-timeout</c>.</param>
/// <param name="ClientId">With <paramref name="Sequence"/>: applied once, however often it is sent.</param>
/// <param name="Sequence">From 1, numbered by the client per group and shard.</param>
/// <param name="FirstIncomplete">Commands of the client below this sequence are complete and their results may be forgotten.</param>
public sealed record Execute(
    ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Command, int? TimeoutMillis = null, Guid? ClientId = null, long Sequence = 0, long FirstIncomplete = 1)
{
    /// <summary>When it counts as done; the default leaves that to the group. A protocol refuses what it cannot do.</summary>
    public WriteConcern Concern { get; init; }

    /// <summary>Of a group without a leader: whose acknowledgements it waits for; the default leaves that to the command or the group.</summary>
    public ConsistencyLevel Level { get; init; }
}

/// <summary>Answers a query from the shard that owns the key: <see cref="QueryResult"/> or <see cref="RequestRejected"/>.</summary>
/// <param name="Kind">
/// <see cref="RequestKind.Read"/> (linearizable), <see cref="RequestKind.FollowerRead"/> (as linearizable, from the nearest
/// replica), <see cref="RequestKind.BoundedRead"/>, <see cref="RequestKind.SessionRead"/> or <see cref="RequestKind.StaleRead"/>.
/// </param>
/// <param name="MaxStalenessMillis">For a bounded read: how old its state may be, ms, from 0.</param>
public sealed record Query(
    ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Payload, RequestKind Kind = RequestKind.Read, int? TimeoutMillis = null, int MaxStalenessMillis = 0)
{
    /// <summary>Which replicas may answer.</summary>
    public ReadFrom ReadFrom { get; init; }

    /// <summary>For a read of a session: what it must see, of an <see cref="Executed"/> or <see cref="QueryResult"/> of the same shard.</summary>
    public LogPosition AtLeast { get; init; }

    /// <summary>Of a group without a leader: whose answers it waits for; the default leaves that to the payload or the group.</summary>
    public ConsistencyLevel Level { get; init; }
}

/// <summary>The command is done, as far as its concern or the group asks for; without either, durable on a majority.</summary>
public sealed record Executed(ReadOnlyMemory<byte> Result)
{
    /// <summary>A place in the shard's history that holds it; see <see cref="Query.AtLeast"/>.</summary>
    public LogPosition Seen { get; init; }
}

public sealed record QueryResult(ReadOnlyMemory<byte> Result)
{
    /// <summary>A place in the shard's history that holds all the answer was taken from; see <see cref="Query.AtLeast"/>.</summary>
    public LogPosition Seen { get; init; }
}

/// <summary>
/// The request was not served. <see cref="OutcomeUnknown"/>: it may yet take effect; otherwise it has not and will not.
/// </summary>
public sealed record RequestRejected(RejectReason Reason, bool OutcomeUnknown, string Message);
