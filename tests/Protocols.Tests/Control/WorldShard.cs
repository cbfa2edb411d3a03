using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Tests.Control;

/// <summary>One entry of a log; a membership if it holds one, and who still counts beside it while it is joined to the old one.</summary>
internal sealed record WorldEntry(long Term, Membership? Members = null, IReadOnlyList<ReplicaId>? Leaving = null)
{
    /// <summary>Rises with every membership of the shard.</summary>
    public long Number { get; init; }
}

/// <summary>What one node has of one shard.</summary>
/// <param name="founders">The first voters, itself among them or not.</param>
/// <param name="self">The node it is on.</param>
/// <param name="born">The number of the newest membership when it started.</param>
internal sealed class WorldReplica(IReadOnlyList<ReplicaId> founders, ReplicaId self, long born)
{
    private readonly Membership? _founded = founders.Contains(self) ? new Membership(founders) : null;

    public List<WorldEntry> Log { get; } = [];

    public long Term { get; set; }

    public WorldEntry? Configuration => Log.FindLast(entry => entry.Members is not null) ?? (_founded is null ? null : new WorldEntry(0, _founded, []));

    /// <summary>
    /// A replica that joins replays memberships of the past, which may count a former one of its name. It votes only when its
    /// log has one that is later than itself.
    /// </summary>
    public bool MayVote => _founded is not null || Log.Exists(entry => entry.Number > born && entry.Members!.Members.Contains(self));

    public long LastTerm => Log.Count == 0 ? 0 : Log[^1].Term;
}

/// <summary>
/// A shard that replicates by the rules of Raft in the smallest form that shows whether control keeps it safe: logs, terms,
/// elections by majority, joint memberships, and disks that forget.
/// </summary>
internal sealed class WorldShard(ShardKey key, DeterministicRandom random)
{
    private readonly List<WorldEntry> _committed = [];

    public ShardKey Key => key;

    public SortedDictionary<ReplicaId, WorldReplica> Replicas { get; } = [];

    public ReplicaId Leader { get; private set; }

    public int Commit => _committed.Count;

    public long Memberships { get; private set; }

    public WorldEntry? InForce => Leader.IsNone ? null : Replicas[Leader].Configuration;

    public bool IsStable => InForce is { Leaving.Count: 0 } && _committed.FindLast(entry => entry.Members is not null) is var last
        && (last is null ? Replicas[Leader].Log.All(entry => entry.Members is null) : ReferenceEquals(last, InForce));

    /// <summary>It has all that is committed, but for so many entries at the end.</summary>
    public bool IsComplete(ReplicaId id, int lag = 0) => Replicas.TryGetValue(id, out WorldReplica? replica) && Common(replica.Log, _committed) >= Commit - lag;

    public override string ToString() => string.Join("; ", Replicas.Select(pair => $"{pair.Key}: {pair.Value.Log.Count} entries, {pair.Value.Configuration?.Members}"));

    public void Tick(Func<ReplicaId, bool> isUp)
    {
        if (!Leader.IsNone && (!isUp(Leader) || !Replicas.ContainsKey(Leader)))
            Leader = ReplicaId.None;
        if (Leader.IsNone)
            Elect(isUp);
        if (Leader.IsNone)
            return;
        if (random.Chance(1, 3))
            Append(new WorldEntry(Replicas[Leader].Term));
        Replicate(isUp);
        Advance();
    }

    public void Crash(ReplicaId node)
    {
        if (Leader == node)
            Leader = ReplicaId.None;
    }

    public void ChangeMembers(ReplicaId leader, Membership target)
    {
        if (leader != Leader || !IsStable || target.Equals(InForce!.Members))
            return;
        ReplicaId[] before = Counted(InForce.Members!), after = Counted(target);
        if (after.Any(id => InForce.Members!.Members.Contains(id) && !(Replicas.TryGetValue(id, out WorldReplica? replica) && replica.MayVote)))
        {
            // Those who join have to know a membership of their own time before they are counted.
            Append(new WorldEntry(Replicas[Leader].Term, InForce.Members, []));
            return;
        }

        Append(new WorldEntry(Replicas[Leader].Term, target, before.SequenceEqual(after) ? [] : before));
    }

    public void Transfer(ReplicaId from, ReplicaId to, Func<ReplicaId, bool> isUp)
    {
        if (from == Leader && isUp(to) && Replicas.TryGetValue(to, out WorldReplica? its) && its.Log.Count == Replicas[from].Log.Count)
            Campaign(to, isUp);
    }

    public ReplicaStatus StatusOf(ReplicaId id)
    {
        WorldReplica replica = Replicas[id];
        WorldEntry? configuration = replica.Configuration;
        return new ReplicaStatus(id == Leader ? "leader" : "follower", replica.Term, Leader, replica.Log.Count, Commit, Commit, 0, true)
        {
            Members = configuration?.Members,
            LeavingVoters = configuration?.Leaving ?? [],
            Followers = id != Leader ? new Dictionary<ReplicaId, long>() : All(configuration!).Where(peer => peer != id)
                .ToDictionary(peer => peer, peer => Replicas.TryGetValue(peer, out WorldReplica? follower) ? (long)Common(replica, follower) : 0),
        };
    }

    private static ReplicaId[] Counted(Membership members) => [.. members.Voters, .. members.Witnesses];

    private static IEnumerable<ReplicaId> All(WorldEntry configuration) => configuration.Members!.Members.Union(configuration.Leaving!);

    private static int Common(WorldReplica one, WorldReplica other) => Common(one.Log, other.Log);

    // Where two logs have the same entry, they have the same ones before it.
    private static int Common(List<WorldEntry> one, List<WorldEntry> other)
    {
        int common = 0, above = Math.Min(one.Count, other.Count);
        while (common < above)
        {
            int middle = (common + above + 1) / 2;
            if (ReferenceEquals(one[middle - 1], other[middle - 1]))
                common = middle;
            else
                above = middle - 1;
        }

        return common;
    }

    private static bool HasMajority(WorldEntry configuration, Func<ReplicaId, bool> agrees)
    {
        bool Of(IReadOnlyList<ReplicaId> ids) => ids.Count(agrees) > ids.Count / 2;
        return Of(Counted(configuration.Members!)) && (configuration.Leaving!.Count == 0 || Of(configuration.Leaving));
    }

    private void Append(WorldEntry entry) =>
        Replicas[Leader].Log.Add(entry.Members is null ? entry : entry with { Number = ++Memberships });

    private void Elect(Func<ReplicaId, bool> isUp)
    {
        foreach (ReplicaId candidate in Replicas.Keys.Where(isUp).OrderBy(_ => random.NextUInt64()).ToArray())
        {
            if (Leader.IsNone)
                Campaign(candidate, isUp);
        }
    }

    private void Campaign(ReplicaId candidate, Func<ReplicaId, bool> isUp)
    {
        WorldReplica its = Replicas[candidate];
        if (!its.MayVote || its.Configuration is not { } configuration)
            return;
        // Whoever is out by its own log may still be needed, until the membership without it is committed (thesis 4.2.2).
        bool isOut = !Counted(configuration.Members!).Contains(candidate) && !configuration.Leaving!.Contains(candidate);
        if (isOut && (configuration.Number == 0 || _committed.Contains(configuration, ReferenceEqualityComparer.Instance)))
            return;
        bool Grants(ReplicaId id) => isUp(id) && Replicas.TryGetValue(id, out WorldReplica? voter) && voter.MayVote
            && (voter.LastTerm < its.LastTerm || (voter.LastTerm == its.LastTerm && voter.Log.Count <= its.Log.Count));
        if (!HasMajority(configuration, Grants))
            return;
        long term = 1 + All(configuration).Where(Grants).Max(id => Replicas[id].Term);
        foreach (ReplicaId id in All(configuration).Where(Grants))
            Replicas[id].Term = term;
        Leader = candidate;
        Invariant.That(IsComplete(candidate), $"{key}: {candidate} became leader without what was committed");
        Append(new WorldEntry(term));
    }

    private void Replicate(Func<ReplicaId, bool> isUp)
    {
        WorldReplica leader = Replicas[Leader];
        foreach (ReplicaId id in All(leader.Configuration!).Where(id => id != Leader && isUp(id) && Replicas.ContainsKey(id) && random.Chance(4, 5)))
        {
            WorldReplica follower = Replicas[id];
            int common = Common(leader, follower);
            follower.Log.RemoveRange(common, follower.Log.Count - common);
            follower.Log.AddRange(leader.Log.Skip(common).Take(1 + (int)random.Next(20)));
            follower.Term = leader.Term;
        }
    }

    private void Advance()
    {
        WorldReplica leader = Replicas[Leader];
        for (int index = leader.Log.Count; index > Commit; index--)
        {
            WorldEntry last = leader.Log[index - 1];
            if (last.Term != leader.Term || !HasMajority(leader.Configuration!, id => Replicas.TryGetValue(id, out WorldReplica? peer) && Common(leader, peer) >= index))
                continue;
            _committed.AddRange(leader.Log.Skip(Commit).Take(index - Commit));
            break;
        }

        if (!_committed.Contains(leader.Configuration!, ReferenceEqualityComparer.Instance))
            return;
        WorldEntry configuration = leader.Configuration!;
        if (configuration.Leaving!.Count > 0)
            Append(new WorldEntry(leader.Term, configuration.Members, []));
        else if (!Counted(configuration.Members!).Contains(Leader))
            Leader = ReplicaId.None;
    }
}
