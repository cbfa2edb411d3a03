using System.Diagnostics.CodeAnalysis;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// The leader's side of replication (section 5.3): pipelined within bounds, back on the match in a few steps where logs
/// differ, and the commit rule of section 5.4.2. A leader that hears no quorum steps down.
/// </summary>
public sealed partial class RaftReplica
{
    private readonly Func<ReplicaId, long> _matchOf;
    private readonly Func<ReplicaId, bool> _heardFrom;
    private long _termStart;
    private AppendRequest? _lastBuilt;

    /// <summary>All leaders of a node beat together, on multiples of the interval: one wake-up and one frame a peer for all of them.</summary>
    private long NextBeat => (_now.Monotonic / _options.HeartbeatMicros + 1) * _options.HeartbeatMicros;

    private void BeginLeadership()
    {
        Disarm(ElectionTimer);
        foreach (Peer peer in _peers)
            peer.Lead(_log.LastIndex, _now.Monotonic);
        _round = 0;
        _usedAt = _now.Monotonic;
        _leaseGivenUp = false;
        _reads.Recall();
        _termStart = _log.LastIndex + 1;
        Propose(EntryKind.NoOp, [default]);
        EnsureArmed(HeartbeatTimer, NextBeat);
    }

    private void LoseLeadership()
    {
        Disarm(HeartbeatTimer);
        AbandonHandOver();
        AbandonPreparations();
        _lastBuilt = null;
        ReturnReads();
        Report($"no longer leader, in term {_term}");
    }

    /// <summary>Sends a follower what it lacks, as far as its window allows.</summary>
    private void Replicate(Peer peer)
    {
        if (peer.Part == PeerPart.Leaving && peer.Match >= peer.LeftAt)
            return;
        long last = peer.IsWitness ? _durable.LastIndex : _log.LastIndex;
        while (peer.Mode == PeerMode.Replicate
            ? peer.Next <= last && peer.InFlightMessages < _options.MaxInFlightMessages && peer.InFlightBytes < _options.MaxInFlightBytes
            : !peer.Probing)
        {
            if (peer.Next <= _log.BaseIndex)
            {
                OfferCheckpoint(peer);
                return;
            }

            AppendRequest append = peer.IsWitness ? BuildForWitness(peer.Next) : Build(peer.Next);
            Send(peer.Id, append);
            peer.Sent(append.LastIndex, append.EncodedSize);
        }
    }

    // Followers in step get the same message: one object, encoded alike.
    private AppendRequest Build(long next)
    {
        if (_lastBuilt is { } last && last.PrevIndex == next - 1 && last.Commit == _commit && last.LastIndex == _log.LastIndex)
            return last;
        return _lastBuilt = new AppendRequest(_term, next - 1, _log.TermAt(next - 1), _commit, _log.Take(next, _options.MaxBatchBytes));
    }

    private void OnAppendReply(ReplicaId from, AppendReply reply)
    {
        if (!IsAnswer(from, reply, out Peer? peer))
            return;
        peer.Heard(_now.Monotonic, reply.Standing, _log.LastIndex);
        if (reply.Success)
        {
            Invariant.That(reply.Index <= _log.LastIndex, "a follower acknowledges only what its leader has");
            peer.Acknowledged(reply.Index);
            peer.Pardoned(reply.Standing, reply.Index);
            ContinueHandOver();
        }
        else
        {
            long hint = _log.LastIndexOfTermUpTo(Math.Min(reply.ConflictIndex, _log.LastIndex), reply.ConflictTerm);
            peer.Refused(reply.Index, hint);
        }
    }

    private void OnHeartbeatTimer()
    {
        if (_role != RaftRole.Leader)
            return;
        EnsureArmed(HeartbeatTimer, NextBeat);
        if (!_configuration.HasQuorum(_heardFrom))
        {
            Report("heard no quorum for an election timeout");
            BecomeFollower(_term, ReplicaId.None);
            return;
        }

        EndHandOverIfLate();
        LetGo();
        ConsiderPriority();
        if (!GoQuietIfIdle())
            SendHeartbeats();
    }

    private void SendHeartbeats()
    {
        NumberRound();
        foreach (Peer peer in _peers)
            Send(peer.Id, new Heartbeat(_term, Math.Min(_commit, peer.Match), _round));
        DepartReads();
    }

    private void OnHeartbeatReply(ReplicaId from, HeartbeatReply reply)
    {
        if (!IsAnswer(from, reply, out Peer? peer))
            return;
        peer.Heard(_now.Monotonic, reply.Standing, _log.LastIndex);
        peer.Answered(reply.Round);
        if (!peer.IsCheckDue(_now.Monotonic, _options.HeartbeatMicros))
            return;
        if (peer.Mode != PeerMode.Replicate)
            peer.ProbeAgain();
        else if ((peer.Match < _log.LastIndex && !peer.Flowing) || reply.Verified < peer.Match)
            AskWhetherLost(peer);
        peer.Flowing = false;
    }

    // An empty append just before the next entry, or where the log now begins: refused if anything sent before it was lost.
    private void AskWhetherLost(Peer peer)
    {
        long index = Math.Max(peer.Next - 1, _log.BaseIndex);
        Send(peer.Id, new AppendRequest(_term, index, _log.TermAt(index), _commit, []));
    }

    /// <summary>Whether a reply is to what this leader has asked in this term; a later term ends its leadership.</summary>
    private bool IsAnswer(ReplicaId from, RaftMessage reply, [NotNullWhen(true)] out Peer? peer)
    {
        if (reply.Term > _term)
            BecomeFollower(reply.Term, ReplicaId.None);
        peer = _role == RaftRole.Leader && reply.Term == _term ? FindPeer(from) : null;
        return peer is not null;
    }

    private long MatchOf(ReplicaId id) => id == Self ? _durable.LastIndex : FindPeer(id) is { NonVoter: false } peer ? peer.Match : 0;

    /// <summary>Section 5.4.2: only entries of the leader's own term are committed by counting; older ones with them.</summary>
    private void AdvanceCommit()
    {
        long reached = _configuration.QuorumValue(_matchOf);
        if (reached > _commit && reached >= _termStart)
            CommitTo(reached);
    }

    private void CommitTo(long index)
    {
        Invariant.That(index >= _commit, "the commit index does not go back");
        Invariant.That(index <= _log.LastIndex, "what is committed is in the log");
        _commit = index;
    }
}
