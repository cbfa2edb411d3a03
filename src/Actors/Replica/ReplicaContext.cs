using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Replica;

/// <summary>What a replica is told by its supervisor: whose replica it is, and how often it has been started.</summary>
internal sealed record ReplicaContext(ReplicationSettings Settings, GroupDefinition Group, int Shard, NodeLocator Locator, int Start)
{
    public ReplicaId Self => Settings.Self;

    public string PersistenceId => PersistenceIds.Replica(Settings.Cluster, Self, Group.Name, Shard);

    public override string ToString() => $"{Group.Name}/{Shard} on {Self}";
}
