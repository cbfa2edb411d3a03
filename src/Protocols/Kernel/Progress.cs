namespace ActorRepl.Protocols.Kernel;

/// <summary>How well a shard can do what its group promises.</summary>
public enum ReplicaMode : byte
{
    /// <summary>The protocol has no modes.</summary>
    None = 0,

    /// <summary>All that the group asks for is there.</summary>
    Target = 1,

    /// <summary>It serves, with less than the group asks for.</summary>
    Degraded = 2,

    /// <summary>The least: what the group's policy leaves, such as reads only.</summary>
    Floor = 3,

    /// <summary>On the way back to <see cref="Target"/>: members are catching up.</summary>
    Recovery = 4,
}

/// <summary>How far one follower has got, as its leader knows it. Positions are log indexes.</summary>
public sealed record FollowerProgress(ReplicaId Id, long Sent, long Received, long Durable, long Applied)
{
    /// <summary>It counts for acknowledgements, and may take over.</summary>
    public bool InSync { get; init; }

    /// <summary>What it lacks of the leader's log, on disk.</summary>
    public long LagEntries { get; init; }

    public long LagBytes { get; init; }

    /// <summary>For how long, in µs, the oldest entry that it lacks has been in the leader's log; 0: it lacks none.</summary>
    public long LagMicros { get; init; }

    /// <summary>Heartbeats in a row that it has not answered.</summary>
    public int MissedBeats { get; init; }

    /// <summary>When it will have caught up at its pace, in µs from now; null: it has, or the pace is not known.</summary>
    public long? CatchUpMicros { get; init; }
}
