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

    /// <summary>It may be in sync: it has no part, such as a delay, that keeps it out.</summary>
    public bool IsEligible { get; init; } = true;

    /// <summary>What it lacks of the leader's log, on disk.</summary>
    public long LagEntries { get; init; }

    public long LagBytes { get; init; }

    /// <summary>For how long, in µs, the oldest entry that it lacks has been in the leader's log; 0: it lacks none.</summary>
    public long LagMicros { get; init; }

    /// <summary>Heartbeats in a row that it has not answered.</summary>
    public int MissedBeats { get; init; }

    /// <summary>It answers, and what waits for it has grown over a limit for a while.</summary>
    public bool Slow { get; init; }

    /// <summary>When it will have caught up at its pace, in µs from now; null: it has, or the pace is not known.</summary>
    public long? CatchUpMicros { get; init; }
}

/// <summary>How far a shard has got on its way back to <see cref="ReplicaMode.Target"/>.</summary>
/// <param name="PartsPerThousand">Of the most that was lacking since the shard was last at its target, how much is made up for: 0 to 1,000, never less than before.</param>
/// <param name="LagEntries">What is lacking now, entries of the follower that decides.</param>
/// <param name="EtaMicros">How long it will take at the measured pace, µs; null: the pace is not known, or too slow.</param>
public readonly record struct RecoveryProgress(int PartsPerThousand, long LagEntries, long? EtaMicros);
