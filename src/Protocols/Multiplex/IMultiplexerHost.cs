using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Multiplex;

/// <summary>The world of a multiplexer. Calls return at once and never call back.</summary>
public interface IMultiplexerHost
{
    /// <summary>Sends to the multiplexer of another node; it may be lost.</summary>
    void Send(ReplicaId to, NodeBundle bundle);

    /// <summary>A beat has come for a shard; it may have no replica here.</summary>
    void Deliver(ShardKey shard, ReplicaId from, ReadOnlyMemory<byte> message);

    /// <summary>Tells all running replicas of this node: <see cref="Input.PeerHint"/>.</summary>
    void Hint(ReplicaId node, bool up, bool onlySilent);

    /// <summary>Tells one of them, if it runs.</summary>
    void Hint(ShardKey shard, ReplicaId node, bool up, bool onlySilent);
}
