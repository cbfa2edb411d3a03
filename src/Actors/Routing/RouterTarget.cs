using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Routing;

/// <summary>One replica of the shard, as the router sees it.</summary>
internal sealed class RouterTarget(ReplicaId node, bool local, ICanTell supervisor)
{
    public ReplicaId Node => node;

    /// <summary>It is on this node.</summary>
    public bool Local => local;

    public ICanTell Supervisor { get; set; } = supervisor;

    /// <summary>It can answer reads of any kind: it is a member, and no witness.</summary>
    public bool HoldsState { get; set; } = true;

    /// <summary>It went away or fell silent; what others say of its leading does not count until it speaks itself.</summary>
    public bool Suspect { get; set; }

    /// <summary>The last term it was believed to lead in.</summary>
    public long LedTerm { get; set; }

    /// <summary>Its supervisor last said that it is not running because storage failed.</summary>
    public bool StorageFailed { get; set; }
}
