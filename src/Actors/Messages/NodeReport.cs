using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Messages;

/// <summary>To the controllers: a node is there, and so are these replicas of its; those left out are as they were told before.</summary>
public sealed record NodeReport(ReplicaId Node, ReplicaReport[] Replicas);
