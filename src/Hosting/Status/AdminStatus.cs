using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Status;

/// <summary>What <c>/members</c> of a node says.</summary>
public sealed record MembersReport(string Group, IReadOnlyList<ShardMembersStatus> Shards);

/// <param name="Wanted">By the control group; null: the group is not registered there yet.</param>
/// <param name="Actual">By the word of the leader; null: there is none.</param>
/// <param name="Leaving">While one membership takes another's place: who was counted before, and still is.</param>
/// <param name="Leader">0: nobody says that it leads, or the group has no leaders.</param>
/// <param name="Settled">What is wanted is in force.</param>
/// <param name="Missing">Committed entries each member lacks, by number; those of whom nobody knows are left out.</param>
public sealed record ShardMembersStatus(
    int Shard, MemberSet? Wanted, MemberSet? Actual, IReadOnlyList<int> Leaving, int Leader, long Term, long Commit, bool Settled,
    IReadOnlyDictionary<string, long> Missing);

/// <summary>Node numbers by what they do.</summary>
public sealed record MemberSet(IReadOnlyList<int> Voters, IReadOnlyList<int> Learners, IReadOnlyList<int> Witnesses)
{
    public static MemberSet? Of(Membership? members) => members is null ? null : new(Numbers(members.Voters), Numbers(members.Learners), Numbers(members.Witnesses));

    public override string ToString() => string.Join(",", Voters)
        + (Learners.Count > 0 ? $" learners {string.Join(",", Learners)}" : "") + (Witnesses.Count > 0 ? $" witnesses {string.Join(",", Witnesses)}" : "");

    internal static int[] Numbers(IEnumerable<ReplicaId> ids) => [.. ids.Select(id => id.Value)];
}

/// <summary>What <c>/nodes</c> of a node says.</summary>
public sealed record NodesReport(IReadOnlyList<NodeEntry> Nodes);

/// <param name="Status"><c>joining</c>, <c>up</c>, <c>draining</c>, <c>lost</c> or <c>removed</c>.</param>
/// <param name="Control">What it is to the control group by the word of its leader: <c>voter</c>, <c>learner</c> or <c>none</c>; <c>joining</c>
/// while it is to be more than it is, <c>leaving</c> while it is to be none; <c>unknown</c>: nobody says that it leads.</param>
/// <param name="Replicas">That are ordered to it, those of the control group apart.</param>
/// <param name="Leaders">Shards it leads, likewise.</param>
/// <param name="Held">Replicas that it still has, ordered or not: the shard's membership in force names it.</param>
public sealed record NodeEntry(int Id, string Name, string Address, string Region, string Rack, string Status, string Control, int Replicas, int Leaders, int Held);

/// <summary>An order was taken.</summary>
/// <param name="Shards">That it changes; 0: all was so already.</param>
public sealed record OrderTaken(int Shards);

/// <summary>What <c>actorrepl transfer --json</c> prints.</summary>
public sealed record TransferReport(string Group, IReadOnlyList<ShardTransfer> Shards);

/// <param name="Led">Before; 0: nobody.</param>
/// <param name="Leads">Now.</param>
/// <param name="Problem">Why it was not given away; null: it was.</param>
public sealed record ShardTransfer(int Shard, int Led, int Leads, string? Problem);

/// <summary>What <c>actorrepl transfer --force --json</c> prints.</summary>
/// <param name="Node">Who is to lead.</param>
public sealed record TakeOverReport(string Group, int Node, IReadOnlyList<ShardTakeOver> Shards);

/// <param name="Epoch">Of the view that the replica was in.</param>
/// <param name="Last">Where its log ended then: what was acknowledged beyond that is lost.</param>
/// <param name="InSync">Who may have more: the sync set of that view.</param>
/// <param name="Silent">Of those, the nodes that did not answer.</param>
/// <param name="TookOver">It leads now.</param>
/// <param name="Problem">Why it does not; null: it does.</param>
public sealed record ShardTakeOver(int Shard, long Epoch, long Last, IReadOnlyList<int> InSync, IReadOnlyList<int> Silent, bool TookOver, string? Problem);
