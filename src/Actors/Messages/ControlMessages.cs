using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Messages;

/// <summary>To the controllers: a node is there, and so are these replicas of its; those left out are as they were told before.</summary>
public sealed record NodeReport(ReplicaId Node, ReplicaReport[] Replicas);

/// <summary>To the agent of any node: who is there? Answered by <see cref="JoinAnswer"/>.</summary>
public sealed record JoinRequest
{
    public static readonly JoinRequest Instance = new();
}

/// <summary>What a new node is to remember to begin with: an encoded <see cref="Nodes.NodeState"/> that holds no replicas.</summary>
public sealed record JoinAnswer(ReadOnlyMemory<byte> State);
