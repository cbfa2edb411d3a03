using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Client;

/// <summary>Who is to hold a shard, and who does, by the word of its leader.</summary>
/// <param name="Wanted">By the control group; null: the group is not registered there yet.</param>
/// <param name="Leader">None: nobody says that it leads.</param>
/// <param name="Status">The leader's; null: there is none.</param>
public sealed record ShardMembers(string Group, int Shard, Membership? Wanted, ReplicaId Leader, ReplicaStatus? Status)
{
    /// <summary>The membership in force, or about to be; null: no leader says.</summary>
    public Membership? Actual => Status?.Members;

    /// <summary>What is wanted is in force.</summary>
    public bool IsSettled => Wanted is not null && Status is { LeavingVoters.Count: 0 } && Wanted.Equals(Actual);

    /// <summary>Entries that a member lacks of what is committed; null: nobody knows.</summary>
    public long? Missing(ReplicaId member) => member == Leader ? 0
        : Status is { } status && status.Followers.TryGetValue(member, out long match) ? Math.Max(0, status.CommitIndex - match) : null;
}
