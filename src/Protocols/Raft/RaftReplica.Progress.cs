using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>How far a leader's followers have got, for those who watch.</summary>
public sealed partial class RaftReplica
{
    private FollowerProgress[] Progress() => _role != RaftRole.Leader ? [] : [.. _peers.Where(peer => !peer.IsWitness).Select(ProgressOf)];

    // What a follower has applied it does not say: everything committed that it has, soon.
    private FollowerProgress ProgressOf(Peer peer) => new(peer.Id, Math.Max(peer.Match, peer.Next - 1), peer.Match, peer.Match, Math.Min(peer.Match, _commit))
    {
        InSync = !peer.NonVoter && peer.Part == PeerPart.Voter && peer.Mode == PeerMode.Replicate,
        LagEntries = _log.LastIndex - peer.Match,
        LagBytes = _log.BytesAfter(peer.Match),
        LagMicros = _log.WallAfter(peer.Match) is > 0 and long since ? Math.Max(0, _now.Wall - since) : 0,
        // In a quiet shard nobody is asked; the beat that is out may yet be answered.
        MissedBeats = _quiet ? 0 : (int)Math.Min(int.MaxValue, Math.Max(0, (_now.Monotonic - peer.HeardAt) / _options.HeartbeatMicros - 1)),
    };
}
