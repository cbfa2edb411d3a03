namespace ActorRepl.Protocols.Control;

/// <summary>
/// Bounds on what the control group holds. They decide results, so they are fixed and the same on every node. The whole
/// state travels in one reply.
/// </summary>
public static class ControlLimits
{
    /// <summary>Nodes that are not removed: the most replicas that one shard can have.</summary>
    public const int MaxNodes = Kernel.Membership.MaxMembers;

    /// <summary>Nodes ever registered, removed ones included.</summary>
    public const int MaxNodeRecords = 1_024;

    public const int MaxGroups = 256;

    /// <summary>Shards of one group.</summary>
    public const int MaxShards = 1_024;

    /// <summary>Characters of a name of a node or group, of a region or rack, of a protocol.</summary>
    public const int MaxNameLength = 64;

    /// <summary>Characters of an address, <c>host:port</c>.</summary>
    public const int MaxAddressLength = 259;

    /// <summary>Bytes of a group's options, as UTF-8.</summary>
    public const int MaxOptionsBytes = 4_096;

    /// <summary>Bytes of one shard's view: a ring of 63 members with 64 tokens each fits.</summary>
    public const int MaxViewBytes = 16 * 1024;

    /// <summary>Bytes of the whole state, encoded: some 9,000 shards of three replicas.</summary>
    public const int MaxStateBytes = 1 << 20;
}
