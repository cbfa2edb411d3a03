using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Placement;

/// <summary>Memberships that differ from one in one node.</summary>
public static class MembershipChanges
{
    /// <summary>Null: not a member.</summary>
    public static MemberRole? RoleOf(this Membership members, ReplicaId node) =>
        members.Voters.Contains(node) ? MemberRole.Voter
        : members.Learners.Contains(node) ? MemberRole.Learner
        : members.Witnesses.Contains(node) ? MemberRole.Witness
        : null;

    /// <summary>With the node in this role, whatever it was.</summary>
    /// <exception cref="ArgumentException">No voter would be left, or there would be too many members.</exception>
    public static Membership With(this Membership members, ReplicaId node, MemberRole role)
    {
        IEnumerable<ReplicaId> In(MemberRole list, IReadOnlyList<ReplicaId> ids) => role == list ? ids.Append(node) : ids.Where(id => id != node);
        return new Membership(In(MemberRole.Voter, members.Voters), In(MemberRole.Learner, members.Learners), In(MemberRole.Witness, members.Witnesses));
    }

    /// <exception cref="ArgumentException">No voter would be left.</exception>
    public static Membership Without(this Membership members, ReplicaId node) =>
        new(members.Voters.Where(id => id != node), members.Learners.Where(id => id != node), members.Witnesses.Where(id => id != node));

    /// <summary>With another node in the place and role of a member.</summary>
    public static Membership Replace(this Membership members, ReplicaId node, ReplicaId by)
    {
        IEnumerable<ReplicaId> In(IReadOnlyList<ReplicaId> ids) => ids.Select(id => id == node ? by : id);
        return new Membership(In(members.Voters), In(members.Learners), In(members.Witnesses));
    }
}
