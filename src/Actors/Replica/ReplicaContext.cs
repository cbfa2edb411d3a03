using ActorRepl.Actors.Control;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Multiplex;

namespace ActorRepl.Actors.Replica;

/// <summary>What a replica is told by its supervisor: whose replica it is, and how often it has been started.</summary>
/// <param name="Views">Null: there is no control group.</param>
internal sealed record ReplicaContext(
    ReplicationSettings Settings, GroupDefinition Group, int Shard, NodeLocator Locator, ShardViews? Views, HostedShard Hosted, int Start)
{
    public ReplicaId Self => Settings.Self;

    public ShardKey Key { get; } = new(Group.Name, Shard);

    public string PersistenceId => PersistenceIds.Replica(Settings.Cluster, Self, Group.Name, Shard, Hosted.Generation);

    /// <summary>
    /// The shard's first voters, the one that is to lead first in front and the others as they follow it in the ring of nodes; this one too
    /// if it was one, even if it joins anew.
    /// </summary>
    public IReadOnlyList<ReplicaId> FirstReplicas
    {
        get
        {
            ReplicaId leader = Settings.FirstLeaderOf(Shard);
            return [.. Settings.FirstReplicasOf(Group, Shard).OrderBy(id => id < leader).ThenBy(id => id)];
        }
    }

    public override string ToString() => $"{Group.Name}/{Shard} on {Self}";
}
