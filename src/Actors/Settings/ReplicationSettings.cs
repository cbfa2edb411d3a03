using ActorRepl.Actors.Faults;
using ActorRepl.Actors.Nodes;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Multiplex;
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

    /// <summary>The nodes that are known from the start, this one included; others are heard of later.</summary>
    public required IReadOnlyList<NodeInfo> Nodes { get; init; }

    /// <summary>The nodes the cluster was founded by, which hold every shard's first replicas; empty: all of <see cref="Nodes"/>.</summary>
    public IReadOnlyList<ReplicaId> Founders { get; init; } = [];

    /// <summary>Where the node keeps what it remembers between two runs; as lasting as its journal.</summary>
    public INodeStateStore NodeState { get; init; } = new MemoryNodeStateStore();

    /// <summary>Where the node keeps what its replicas lose in failovers; as lasting as its journal.</summary>
    public ILostEntriesStore Lost { get; init; } = new MemoryLostEntriesStore();

    public required IReadOnlyList<GroupDefinition> Groups { get; init; }

    /// <summary>The control group; null: there is none, and nodes and members stay what they are.</summary>
    public ControlSettings? Control { get; init; }

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
    public MultiplexerOptions Multiplexer { get; init; } = new();

    /// <summary>Faults of what this node sends to others; null: none can be put there.</summary>
    public LinkFaults? Links { get; init; }

    /// <summary>The name of the runtime's top actor under /user of a node; the same everywhere unless nodes share a system.</summary>
    public Func<NodeInfo, string> RootName { get; init; } = _ => "actorrepl";

    public NodeInfo SelfNode => Nodes.Single(node => node.Id == Self);

    public IReadOnlyList<ReplicaId> FoundingNodes => Founders.Count > 0 ? Founders : [.. Nodes.Select(node => node.Id)];

    /// <summary>The path of the runtime's top actor on a node.</summary>
    public ActorPath RootPath(NodeInfo node) => new RootActorPath(node.Address) / "user" / RootName(node);

    /// <summary>The shard's first replicas: its voters until its log says otherwise.</summary>
    public IReadOnlyList<ReplicaId> FirstReplicasOf(GroupDefinition group, int shard) =>
        ShardPlacement.ReplicasOf(shard, group.FirstMembers(FoundingNodes.Count), FoundingNodes);

    /// <summary>The first replica that is to lead the shard before anything has happened in it.</summary>
    public ReplicaId FirstLeaderOf(int shard) => ShardPlacement.FirstLeaderOf(shard, FoundingNodes);

    /// <exception cref="ArgumentException">Something is missing or out of bounds.</exception>
    public void Validate()
    {
        if (Nodes.All(node => node.Id != Self))
            throw new ArgumentException($"this node, {Self}, is not among the nodes {string.Join(", ", Nodes.Select(node => node.Id))}");
        if (Nodes.Select(node => node.Id).Distinct().Count() != Nodes.Count || Nodes.Any(node => node.Id.Value < 1))
            throw new ArgumentException("node ids must be distinct and from 1 up");
        if (Groups.Select(group => group.Name).Distinct(StringComparer.Ordinal).Count() != Groups.Count)
            throw new ArgumentException("group names must be distinct");
        if (Control is not null && Groups.Any(group => group.Name == ControlGroup.Own))
            throw new ArgumentException($"group name '{ControlGroup.Own}' is the control group's own");
        foreach (GroupDefinition group in Groups)
            group.Validate(FoundingNodes.Count);
        Limits.Validate();
    }
}
