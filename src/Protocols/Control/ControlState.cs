using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>Names a shard of a group among all groups of the cluster.</summary>
public readonly record struct ShardKey(string Group, int Shard) : IComparable<ShardKey>
{
    public int CompareTo(ShardKey other)
    {
        int byGroup = string.CompareOrdinal(Group, other.Group);
        return byGroup != 0 ? byGroup : Shard.CompareTo(other.Shard);
    }

    public override string ToString() => $"{Group}/{Shard}";

    public static bool operator <(ShardKey left, ShardKey right) => left.CompareTo(right) < 0;
    public static bool operator >(ShardKey left, ShardKey right) => left.CompareTo(right) > 0;
    public static bool operator <=(ShardKey left, ShardKey right) => left.CompareTo(right) <= 0;
    public static bool operator >=(ShardKey left, ShardKey right) => left.CompareTo(right) >= 0;
}

/// <summary>
/// What the control group holds: the nodes, the groups, and who is to hold each shard. Immutable: a snapshot may be kept
/// and read by anybody. <see cref="Version"/> rises by one with each change.
/// </summary>
public sealed record ControlState
{
    public static readonly ControlState Empty = new();

    public long Version { get; init; }

    /// <summary>Every node that ever registered, by number; removed ones included.</summary>
    public ImmutableSortedDictionary<ReplicaId, ControlNode> Nodes { get; init; } = ImmutableSortedDictionary<ReplicaId, ControlNode>.Empty;

    /// <summary>By name, in ordinal order.</summary>
    public ImmutableSortedDictionary<string, ControlGroup> Groups { get; init; } =
        ImmutableSortedDictionary.Create<string, ControlGroup>(StringComparer.Ordinal);

    /// <summary>Every shard of every group, in order of group and number.</summary>
    public IEnumerable<KeyValuePair<ShardKey, ControlShard>> Shards =>
        Groups.Values.SelectMany(group => group.Shards.Select((shard, number) => KeyValuePair.Create(new ShardKey(group.Name, number), shard)));

    /// <summary>Null: there is no such group or shard.</summary>
    public ControlShard? Shard(ShardKey key) =>
        Groups.TryGetValue(key.Group, out ControlGroup? group) && key.Shard >= 0 && key.Shard < group.Shards.Count ? group.Shards[key.Shard] : null;

    /// <summary>Null: no such node ever registered.</summary>
    public ControlNode? Node(ReplicaId id) => Nodes.GetValueOrDefault(id);

    internal ControlState With(ControlNode node) => this with { Nodes = Nodes.SetItem(node.Id, node) };

    internal ControlState With(ControlGroup group) => this with { Groups = Groups.SetItem(group.Name, group) };

    internal ControlState With(ShardKey key, ControlShard shard)
    {
        ControlGroup group = Groups[key.Group];
        return With(group with { Shards = group.Shards.SetItem(key.Shard, shard) });
    }
}

/// <summary>Whether a node can be given replicas.</summary>
public enum NodeStatus : byte
{
    /// <summary>Registered, and not seen running since.</summary>
    Joining = 1,

    /// <summary>Runs, and takes replicas.</summary>
    Up = 2,

    /// <summary>Its replicas are moved elsewhere; it gets no new ones.</summary>
    Draining = 3,

    /// <summary>Down for so long that its replicas are made anew elsewhere.</summary>
    Lost = 4,

    /// <summary>Out of the cluster. The record stays: its number comes back only with a new, empty disk.</summary>
    Removed = 5,
}

/// <summary>A node as it registered.</summary>
public sealed record ControlNode
{
    /// <summary>Its number; the replicas on it have the same.</summary>
    public required ReplicaId Id { get; init; }

    /// <summary>Its name for people; unique among nodes that are not removed.</summary>
    public required string Name { get; init; }

    /// <summary><c>host:port</c> where its actor system listens; unique among nodes that are not removed.</summary>
    public required string Address { get; init; }

    /// <summary>Failure domains, the larger first; empty: not told. Equal racks in different regions are different racks.</summary>
    public string Region { get; init; } = "";
    public string Rack { get; init; } = "";

    /// <summary>Identifies its data directory: another one means that every replica it had is gone.</summary>
    public required Guid Disk { get; init; }

    /// <summary>The state's version since which the node has this disk.</summary>
    public long DiskVersion { get; init; }

    public NodeStatus Status { get; init; } = NodeStatus.Joining;

    /// <summary>When the status last changed, by the wall clock in the log.</summary>
    public DateTimeOffset StatusSince { get; init; } = DateTimeOffset.UnixEpoch;

    public override string ToString() => $"{Id} ({Name})";
}

/// <summary>A replication group as its hosts declare it, and where its shards are.</summary>
public sealed record ControlGroup
{
    /// <summary>The control group's own name, under which it may be registered among the others.</summary>
    public const string Own = "control";

    /// <summary>The one shard of the control group.</summary>
    public static readonly ShardKey OwnShard = new(Own, 0);

    public required string Name { get; init; }

    /// <summary>The protocol's name, such as "raft".</summary>
    public required string Protocol { get; init; }

    /// <summary>Replicas of each shard as declared; members that an operator adds are not counted in it.</summary>
    public required int Replicas { get; init; }

    /// <summary>What else must be the same on every host, as text; compared, and but for what follows never interpreted.</summary>
    public string Options { get; init; } = "";

    /// <summary>Nobody leads its shards.</summary>
    public bool IsLeaderless => GroupOptions.IsLeaderless(Options);

    /// <summary>Every node that is up is to be a member of each shard.</summary>
    public bool SpansNodes => GroupOptions.SpansNodes(Options);

    /// <summary>The state's version that the group came with.</summary>
    public long CreatedVersion { get; init; }

    /// <summary>By number.</summary>
    public required ImmutableList<ControlShard> Shards { get; init; }
}

/// <summary>Who is to hold a shard. Who does hold it, its replicas know; the two differ while a change is on its way.</summary>
public sealed record ControlShard
{
    /// <summary>Who is to hold it.</summary>
    public required Membership Members { get; init; }

    /// <summary>From 1; rises by one with each change of <see cref="Members"/>.</summary>
    public long MembersVersion { get; init; } = 1;

    /// <summary>Which voter should lead when it can; none: any.</summary>
    public ReplicaId PreferredLeader { get; init; }

    /// <summary>Of protocols that have a master named for them: rises by one with each view; 0: none was installed.</summary>
    public long Epoch { get; init; }

    /// <summary>The protocol's own description of roles in this epoch.</summary>
    public ReadOnlyMemory<byte> View { get; init; }

    /// <summary>The voters that the shard began with, ascending.</summary>
    public required ImmutableSortedSet<ReplicaId> Initial { get; init; }

    /// <summary>
    /// Those of <see cref="Initial"/> that have been members ever since, on the same disk. Such a replica starts as a voter
    /// when it has no data yet; any other joins, for it may have voted and forgotten it.
    /// </summary>
    public required ImmutableSortedSet<ReplicaId> Founders { get; init; }

    /// <summary>
    /// Nodes that were taken out of <see cref="Members"/> and may still be in the membership in force. Their replicas keep their
    /// data until they are released, and go on with it if the node becomes a member again before.
    /// </summary>
    public ImmutableSortedSet<ReplicaId> Leaving { get; init; } = [];

    /// <summary>
    /// Nodes whose replica went with its disk and may still be in the membership in force, which counts on what it had voted and
    /// acknowledged. No new one starts there until it is released.
    /// </summary>
    public ImmutableSortedSet<ReplicaId> Retired { get; init; } = [];

    /// <summary>A shard that has just been placed.</summary>
    public static ControlShard Placed(Membership members, ReplicaId preferredLeader)
    {
        ImmutableSortedSet<ReplicaId> voters = [.. members.Voters];
        return new ControlShard { Members = members, PreferredLeader = preferredLeader, Initial = voters, Founders = voters };
    }
}
