using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Messages;

/// <summary>What became of one routed request: a result, or a rejection.</summary>
public readonly record struct RoutedReply(long Id, ReadOnlyMemory<byte> Result, Rejection? Rejection)
{
    /// <summary>Bytes on the wire beside result and detail.</summary>
    public const int Overhead = sizeof(long) + sizeof(byte) + sizeof(int);
}

/// <summary>
/// Answers to a router. <see cref="ReplicaDown"/>: they come from the supervisor, because the replica is not running; then
/// nothing was done, and another replica may serve.
/// </summary>
public sealed record ReplyBatch(string Group, int Shard, ReplicaId From, bool ReplicaDown, RoutedReply[] Replies)
{
    /// <summary>Where the replica's state stood when the batch was sent: every result in it is contained. Index 0: it does not say.</summary>
    public LogPosition Applied { get; init; }
}

/// <summary>
/// The replica has stopped: what it was sent up to that batch and has not answered has an unknown outcome.
/// </summary>
public sealed record ReplicaStopped(string Group, int Shard, ReplicaId From, long LastBatch);
