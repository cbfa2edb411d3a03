using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Placement;

/// <summary>
/// How badly the replicas of one shard are spread over failure domains: for each pair of replicas, whether they share a
/// region, and whether they share a rack. Fewer shared regions come first, then fewer shared racks; 0, 0 is best.
/// Counting pairs prefers 2 + 2 + 1 to 3 + 1 + 1.
/// </summary>
internal readonly record struct Overlap(int Regions, int Racks) : IComparable<Overlap>
{
    public int CompareTo(Overlap other) => Regions != other.Regions ? Regions.CompareTo(other.Regions) : Racks.CompareTo(other.Racks);

    public static bool operator <(Overlap left, Overlap right) => left.CompareTo(right) < 0;
    public static bool operator >(Overlap left, Overlap right) => left.CompareTo(right) > 0;
    public static bool operator <=(Overlap left, Overlap right) => left.CompareTo(right) <= 0;
    public static bool operator >=(Overlap left, Overlap right) => left.CompareTo(right) >= 0;

    /// <summary>What a node adds to those that are there.</summary>
    public static Overlap Of(ControlNode node, IEnumerable<ControlNode> others)
    {
        int regions = 0, racks = 0;
        foreach (ControlNode other in others)
        {
            if (other.Region != node.Region)
                continue;
            regions++;
            if (other.Rack == node.Rack)
                racks++;
        }

        return new Overlap(regions, racks);
    }

    /// <summary>Over all pairs.</summary>
    public static Overlap Of(IReadOnlyList<ControlNode> nodes)
    {
        int regions = 0, racks = 0;
        for (int i = 0; i < nodes.Count; i++)
        {
            Overlap added = Of(nodes[i], nodes.Take(i));
            regions += added.Regions;
            racks += added.Racks;
        }

        return new Overlap(regions, racks);
    }
}

/// <summary>How many replicas each node is to hold, over all groups.</summary>
internal sealed class ReplicaCounts
{
    private readonly Dictionary<ReplicaId, int> _counts = [];

    public int this[ReplicaId node] => _counts.GetValueOrDefault(node);

    public void Add(ReplicaId node, int change = 1) => _counts[node] = this[node] + change;

    /// <summary>Of every group but the control group, which is everywhere.</summary>
    public static ReplicaCounts Of(ControlState state)
    {
        var counts = new ReplicaCounts();
        foreach ((ShardKey key, ControlShard shard) in state.Shards)
        {
            if (key.Group == ControlGroup.Own)
                continue;
            foreach (ReplicaId member in shard.Members.Members)
                counts.Add(member);
        }

        return counts;
    }
}
