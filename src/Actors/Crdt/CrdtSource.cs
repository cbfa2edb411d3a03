using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;
using Akka.Cluster;

namespace ActorRepl.Actors.Crdt;

/// <summary>Under which source a node of a cluster changes values that the replicator carries.</summary>
public static class CrdtSource
{
    /// <summary>
    /// A hash of the node's address, and the unique id of its incarnation. What the replicator holds is in memory, so a node that starts again knows no number that
    /// it has given; its new id makes another source of it.
    /// </summary>
    public static VersionSource Of(UniqueAddress node)
    {
        uint hash = Crc32C.Compute(Encoding.UTF8.GetBytes(node.Address.ToString())) & int.MaxValue;
        return new VersionSource(new ReplicaId((int)Math.Max(hash, 1)), (uint)node.Uid);
    }
}
