using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Faults;

/// <summary>What is wrong with a link.</summary>
public enum LinkFaultKind
{
    /// <summary>Messages leave later, in their order.</summary>
    Delay,

    /// <summary>Some messages are lost.</summary>
    Drop,

    /// <summary>No message leaves; what comes the other way is not touched.</summary>
    Cut,
}

/// <summary>A fault of what this node sends to another one.</summary>
/// <param name="To">The other node; none: every other node.</param>
public sealed record LinkFault(LinkFaultKind Kind, ReplicaId To)
{
    /// <summary>Of <see cref="LinkFaultKind.Drop"/>: the share of messages that is lost, above 0 to 1.</summary>
    public double Probability { get; init; }

    /// <summary>Of <see cref="LinkFaultKind.Delay"/>: how much later messages leave.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Of <see cref="LinkFaultKind.Delay"/>: each message's delay is more or less by up to this, drawn anew.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>When it ends by itself, in ms of <see cref="Environment.TickCount64"/>; none: when it is cleared.</summary>
    public long Ends { get; init; } = long.MaxValue;

    internal bool Concerns(ReplicaId node, long now) => now < Ends && (To.IsNone || To == node);
}
