using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Modes;

/// <summary>A shard as its leader sees it at one moment.</summary>
/// <param name="Followers">Every member with data but the leader.</param>
/// <param name="Wanted">Followers in sync that the group asks for when all is well.</param>
/// <param name="Least">With fewer followers in sync than this the shard is at its floor.</param>
/// <param name="LastIndex">The last entry of the leader's log.</param>
public readonly record struct ModeSample(IReadOnlyList<FollowerProgress> Followers, int Wanted, int Least, long LastIndex)
{
    /// <summary>The replica may not take commands, whatever the policy: it cannot know that nobody else leads.</summary>
    public bool MayNotLead { get; init; }

    /// <summary>How many acknowledgements have been given with less than was asked for, ever; it only grows.</summary>
    public long DegradedAcks { get; init; }
}

/// <summary>Something changed, and why: of the shard, or of one of its followers.</summary>
public abstract record ModeEvent(long At, string Reason)
{
    public sealed record ModeChanged(ReplicaMode From, ReplicaMode To, long At, string Reason) : ModeEvent(At, Reason)
    {
        public override string ToString() => $"mode {From} -> {To}: {Reason}";
    }

    public sealed record FollowerChanged(ReplicaId Follower, FollowerLevel From, FollowerLevel To, long At, string Reason) : ModeEvent(At, Reason)
    {
        public override string ToString() => $"follower {Follower} {From} -> {To}: {Reason}";
    }
}
