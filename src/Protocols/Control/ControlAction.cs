using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>Something the controller is to do now. Each may fail, or be lost: it is then found wanting again.</summary>
public abstract record ControlAction
{
    /// <summary>Send a command to the control group.</summary>
    public sealed record Submit(ControlCommand Command) : ControlAction;

    /// <summary>Ask a shard's leader to put these members in force.</summary>
    public sealed record ChangeMembers(ShardKey Shard, ReplicaId Leader, Membership Target) : ControlAction;

    /// <summary>Ask a shard's leader to give leadership to another voter.</summary>
    public sealed record Transfer(ShardKey Shard, ReplicaId From, ReplicaId To) : ControlAction;
}

/// <summary>What a node is to do with one replica of its own.</summary>
public abstract record HostingDecision(ShardKey Shard)
{
    /// <summary>
    /// Run it. <paramref name="Founders"/> is what a replica without data is made with: the shard's first voters, this node among
    /// them if it may vote from the start, and without it if it joins.
    /// </summary>
    public sealed record Run(ShardKey Shard, IReadOnlyList<ReplicaId> Founders) : HostingDecision(Shard);

    /// <summary>Stop it and delete its data.</summary>
    public sealed record Delete(ShardKey Shard) : HostingDecision(Shard);
}
