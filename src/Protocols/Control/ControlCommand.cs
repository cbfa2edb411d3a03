using System.Collections.Immutable;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>
/// One change of the control group's state. Each may be sent again: what is already so is accepted and changes nothing.
/// Where two controllers could race, a command names what it believes to be there and is refused when that is not so.
/// </summary>
public abstract record ControlCommand
{
    /// <summary>
    /// A node says who and where it is; every start sends it. A node that registered before takes over its new name, address and
    /// labels; with another disk, its replicas are retired.
    /// </summary>
    public sealed record RegisterNode(ReplicaId Node, string Name, string Address, Guid Disk, string Region = "", string Rack = "") : ControlCommand;

    /// <summary>Refused when the node's status is neither <paramref name="Expected"/> nor already <paramref name="Status"/>.</summary>
    public sealed record SetNodeStatus(ReplicaId Node, NodeStatus Expected, NodeStatus Status) : ControlCommand;

    /// <summary>
    /// A host declares a group and proposes where its shards begin. The first one settles it; later ones must declare the
    /// same, and their placement is passed over.
    /// </summary>
    public sealed record RegisterGroup(
        string Name, string Protocol, int Replicas, string Options, ImmutableArray<ShardPlan> Placement) : ControlCommand;

    /// <summary>Refused when the shard's members have another version than expected, unless they are already these.</summary>
    public sealed record SetMembers(ShardKey Shard, long ExpectedVersion, Membership Members) : ControlCommand;

    /// <summary>None: no preference.</summary>
    public sealed record SetPreferredLeader(ShardKey Shard, ReplicaId Leader) : ControlCommand;

    /// <summary>The next epoch's view. Refused when the shard has another epoch than expected, unless the next one with this very view.</summary>
    public sealed record InstallView(ShardKey Shard, long ExpectedEpoch, ReadOnlyMemory<byte> View) : ControlCommand;

    /// <summary>
    /// The shard's membership in force has no member on this node and will not get it back: what is left of its replica may be
    /// deleted, and a new one may start. Refused when the node has another disk by now than the sender knew of.
    /// </summary>
    public sealed record ReleaseReplica(ShardKey Shard, ReplicaId Node, Guid Disk) : ControlCommand;

    /// <summary>Refused while a shard is placed on the node; the control group itself, which is on every node, does not count.</summary>
    public sealed record RemoveNode(ReplicaId Node) : ControlCommand;
}

/// <summary>Where one shard goes.</summary>
public sealed record ShardPlan(Membership Members, ReplicaId PreferredLeader);

/// <summary>A question to the control group.</summary>
public abstract record ControlQuery
{
    /// <summary>The whole state, if its version is not this one (0: in any case).</summary>
    public sealed record StateSince(long Version) : ControlQuery;

    public sealed record Group(string Name) : ControlQuery;
}

/// <summary>Why a command was refused. A refused command has changed nothing.</summary>
public enum ControlRefusal : byte
{
    /// <summary>The command is wrong in itself or against what is there.</summary>
    Invalid = 1,

    /// <summary>It names a node, group or shard that is not there.</summary>
    NotFound = 2,

    /// <summary>Something has changed since the sender looked: look again.</summary>
    Conflict = 3,

    /// <summary>A limit of <see cref="ControlLimits"/> is reached.</summary>
    Limit = 4,
}

/// <summary>The answer to a command or query.</summary>
public abstract record ControlResult
{
    /// <summary>The state's version once the command was carried out; <paramref name="Changed"/> false: it was so already.</summary>
    public sealed record Accepted(long Version, bool Changed) : ControlResult;

    public sealed record Refused(ControlRefusal Why, string Reason) : ControlResult;

    /// <summary>Null: the version asked about is the newest.</summary>
    public sealed record State(ControlState? Value) : ControlResult;

    /// <summary>Null: there is no such group.</summary>
    public sealed record Group(ControlGroup? Value) : ControlResult;
}
