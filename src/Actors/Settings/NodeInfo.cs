using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Settings;

/// <summary>A node of the cluster: its number from 1, its name for people, and where its actor system listens.</summary>
public sealed record NodeInfo(ReplicaId Id, string Name, Address Address)
{
    /// <summary>Where it stands, as placement sees it: replicas of a shard are spread over regions, and then over racks.</summary>
    public string Region { get; init; } = "";

    /// <inheritdoc cref="Region"/>
    public string Rack { get; init; } = "";
}
