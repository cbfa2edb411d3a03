namespace ActorRepl.Protocols.Kernel;

public enum RequestKind : byte
{
    /// <summary>Changes state: goes through the log.</summary>
    Command = 1,

    /// <summary>Reads state as of a moment between call and return (linearizable).</summary>
    Read = 2,

    /// <summary>Reads whatever this replica has applied; may be old.</summary>
    StaleRead = 3,

    /// <summary>As <see cref="Read"/>, answered by the replica it reaches: it learns from the leader how far it must have applied.</summary>
    FollowerRead = 4,

    /// <summary>Answered by the replica it reaches, from state that is at most <see cref="ClientRequest.MaxStaleness"/> old.</summary>
    BoundedRead = 5,

    /// <summary>Changes who holds the shard; the payload is a <see cref="Membership"/>, the answer empty, once it is in force.</summary>
    ChangeMembers = 6,

    /// <summary>Gives leadership to another replica, as <see cref="TransferOrder"/> says; answered once it is given.</summary>
    Transfer = 7,

    /// <summary>Answered by the replica it reaches, once that has applied <see cref="ClientRequest.AtLeast"/>: what the session has seen.</summary>
    SessionRead = 8,

    /// <summary>Compares this replica with all others that hold the same data, and exchanges what differs; answered once that is done.</summary>
    Repair = 9,
}

/// <summary>
/// A request as a protocol sees it. <see cref="Id"/> is the driver's and unique within one incarnation;
/// <see cref="Deadline"/> is on this replica's monotonic clock, µs.
/// </summary>
public readonly record struct ClientRequest(long Id, RequestKind Kind, ReadOnlyMemory<byte> Payload, long Deadline)
{
    /// <summary>How old, in µs, the state may be that a <see cref="RequestKind.BoundedRead"/> is answered from.</summary>
    public long MaxStaleness { get; init; }

    /// <summary>What a <see cref="RequestKind.SessionRead"/> must see.</summary>
    public LogPosition AtLeast { get; init; }

    /// <summary>When a <see cref="RequestKind.Command"/> counts as done.</summary>
    public WriteConcern Concern { get; init; }

    /// <summary>Of a protocol without a leader: whose answers it waits for; the default leaves that to its payload, or to the group.</summary>
    public ConsistencyLevel Level { get; init; }
}

public enum RejectReason : byte
{
    /// <summary>Another replica may serve this; nothing was done.</summary>
    NotLeader = 1,

    /// <summary>The deadline passed without a majority.</summary>
    NoQuorum = 2,

    /// <summary>The disk refuses writes.</summary>
    StorageUnavailable = 3,

    /// <summary>A queue is at its limit; nothing was done.</summary>
    Overloaded = 4,

    /// <summary>The request was in the log of a former leader and lost there for certain; it may be sent again.</summary>
    Dropped = 5,

    /// <summary>The session is unknown: it expired, or never was.</summary>
    SessionExpired = 6,

    /// <summary>The request itself is wrong; nothing was done.</summary>
    Invalid = 7,

    /// <summary>The replica is stopping or starting; nothing was done.</summary>
    Unavailable = 8,

    /// <summary>The replica is further behind than the read allows; nothing was done, another replica may serve.</summary>
    TooStale = 9,

    /// <summary>What the session had seen is no longer in the shard's history: a failover lost it.</summary>
    HistoryLost = 10,

    /// <summary>What the request was to change is not as it requires; nothing was done.</summary>
    Conflict = 11,
}

/// <summary>
/// Why a request was not served. <see cref="OutcomeUnknown"/>: it is in a log and may yet take effect;
/// otherwise it certainly has not and will not.
/// </summary>
public readonly record struct Rejection(RejectReason Reason, bool OutcomeUnknown = false, ReplicaId Leader = default, string? Detail = null);
