using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Convergence;

/// <summary>What is told to operators.</summary>
public sealed partial class ConvergentReplica
{
    private StoreKeeps _keeps;
    private long _lookedAt;
    private long _comparisons;
    private long _refused;
    private long _nonsense;

    private SpreadProgress Spread => new(
        [.. _peers.Values.Select(peer => new MemberSpread(
            peer.Id, peer.IsHeardOf, Vectors.Missing(_vector, peer.Vector), Vectors.Missing(peer.Vector, _vector), peer.IsHeardOf ? Math.Max(0, _lookedAt - peer.HeardAt) : 0))],
        _keeps.Updates, _keeps.Bytes, _keeps.Tags, _keeps.Keys, _comparison?.Peer ?? ReplicaId.None, _frozenAt.Count, _comparisons, _refused, _unreadable, _nonsense, IsRebuilding);
}
