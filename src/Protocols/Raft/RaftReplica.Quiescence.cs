using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// A shard that nobody uses goes quiet: no heartbeats, no timers, on no replica. That its leader's node is there is then
/// known by the host, for all shards at once, and told as <see cref="Input.PeerHint"/> when it ends. Safety rests on none
/// of this; why nobody waits for ever is argued in docs/raft.md.
/// </summary>
public sealed partial class RaftReplica
{
    private readonly Func<ReplicaId, bool> _isInStep;
    private readonly HashSet<ReplicaId> _believedDown = [];
    private bool _quiet;
    private long _usedAt;

    internal bool IsQuiet => _quiet;

    /// <summary>By the last hint its node, or its replica there, is down.</summary>
    private bool IsBelievedDown(ReplicaId id) => _believedDown.Contains(id);

    private bool MayGoQuiet => _options.QuietAfterMicros > 0;

    /// <summary>At a beat of a leader: true if it was the last one for now.</summary>
    private bool GoQuietIfIdle()
    {
        if (!MayGoQuiet)
            return false;
        if (!IsIdle())
        {
            _usedAt = _now.Monotonic;
            return false;
        }

        if (_now.Monotonic - _usedAt < _options.QuietAfterMicros)
            return false;
        foreach (Peer peer in _peers)
            Send(peer.Id, new Quiesce(_term, _log.LastIndex));
        Disarm(HeartbeatTimer);
        _quiet = true;
        return true;
    }

    /// <summary>
    /// Nothing is under way, and every member has the whole log and knows it; one whose node is believed down is left
    /// out, as long as a quorum remains.
    /// </summary>
    private bool IsIdle() => _handOver is null && _commands.Waiting == 0 && _reads.IsEmpty && !IsChanging
        && _commit == _log.LastIndex && _applied == _commit
        && Array.TrueForAll(_peers, peer => IsBelievedDown(peer.Id) || IsInStep(peer))
        && _configuration.HasQuorum(_isInStep);

    private bool IsInStep(Peer peer) => peer.Mode == PeerMode.Replicate && peer.Match == _log.LastIndex
        && _now.Monotonic - peer.HeardAt <= _options.ElectionMinMicros;

    private bool IsInStep(ReplicaId id) => id == Self
        ? _durable.LastIndex == _log.LastIndex
        : FindPeer(id) is { NonVoter: false } peer && !IsBelievedDown(id) && IsInStep(peer);

    private void OnQuiesce(ReplicaId from, Quiesce quiesce)
    {
        if (!Follow(from, quiesce.Term))
        {
            Send(from, new Wake(_term));
            return;
        }

        bool hasAll = !IsInstalling && quiesce.Index == _log.LastIndex && quiesce.Index <= _verified;
        if (hasAll && quiesce.Index > _commit)
            CommitTo(quiesce.Index);
        if (hasAll && !IsPulling && _reads.IsEmpty && MayGoQuiet && !IsBelievedDown(from))
        {
            Disarm(ElectionTimer);
            _quiet = true;
        }
        else
        {
            Send(from, new Wake(_term));
        }
    }

    /// <summary>Timers run again; a follower gives its leader the time that it would have after a heartbeat.</summary>
    private void WakeUp()
    {
        _quiet = false;
        _usedAt = _now.Monotonic;
        if (_role == RaftRole.Leader)
        {
            // Nobody was asked meanwhile, so nobody is late with an answer.
            foreach (Peer peer in _peers)
                peer.Excuse(_now.Monotonic);
            EnsureArmed(HeartbeatTimer, NextBeat);
            return;
        }

        _leaderHeardAt = _now.Monotonic;
        PostponeElection();
    }

    private void WakeForRequests(IReadOnlyList<ClientRequest> batch)
    {
        bool isRead = true;
        for (int i = 0; i < batch.Count; i++)
            isRead &= batch[i].Kind is RequestKind.StaleRead or RequestKind.SessionRead && IsServedAtOnce(batch[i]);
        if (isRead)
            return;
        WakeUp();
        WakeLeader();
    }

    private void WakeForMessage(ReplicaId from, RaftMessage message)
    {
        // The last heartbeat's answer may come late.
        if (_role == RaftRole.Leader && message is HeartbeatReply reply && reply.Term == _term && FindPeer(from) is { } peer
            && reply.Standing.NonVoter == peer.NonVoter && reply.Verified >= peer.Match)
            return;
        WakeUp();
        if (_role == RaftRole.Leader)
            SendHeartbeats();
        else if (from != _leader)
            WakeLeader();
    }

    private void WakeForHandOver()
    {
        if (_role == RaftRole.Leader)
            WakeUp();
    }

    /// <summary>A leader wakes for one that is back, and when it can no longer believe that it has a quorum.</summary>
    private void WakeForHint(ReplicaId peer, bool wasDown, bool up)
    {
        if (_role != RaftRole.Leader)
        {
            if (up || peer != _leader)
                return;
            WakeUp();
            WakeLeader();
            return;
        }

        bool hasQuorum = _configuration.HasQuorum(id => id == Self || (FindPeer(id) is { NonVoter: false } && !IsBelievedDown(id)));
        if ((!up || !wasDown) && hasQuorum)
            return;
        WakeUp();
        SendHeartbeats();
    }

    private void WakeLeader()
    {
        if (_role != RaftRole.Leader && !_leader.IsNone)
            Send(_leader, new Wake(_term));
    }

    /// <summary>Without a leader, one that cannot campaign makes sure that the others are awake to.</summary>
    private void WakeOthers()
    {
        if (!MayGoQuiet)
            return;
        foreach (Peer peer in _peers)
            Send(peer.Id, new Wake(_term));
    }
}
