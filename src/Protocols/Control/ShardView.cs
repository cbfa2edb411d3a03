using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// A shard as its own replicas see it, from their newest reports: who leads it, and which membership is in force. Only the
/// word of the leader of the latest term counts.
/// </summary>
internal sealed class ShardView
{
    private readonly ImmutableSortedDictionary<ReplicaId, ReplicaReport> _fresh;

    private ShardView(ReplicaId leader, ReplicaStatus status, ImmutableSortedDictionary<ReplicaId, ReplicaReport> fresh)
    {
        Leader = leader;
        Status = status;
        _fresh = fresh;
    }

    public ReplicaId Leader { get; }

    /// <summary>The leader's own.</summary>
    public ReplicaStatus Status { get; }

    public Membership Actual => Status.Members!;

    /// <summary>
    /// Its replicas form a chain: every link has all that was acknowledged, and the control group says which links there are. One of them
    /// is as good as a majority.
    /// </summary>
    public bool IsChain => Status.Links.Count > 0;

    /// <summary>It may take the leader's place: of a chain, it is a link.</summary>
    public bool MayLead(ReplicaId id) => Actual.Voters.Contains(id) && (!IsChain || Status.Links.Contains(id));

    /// <summary>One membership is taking another's place.</summary>
    public bool IsChanging => Status.LeavingVoters.Count > 0;

    /// <summary>
    /// A majority of the counted members knows the membership as the leader does: no later leader can be without it. A leader
    /// alone may have it in its log, and not committed. Of a chain, the control group has it from before the leader has.
    /// </summary>
    public bool IsSettled
    {
        get
        {
            if (IsChanging || IsChain)
                return !IsChanging;
            ReplicaId[] counted = [.. Counted(Actual)];
            int agree = counted.Count(id => _fresh.TryGetValue(id, out ReplicaReport report)
                && report.Status.LeavingVoters.Count == 0 && Actual.Equals(report.Status.Members));
            return agree > counted.Length / 2;
        }
    }

    /// <summary>Null: nobody is known to lead, or somebody has seen a later term than the one who does, or the protocol does not tell.</summary>
    public static ShardView? Of(ImmutableSortedDictionary<ReplicaId, ReplicaReport>? reports, long now, long maxAge)
    {
        if (reports is null)
            return null;
        ImmutableSortedDictionary<ReplicaId, ReplicaReport> fresh = reports.RemoveRange(reports.Where(pair => now - pair.Value.At > maxAge).Select(pair => pair.Key));
        ReplicaId leader = ReplicaId.None;
        ReplicaStatus? status = null;
        foreach ((ReplicaId id, ReplicaReport report) in fresh)
        {
            if (report.Status.Leader == id && report.Status.Members is not null && (status is null || report.Status.Term > status.Term))
                (leader, status) = (id, report.Status);
        }

        if (status is null)
            return null;
        bool isDeposed = Counted(status.Members!).Any(id => fresh.TryGetValue(id, out ReplicaReport report) && report.Status.Term > status.Term);
        return isDeposed ? null : new ShardView(leader, status, fresh);
    }

    /// <summary>Those who count for a majority.</summary>
    public static IEnumerable<ReplicaId> Counted(Membership members) => members.Voters.Concat(members.Witnesses);

    /// <summary>It knows that the membership in force counts it, and says that it has no vote: it has lost what it promised.</summary>
    public bool HasLostVote(ReplicaId id) =>
        Actual.Voters.Contains(id) && _fresh.TryGetValue(id, out ReplicaReport report) && !report.Status.Voter && report.Status.Members?.Voters.Contains(id) == true;

    /// <summary>It has all that is committed but for at most so many entries.</summary>
    public bool HasCaughtUp(ReplicaId id, long within) =>
        id == Leader || (Status.Followers.TryGetValue(id, out long match) && match > 0 && match >= Status.CommitIndex - within);
}
