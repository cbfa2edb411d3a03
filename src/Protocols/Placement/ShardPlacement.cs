using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Placement;

/// <summary>
/// Which nodes hold a shard: over the node ids in ascending order, shard k has its replicas on nodes (k + j) mod N for
/// j below the number of replicas. A pure function of the three, the same on every node.
/// </summary>
public static class ShardPlacement
{
    public static IReadOnlyList<ReplicaId> ReplicasOf(int shard, int replicas, IEnumerable<ReplicaId> nodes)
    {
        ReplicaId[] sorted = [.. nodes.Order()];
        Invariant.That(shard >= 0, "shards are numbered from 0");
        Invariant.That(sorted.Distinct().Count() == sorted.Length, "node ids are distinct");
        if (replicas < 1 || replicas > sorted.Length)
            throw new ArgumentOutOfRangeException(nameof(replicas), replicas, $"a shard needs 1 to {sorted.Length} replicas, one a node");
        var placed = new ReplicaId[replicas];
        for (int j = 0; j < replicas; j++)
            placed[j] = sorted[(shard + j) % sorted.Length];
        Array.Sort(placed);
        return placed;
    }

    /// <summary>Which of them is to lead the shard first: shard k that of node k mod N, so that leaders are spread from the start.</summary>
    public static ReplicaId FirstLeaderOf(int shard, IEnumerable<ReplicaId> nodes)
    {
        ReplicaId[] sorted = [.. nodes.Order()];
        return sorted[shard % sorted.Length];
    }
}
