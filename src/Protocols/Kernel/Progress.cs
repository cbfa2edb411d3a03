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

/// <summary>How far a replica is with its part of a change of the ring, or a rebuild of itself.</summary>
/// <param name="Phase">What is under way, such as "stable", "copying", "switched"; said to operators.</param>
/// <param name="Ranges">Ranges of the ring that this replica gets.</param>
/// <param name="KeysDone">Keys that were copied here.</param>
/// <param name="KeysTotal">As the sources have said so far.</param>
/// <param name="BytesDone">Bytes that were copied here.</param>
/// <param name="BytesTotal">As the sources have said so far.</param>
public sealed record RingProgress(long Epoch, string Phase, int Ranges, int RangesDone, long KeysDone, long KeysTotal, long BytesDone, long BytesTotal)
{
    /// <summary>Parts per thousand of the ring that this replica is the first owner of.</summary>
    public int Share { get; init; }
}

/// <summary>What repair (anti-entropy) has done on a replica since it started.</summary>
/// <param name="Running">A comparison is under way with this one; none: no.</param>
/// <param name="PeersLeft">Of a repair that was ordered: peers that are still to be compared with.</param>
/// <param name="Comparisons">Comparisons that came to their end.</param>
/// <param name="KeysCompared">Keys that lay under the trees of those comparisons.</param>
/// <param name="KeysExchanged">Keys that differed and were exchanged.</param>
/// <param name="HintsBytes">Bytes of hints that are kept here for others.</param>
/// <param name="Damaged">Keys at which a tree and the data under it differed when it was built anew.</param>
public sealed record RepairProgress(ReplicaId Running, int PeersLeft, long Comparisons, long KeysCompared, long KeysExchanged, long HintsBytes, long Damaged)
{
    /// <summary>How long the oldest hint has been kept here, µs; null: there is none, or it is not told.</summary>
    public long? OldestHintMicros { get; init; }

    /// <summary>Hints that are kept here for others.</summary>
    public int Hints { get; init; }

    /// <summary>What others sent and was not taken since this replica started, because it was too far ahead of the clock here.</summary>
    public long RefusedAsAhead { get; init; }
}

/// <summary>What a replica knows of one other member, where each member takes changes of its own. Counted in updates.</summary>
/// <param name="Heard">It was heard of since this replica started; if not, the rest says nothing.</param>
/// <param name="Lacks">Updates that are here and were not there when it last spoke.</param>
/// <param name="Ahead">Updates that were there when it last spoke and are not here.</param>
/// <param name="SilentMicros">Since it last spoke, µs.</param>
public readonly record struct MemberSpread(ReplicaId Id, bool Heard, long Lacks, long Ahead, long SilentMicros);

/// <summary>How far changes have spread from and to one replica, where each member takes changes of its own, and what it keeps for that.</summary>
/// <param name="Members">The others, in order of their ids.</param>
/// <param name="KeptUpdates">Updates that are kept here because a member may lack them.</param>
/// <param name="KeptBytes">Their bytes.</param>
/// <param name="Tags">Parts of values that are remembered until all members have seen them.</param>
/// <param name="Keys">Keys that were ever changed.</param>
/// <param name="Comparing">The member whose values are being compared and brought over; none: no.</param>
/// <param name="Lends">Members that are comparing with this one.</param>
/// <param name="Comparisons">That this replica has brought to their end since it started.</param>
/// <param name="Refused">Updates that could not be carried out, since it started.</param>
/// <param name="Unreadable">Parts of updates that could not be merged and are left out, since its data began.</param>
/// <param name="Nonsense">Messages of members that could not be read, since it started.</param>
/// <param name="Rebuilding">It may lack what it had, and serves nobody until it has what all others have.</param>
public sealed record SpreadProgress(
    IReadOnlyList<MemberSpread> Members, long KeptUpdates, long KeptBytes, long Tags, long Keys, ReplicaId Comparing, int Lends, long Comparisons, long Refused, long Unreadable, long Nonsense,
    bool Rebuilding);
