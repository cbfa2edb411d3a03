using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;
using Akka.Actor;

namespace ActorRepl.Actors.Settings;

/// <summary>Everything a node's replication runtime is told when it starts. Immutable.</summary>
public sealed record ReplicationSettings
{
    /// <summary>Names the cluster in persistence ids.</summary>
    public required string Cluster { get; init; }

    /// <summary>This node.</summary>
    public required ReplicaId Self { get; init; }

    /// <summary>All nodes, this one included.</summary>
    public required IReadOnlyList<NodeInfo> Nodes { get; init; }

    public required IReadOnlyList<GroupDefinition> Groups { get; init; }

    /// <summary>HOCON paths of the persistence plugins; empty: Akka.Persistence's default.</summary>
    public string JournalPlugin { get; init; } = "";
    public string SnapshotPlugin { get; init; } = "";

    /// <summary>Replicas, supervisors and routers run here.</summary>
    public string Dispatcher { get; init; } = "actorrepl.dispatcher";

    /// <summary>What a request may take when it does not say.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(5);

    public WireLimits Limits { get; init; } = new();
    public RouterSettings Router { get; init; } = new();
    public ReplicaSettings Replica { get; init; } = new();

    /// <summary>The name of the runtime's top actor under /user of a node; the same everywhere unless nodes share a system.</summary>
    public Func<NodeInfo, string> RootName { get; init; } = _ => "actorrepl";

    public NodeInfo SelfNode => Node(Self);

    public NodeInfo Node(ReplicaId id) => Nodes.Single(node => node.Id == id);

    /// <summary>The path of the runtime's top actor on a node.</summary>
    public ActorPath RootPath(NodeInfo node) => new RootActorPath(node.Address) / "user" / RootName(node);

    public IReadOnlyList<ReplicaId> ReplicasOf(GroupDefinition group, int shard) =>
        ShardPlacement.ReplicasOf(shard, group.Replicas, Nodes.Select(node => node.Id));

    public bool Hosts(GroupDefinition group, int shard) => ReplicasOf(group, shard).Contains(Self);

    /// <exception cref="ArgumentException">Something is missing or out of bounds.</exception>
    public void Validate()
    {
        if (Nodes.All(node => node.Id != Self))
            throw new ArgumentException($"this node, {Self}, is not among the nodes {string.Join(", ", Nodes.Select(node => node.Id))}");
        if (Nodes.Select(node => node.Id).Distinct().Count() != Nodes.Count || Nodes.Any(node => node.Id.Value < 1))
            throw new ArgumentException("node ids must be distinct and from 1 up");
        if (Groups.Select(group => group.Name).Distinct(StringComparer.Ordinal).Count() != Groups.Count)
            throw new ArgumentException("group names must be distinct");
        foreach (GroupDefinition group in Groups)
            group.Validate(Nodes.Count);
        Limits.Validate();
    }
}
