using ActorRepl.Actors.Routing;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Client;

/// <summary>
/// A request was not served. Each reason has a type of its own below; <see cref="OutcomeUnknown"/> says what holds for all of them:
/// whether the command may yet take effect.
/// </summary>
public class ReplicationException : Exception
{
    /// <param name="rejection">Why.</param>
    /// <param name="message">The same in words for people.</param>
    public ReplicationException(Rejection rejection, string message) : base(message) => Rejection = rejection;

    public Rejection Rejection { get; }

    /// <summary>The command may have been carried out, or may yet be. Otherwise it certainly was not and never will be.</summary>
    public bool OutcomeUnknown => Rejection.OutcomeUnknown;

    /// <summary>Nothing was done, and what was in the way passes by itself: the same request may be sent again, after a pause.</summary>
    public bool IsTransient => !OutcomeUnknown
        && Rejection.Reason is RejectReason.NotLeader or RejectReason.NoQuorum or RejectReason.Overloaded or RejectReason.Dropped or RejectReason.Unavailable or RejectReason.TooStale;

    /// <summary>The exception of the reason's own type.</summary>
    /// <param name="why">The reason.</param>
    /// <param name="message">In words; null: those that <paramref name="why"/> gives.</param>
    public static ReplicationException Of(in Rejection why, string? message = null)
    {
        string text = message ?? Explain.Rejection(why);
        return why.Reason switch
        {
            RejectReason.NotLeader => new NotLeaderException(why, text),
            RejectReason.NoQuorum => new NoQuorumException(why, text),
            RejectReason.StorageUnavailable => new StorageException(why, text),
            RejectReason.Overloaded => new OverloadedException(why, text),
            RejectReason.Dropped => new DroppedException(why, text),
            RejectReason.SessionExpired => new SessionExpiredException(why, text),
            RejectReason.Invalid => new InvalidRequestException(why, text),
            RejectReason.Unavailable => new UnavailableException(why, text),
            RejectReason.TooStale => new TooStaleException(why, text),
            RejectReason.HistoryLost => new HistoryLostException(why, text),
            RejectReason.Conflict => new ConflictException(why, text),
            _ => new ReplicationException(why, text),
        };
    }
}

/// <summary>No replica that may serve the request was found by the deadline.</summary>
public sealed class NotLeaderException(Rejection rejection, string message) : ReplicationException(rejection, message);

/// <summary>Too few replicas answered by the deadline.</summary>
public sealed class NoQuorumException(Rejection rejection, string message) : ReplicationException(rejection, message);

/// <summary>The disks that would have to take the command refuse writes, or are full.</summary>
public sealed class StorageException(Rejection rejection, string message) : ReplicationException(rejection, message);

/// <summary>A queue is at its limit: send less, or later.</summary>
public sealed class OverloadedException(Rejection rejection, string message) : ReplicationException(rejection, message);

/// <summary>The command was in the log of a former leader, and a failover took it out for good.</summary>
public sealed class DroppedException(Rejection rejection, string message) : ReplicationException(rejection, message);

/// <summary>The shard has forgotten the session, or never knew it: whether its last commands were applied cannot be told any more.</summary>
public sealed class SessionExpiredException(Rejection rejection, string message) : ReplicationException(rejection, message);

/// <summary>The request itself is wrong, and will be the next time.</summary>
public sealed class InvalidRequestException(Rejection rejection, string message) : ReplicationException(rejection, message);

/// <summary>The replica or the node is starting or stopping.</summary>
public sealed class UnavailableException(Rejection rejection, string message) : ReplicationException(rejection, message);

/// <summary>No replica that may answer has caught up as far as the read asks for.</summary>
public sealed class TooStaleException(Rejection rejection, string message) : ReplicationException(rejection, message);

/// <summary>A failover lost what the session had seen: <see cref="IReplicationSession.Forget"/> is the way on.</summary>
public sealed class HistoryLostException(Rejection rejection, string message) : ReplicationException(rejection, message);

/// <summary>What was to be changed is not as the request requires: read it again. Nothing was done.</summary>
public sealed class ConflictException(Rejection rejection, string message) : ReplicationException(rejection, message);
