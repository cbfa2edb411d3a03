using System.Collections.Immutable;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Placement;

/// <summary>One replica that would be better on another node.</summary>
public sealed record ReplicaMove(ShardKey Shard, ReplicaId From, ReplicaId To);

/// <summary>
/// Where replicas go. A shard's replicas are spread over as many regions as there are, then over as many racks; among
/// nodes that are equal in this, the one with the fewest replicas is taken, then the one with the lowest number. The same
/// input gives the same plan everywhere.
/// </summary>
public static class PlacementPlanner
{
    /// <summary>
    /// The first placement of a group's shards. On nodes without labels, or with the same ones, it is
    /// <see cref="ShardPlacement"/>. The preferred leaders are spread evenly.
    /// </summary>
    /// <exception cref="ArgumentException">There are fewer nodes than replicas.</exception>
    public static ImmutableArray<ShardPlan> Initial(IReadOnlyCollection<ControlNode> nodes, int shards, int replicas)
    {
        if (replicas < 1 || replicas > nodes.Count)
            throw new ArgumentException($"{replicas} replicas a shard need as many nodes; there are {nodes.Count}");
        ControlNode[] sorted = [.. nodes.OrderBy(node => node.Id)];
        var replicasOn = new ReplicaCounts();
        var leadersOn = new ReplicaCounts();
        bool hasDomains = sorted.Any(node => (node.Region, node.Rack) != (sorted[0].Region, sorted[0].Rack));
        ImmutableArray<ShardPlan>.Builder plans = ImmutableArray.CreateBuilder<ShardPlan>(shards);
        for (int shard = 0; shard < shards; shard++)
        {
            IReadOnlyList<ReplicaId> members = hasDomains
                ? Spread(sorted, shard, replicas, replicasOn)
                : ShardPlacement.ReplicasOf(shard, replicas, sorted.Select(node => node.Id));
            int turn = shard;
            ReplicaId leader = members.MinBy(id => (leadersOn[id], Turn(sorted, id, turn)));
            leadersOn.Add(leader);
            plans.Add(new ShardPlan(new Membership(members), leader));
        }

        return plans.MoveToImmutable();
    }

    /// <summary>
    /// The node that should take the replica that one node has, or one more replica if it is null; null: no node that is up is
    /// free of the shard.
    /// </summary>
    public static ReplicaId? Spare(ControlState state, ShardKey shard, ReplicaId? insteadOf = null) =>
        Spare(state, ReplicaCounts.Of(state), state.Shard(shard)!.Members, insteadOf, _ => true);

    /// <summary>
    /// The moves that would make the placement better, in order, at most <paramref name="most"/>: first those that spread a
    /// shard over more domains, then those that level the nodes' replica counts to within one without spreading any shard
    /// less. As few as reach that. Nothing moves off a node that is not up; see <see cref="MemberRequests.Remove"/> for that.
    /// </summary>
    public static IReadOnlyList<ReplicaMove> Rebalance(ControlState state, int most)
    {
        var moves = new List<ReplicaMove>();
        ReplicaCounts counts = ReplicaCounts.Of(state);
        while (moves.Count < most && (BetterSpread(state, counts) ?? Levelling(state, counts)) is { } move)
        {
            moves.Add(move);
            counts.Add(move.From, -1);
            counts.Add(move.To);
            ControlShard shard = state.Shard(move.Shard)!;
            state = state.With(move.Shard, shard with { Members = shard.Members.Replace(move.From, move.To) });
        }

        return moves;
    }

    /// <summary>
    /// Who should hold the control group: every node, as soon as it is up and until it is removed, at most <paramref name="maxVoters"/> of them as
    /// voters. Voters stay voters while they are up; one that is lost or draining is replaced if another node is up.
    /// </summary>
    public static Membership ControlMembers(ControlState state, Membership current, int maxVoters = 5)
    {
        ControlNode[] nodes = [.. state.Nodes.Values.Where(node =>
            IsUp(node) || (node.Status != NodeStatus.Removed && current.Members.Contains(node.Id)))];
        if (nodes.Length == 0)
            return current;
        int wanted = Math.Min(maxVoters, nodes.Length);
        var voters = nodes.Where(node => IsUp(node) && current.Voters.Contains(node.Id)).Take(wanted).ToList();
        void FillFrom(IEnumerable<ControlNode> candidates)
        {
            var left = candidates.Except(voters).ToList();
            while (voters.Count < wanted && left.Count > 0)
            {
                ControlNode next = left.MinBy(node => (Overlap.Of(node, voters), node.Id))!;
                voters.Add(next);
                left.Remove(next);
            }
        }

        FillFrom(nodes.Where(IsUp));
        FillFrom(nodes.Where(node => current.Voters.Contains(node.Id)));
        // A node that is neither up nor a voter already does not become one: there are fewer voters then.
        return voters.Count == 0 ? current : new Membership(voters.Select(node => node.Id), nodes.Except(voters).Select(node => node.Id));
    }

    internal static ReplicaId? Spare(
        ControlState state, ReplicaCounts counts, Membership members, ReplicaId? insteadOf, Func<ReplicaId, bool> mayTake)
    {
        ControlNode[] others = [.. members.Members.Where(id => id != insteadOf).Select(id => state.Nodes[id])];
        ControlNode? best = state.Nodes.Values
            .Where(node => node.Status == NodeStatus.Up && !members.Members.Contains(node.Id) && mayTake(node.Id))
            .MinBy(node => (Overlap.Of(node, others), counts[node.Id], node.Id));
        return best?.Id;
    }

    private static ReplicaId[] Spread(ControlNode[] nodes, int shard, int replicas, ReplicaCounts counts)
    {
        var chosen = new List<ControlNode>(replicas);
        while (chosen.Count < replicas)
        {
            ControlNode next = nodes.Except(chosen).MinBy(node => (Overlap.Of(node, chosen), counts[node.Id], Turn(nodes, node.Id, shard)))!;
            chosen.Add(next);
            counts.Add(next.Id);
        }

        return [.. chosen.Select(node => node.Id).Order()];
    }

    // The node whose turn it is comes first, so that ties do not always go to the same one.
    private static int Turn(ControlNode[] nodes, ReplicaId id, int shard) =>
        (Array.FindIndex(nodes, node => node.Id == id) - shard % nodes.Length + nodes.Length) % nodes.Length;

    private static ReplicaMove? BetterSpread(ControlState state, ReplicaCounts counts)
    {
        foreach ((ShardKey key, ControlShard shard) in Movable(state))
        {
            Overlap now = Overlap.Of(NodesOf(state, shard.Members));
            ReplicaMove? best = null;
            Overlap least = now;
            foreach (ReplicaId from in shard.Members.Members.Where(id => IsUp(state.Nodes[id])))
            {
                if (Spare(state, counts, shard.Members, from, _ => true) is not { } to)
                    continue;
                Overlap then = Overlap.Of(NodesOf(state, shard.Members.Replace(from, to)));
                if (then < least)
                    (best, least) = (new ReplicaMove(key, from, to), then);
            }

            if (best is not null)
                return best;
        }

        return null;
    }

    private static ReplicaMove? Levelling(ControlState state, ReplicaCounts counts)
    {
        ReplicaId[] up = [.. state.Nodes.Values.Where(node => node.Status == NodeStatus.Up).Select(node => node.Id)];
        foreach (ReplicaId from in up.OrderByDescending(id => counts[id]).ThenBy(id => id))
        {
            foreach (ReplicaId to in up.Where(id => counts[id] <= counts[from] - 2).OrderBy(id => counts[id]).ThenBy(id => id))
            {
                foreach ((ShardKey key, ControlShard shard) in Movable(state))
                {
                    Membership members = shard.Members;
                    if (members.Members.Contains(from) && !members.Members.Contains(to)
                        && Overlap.Of(NodesOf(state, members.Replace(from, to))) <= Overlap.Of(NodesOf(state, members)))
                        return new ReplicaMove(key, from, to);
                }
            }
        }

        return null;
    }

    private static IEnumerable<KeyValuePair<ShardKey, ControlShard>> Movable(ControlState state) =>
        state.Shards.Where(pair => pair.Key.Group != ControlGroup.Own && !state.Groups[pair.Key.Group].SpansNodes);

    private static ControlNode[] NodesOf(ControlState state, Membership members) => [.. members.Members.Select(id => state.Nodes[id])];

    private static bool IsUp(ControlNode node) => node.Status is NodeStatus.Up or NodeStatus.Joining;
}
