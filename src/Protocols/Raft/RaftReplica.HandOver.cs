using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Leadership is given away (thesis 3.10) before a node stops: no more commands are taken, the follower is brought up to
/// date, then told to campaign at once. If it has not won within an election timeout, everything goes on as before.
/// </summary>
public sealed partial class RaftReplica
{
    private HandOverState? _handOver;

    private void OnHandOver(ReplicaId to)
    {
        if (_role != RaftRole.Leader)
            return;
        Peer? target = to.IsNone ? BestSuccessor() : FindPeer(to);
        if (target is null || target.NonVoter || !_configuration.IsVoter(target.Id))
        {
            Report(to.IsNone ? "nobody to hand over to" : $"cannot hand over to {to}: it does not vote");
            return;
        }

        _handOver = new HandOverState(target.Id, _now.Monotonic + _options.ElectionMaxMicros);
        ContinueHandOver();
    }

    private Peer? BestSuccessor()
    {
        Peer? best = null;
        foreach (Peer peer in _peers)
        {
            bool fit = !peer.NonVoter && !IsBelievedDown(peer.Id) && _configuration.IsVoter(peer.Id) && _heardFrom(peer.Id);
            if (fit && (best is null || peer.Match > best.Match))
                best = peer;
        }

        return best;
    }

    private void ContinueHandOver()
    {
        if (_handOver is not { Asked: false } handOver || FindPeer(handOver.To) is not { } target || target.Match < _log.LastIndex)
            return;
        handOver.Asked = true;
        Send(target.Id, new TimeoutNow(_term));
    }

    private void EndHandOverIfLate()
    {
        if (_handOver is null || _now.Monotonic < _handOver.Deadline)
            return;
        Report($"{_handOver.To} did not take over in time");
        _handOver = null;
    }

    private void OnTimeoutNow(ReplicaId from, TimeoutNow timeout)
    {
        if (timeout.Term == _term && _role == RaftRole.Follower && _leader == from && MayCampaign)
            Campaign(handOver: true);
    }

    private sealed class HandOverState(ReplicaId to, long deadline)
    {
        public ReplicaId To => to;
        public long Deadline => deadline;
        public bool Asked { get; set; }
    }
}
