using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Settings;

/// <summary>A node of the cluster: its number from 1, its name for people, and where its actor system listens.</summary>
public sealed record NodeInfo(ReplicaId Id, string Name, Address Address);
