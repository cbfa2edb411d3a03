using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// A leader gives way to a voter of higher priority that keeps up. Bounded: it waits first, and twice as long after each
/// time, so that leadership does not go to and fro with a voter that comes and goes.
/// </summary>
public sealed partial class RaftReplica
{
    private const int MaxPriorityDoublings = 6;

    private int _timesGivenWay;
    private ReplicaId _preferred;
    private long _preferredSince;

    /// <summary>With each heartbeat.</summary>
    private void ConsiderPriority()
    {
        if (_options.Priorities.Count == 0 || _handOver is not null || _change is not null || _configuration.IsJoint || !KnowsCommit)
            return;
        ReplicaId preferred = Preferred();
        if (preferred != _preferred)
            (_preferred, _preferredSince) = (preferred, _now.Monotonic);
        if (preferred.IsNone || _now.Monotonic - _preferredSince < _options.PriorityPatienceMicros << _timesGivenWay)
            return;
        Report($"gives way to {preferred}, whose priority is higher");
        _timesGivenWay = Math.Min(_timesGivenWay + 1, MaxPriorityDoublings);
        _preferred = default;
        BeginHandOver(FindPeer(preferred)!);
    }

    /// <summary>The voter of the highest priority above this one's that answers and has the log; none if there is none.</summary>
    private ReplicaId Preferred()
    {
        ReplicaId best = default;
        int highest = _options.PriorityOf(Self);
        foreach (Peer peer in _peers)
        {
            bool keepsUp = peer is { Part: PeerPart.Voter, NonVoter: false, Mode: PeerMode.Replicate, HasAnswered: true }
                && _heardFrom(peer.Id) && peer.Match >= _commit;
            if (keepsUp && _options.PriorityOf(peer.Id) > highest)
                (best, highest) = (peer.Id, _options.PriorityOf(peer.Id));
        }

        return best;
    }
}
