using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Multiplex;

namespace ActorRepl.Actors.Replica;

/// <summary>What a replica is told by its supervisor: whose replica it is, and how often it has been started.</summary>
internal sealed record ReplicaContext(
    ReplicationSettings Settings, GroupDefinition Group, int Shard, NodeLocator Locator, HostedShard Hosted, int Start)
{
    public ReplicaId Self => Settings.Self;

    public ShardKey Key { get; } = new(Group.Name, Shard);

    public string PersistenceId => PersistenceIds.Replica(Settings.Cluster, Self, Group.Name, Shard, Hosted.Generation);

    /// <summary>The shard's first voters, the one that is to lead first in front; without this one if it joins, whatever held the shard here before.</summary>
    public IReadOnlyList<ReplicaId> FirstReplicas
    {
        get
        {
            IReadOnlyList<ReplicaId> first = Settings.FirstReplicasOf(Group, Shard);
            ReplicaId leader = Settings.FirstLeaderOf(Shard);
            if (!Hosted.Joined)
                return [leader, .. first.Where(id => id != leader)];
            ReplicaId[] others = [.. first.Where(id => id != Self)];
            // It was the only one: whoever is named in its place, the log will tell.
            return others.Length > 0 ? others : [Locator.Nodes.Nodes.First(node => node.Id != Self).Id];
        }
    }

    public override string ToString() => $"{Group.Name}/{Shard} on {Self}";
}
