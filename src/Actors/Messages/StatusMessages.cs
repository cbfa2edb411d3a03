using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Modes;

namespace ActorRepl.Actors.Messages;

/// <summary>How a replica is, beside what its protocol says.</summary>
public enum ReplicaHealth : byte
{
    /// <summary>Recovering, or waiting to be started again.</summary>
    Down = 1,

    Running = 2,

    /// <summary>Running; the disk is full, writes are refused.</summary>
    StorageFull = 3,

    /// <summary>Not running because storage failed.</summary>
    StorageFailed = 4,
}

/// <summary>Asks the supervisor of a replica; answered by <see cref="ReplicaReport"/> to the sender.</summary>
public sealed record GetReplicaStatus(string Group, int Shard);

/// <summary>A replica of a shard as it stands. <see cref="Status"/> is null while it is not running.</summary>
public sealed record ReplicaReport(string Group, int Shard, ReplicaId Node, ReplicaHealth Health, ReplicaStatus? Status)
{
    /// <summary>Why it is not running, or what was found damaged; null: nothing to say.</summary>
    public string? Detail { get; init; }

    /// <summary>Estimated bytes of memory of the machine's state.</summary>
    public long StateBytes { get; init; }

    /// <summary>How far its followers have lagged lately; empty where it does not lead. Only on the replica's own node: it does not travel.</summary>
    public IReadOnlyList<FollowerLag> Lags { get; init; } = [];

    /// <summary>How often it has been started since its node was.</summary>
    public int Starts { get; init; }
}

/// <summary>How far a follower has lagged behind its leader, over the last minute or two, µs.</summary>
public sealed record FollowerLag(ReplicaId Follower, LagQuantiles Lag);

/// <summary>Published on the event stream of the node when a replica there changes role, term or leader, or stops.</summary>
public sealed record ReplicaStatusChanged(ReplicaReport Report);

/// <summary>Published on the event stream of the node when the transport or the cluster believes a node up or down.</summary>
public sealed record PeerChanged(ReplicaId Node, bool Up)
{
    /// <summary>It was just not heard for a while; only replicas are told so.</summary>
    public bool OnlySilent { get; init; }
}

/// <summary>Published on the event stream of the node: something about a replica an operator wants to know, once.</summary>
public sealed record ReplicaEvent(string Group, int Shard, ReplicaId Node, string What);

/// <summary>Makes replicas give leadership away; sent to any supervisor or replica, passed down. The node is about to stop.</summary>
public sealed record HandOverLeadership
{
    public static readonly HandOverLeadership Instance = new();
}
