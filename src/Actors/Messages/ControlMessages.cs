using ActorRepl.Protocols.Control;
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

/// <summary>
/// From a node that is to found the cluster and has not yet, to the other founders: may it, with this disk? Answered by
/// <see cref="FoundingAnswer"/>, at once and whenever the answer changes.
/// </summary>
public sealed record FoundingQuestion(ReplicaId Node, Guid Disk);

/// <param name="Node">Who answers.</param>
/// <param name="Answer">What it says.</param>
/// <param name="State">If the one that asks cannot found: what it is to remember when it joins, as <see cref="JoinAnswer.State"/>; else empty.</param>
public sealed record FoundingAnswer(ReplicaId Node, FounderAnswer Answer, ReadOnlyMemory<byte> State);
