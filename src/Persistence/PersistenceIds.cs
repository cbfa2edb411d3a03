using System.Globalization;

namespace ActorRepl.Persistence;

/// <summary>Under which ids replicas store: they name cluster, node, group and shard.</summary>
public static class PersistenceIds
{
    private const string Prefix = "actorrepl:";
    private const string CheckpointMark = "/cp/";

    /// <summary>The id of a replica, such as <c>actorrepl:prod/n2/kv/3</c>.</summary>
    /// <exception cref="ArgumentException">A name is empty or contains '/' or ':'.</exception>
    public static string Replica(string cluster, int node, string group, int shard)
    {
        Name(cluster, "cluster");
        Name(group, "group");
        ArgumentOutOfRangeException.ThrowIfLessThan(node, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(shard);
        return string.Create(CultureInfo.InvariantCulture, $"{Prefix}{cluster}/n{node}/{group}/{shard}");
    }

    /// <summary>The id that segment <paramref name="number"/>, from 0, of a replica's checkpoints is stored under.</summary>
    public static string Segment(string replica, int number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        return string.Create(CultureInfo.InvariantCulture, $"{replica}{CheckpointMark}{number}");
    }

    /// <summary>
    /// The id is a replica's or of a segment of its checkpoints: damage is then a record among the others, which the replica
    /// answers by giving up its vote, and not a failure to recover.
    /// </summary>
    public static bool IsReplica(string persistenceId) => persistenceId.StartsWith(Prefix, StringComparison.Ordinal);

    private static void Name(string name, string what)
    {
        ArgumentException.ThrowIfNullOrEmpty(name, what);
        if (name.AsSpan().ContainsAny('/', ':'))
            throw new ArgumentException($"the name of a {what} is '{name}'; it must not contain '/' or ':'");
    }
}
