using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Leader election (section 5.2 and 5.4.1) with pre-vote (thesis 9.6), and with stickiness: whoever has heard a leader
/// within the shortest election timeout takes part in no other's election (thesis 4.2.3).
/// </summary>
public sealed partial class RaftReplica
{
    private const long Never = long.MinValue / 2;

    private readonly Func<ReplicaId, bool> _grantedBy;
    private readonly Func<ReplicaId, bool> _mayGrant;
    private readonly bool _leadsFirst;
    private long _electionTimeout;
    private long _electionAt;
    private long _leaderHeardAt = Never;
    private bool _ownVoteCounts;
    private long _ownVoteLsn;

    /// <summary>With leases on this is a promise to the leader that was heard, whoever leads or seems down by now.</summary>
    private bool TrustsLeader => _role == RaftRole.Leader
        || ((_options.LeaseReads || !_leader.IsNone) && _now.Monotonic - _leaderHeardAt < _options.ElectionMinMicros);

    /// <summary>A full disk cannot take the vote, and a replica in the middle of an install does not have its log.</summary>
    private bool MayCampaign => MayLead && !_isRemoved && !_hollow && !IsInstalling && !_storageFull;

    private void DrawElectionTimeout()
    {
        _electionTimeout = _options.ElectionMinMicros + _random.Next(_options.ElectionMaxMicros - _options.ElectionMinMicros);
        bool isNew = _term == 0 && _log.LastIndex == 0;
        if (!isNew || !_options.FirstReplicaLeadsFirst)
            return;
        _electionTimeout = _leadsFirst ? _electionTimeout / 2 : 2 * _options.ElectionMaxMicros + _electionTimeout;
    }

    /// <summary>The timer is not armed anew for each message of a leader; it finds out when it fires.</summary>
    private void PostponeElection()
    {
        _electionAt = _now.Monotonic + _electionTimeout;
        EnsureArmed(ElectionTimer, _electionAt);
    }

    /// <summary>An election soon, but not at the same moment as everybody else who has had the same news.</summary>
    private void HastenElection()
    {
        long earliest = _options.LeaseReads ? Math.Max(_now.Monotonic, _leaderHeardAt + _options.ElectionMinMicros) : _now.Monotonic;
        _electionAt = Math.Min(_electionAt, earliest + DrawHintDelay());
        EnsureArmed(ElectionTimer, _electionAt);
    }

    /// <summary>
    /// Votes split when two ask at once, and that costs an election timeout. So each voter has a part of the delay of its own, another one
    /// each term, and asks in the first half of it: the one before has had the other half to be elected.
    /// </summary>
    private long DrawHintDelay()
    {
        int places = 0, place = -1;
        foreach (ReplicaId voter in _configuration.Voters)
        {
            if (voter == _leader)
                continue;
            if (voter == Self)
                place = places;
            places++;
        }

        if (place < 0)
            return _random.Next(_options.HintDelayMicros);
        long part = _options.HintDelayMicros / places;
        return (place + _term) % places * part + _random.Next(Math.Max(1, part / 2));
    }

    private void OnElectionTimer()
    {
        if (_role == RaftRole.Leader)
            return;
        if (_now.Monotonic < _electionAt)
        {
            EnsureArmed(ElectionTimer, _electionAt);
            return;
        }

        Invariant.That(!_quiet, "who is quiet counts no time without a leader");
        DrawElectionTimeout();
        PostponeElection();
        bool voteIsBeingWritten = _role == RaftRole.Candidate && !_ownVoteCounts;
        if (voteIsBeingWritten)
            return;
        _leader = ReplicaId.None;
        RejectReadsWithoutLeader();
        if (!MayCampaign)
            WakeOthers();
        else if (_options.PreVote)
            AskForPreVotes();
        else
            Campaign(handOver: false);
    }

    private void AskForPreVotes()
    {
        _role = RaftRole.PreCandidate;
        _leader = ReplicaId.None;
        BeginVote(ownVoteCounts: true);
        foreach (Peer peer in _peers)
            Send(peer.Id, new VoteRequest(_term + 1, _log.LastIndex, _log.LastTerm, pre: true, handOver: false));
        CountVotes();
    }

    /// <summary>The request leaves only when vote and log are on disk: a candidate that forgot either could win twice.</summary>
    private void Campaign(bool handOver)
    {
        Invariant.That(MayCampaign, "only a voter with its whole state campaigns");
        Invariant.That(handOver || !_options.LeaseReads || !TrustsLeader, "a vote that was promised to a lease is not one's own either");
        EnterTerm(_term + 1);
        GiveVote(Self);
        _role = RaftRole.Candidate;
        _leader = ReplicaId.None;
        BeginVote(ownVoteCounts: false);
        _ownVoteLsn = NotWritten;
        PostponeElection();
        foreach (Peer peer in _peers)
            SendWhenDurable(peer.Id, new VoteRequest(_term, _log.LastIndex, _log.LastTerm, pre: false, handOver));
    }

    private void BeginVote(bool ownVoteCounts)
    {
        _ownVoteCounts = ownVoteCounts;
        foreach (Peer peer in _peers)
            peer.Forget();
    }

    private void CountVotes()
    {
        if (!_configuration.HasQuorum(_grantedBy))
            return;
        if (_role != RaftRole.PreCandidate)
            BecomeLeader();
        else if (MayCampaign)
            Campaign(handOver: false);
    }

    private void OnVoteRequest(ReplicaId from, VoteRequest request)
    {
        // Who asks for votes leads no more: it has started again, or has learned of a later term.
        if (from == _leader && request.Term > _term)
            _leader = ReplicaId.None;
        if (TrustsLeader && !request.HandOver)
        {
            TellIfRemoved(from);
            if (request.Pre)
                Send(from, new VoteReply(_term, granted: false, pre: true));
            return;
        }

        if (request.Term > _term && !request.Pre)
            BecomeFollower(request.Term, ReplicaId.None);
        if (!MayVoteFor(from, request))
        {
            TellIfRemoved(from);
            Send(from, new VoteReply(_term, granted: false, request.Pre));
            return;
        }

        if (request.Pre)
        {
            Send(from, new VoteReply(request.Term, granted: true, pre: true));
            return;
        }

        GiveVote(from);
        PostponeElection();
        SendWhenDurable(from, new VoteReply(_term, granted: true, pre: false));
    }

    private bool MayVoteFor(ReplicaId candidate, VoteRequest request)
    {
        bool free = request.Pre ? request.Term > _term : request.Term == _term && (_vote.IsNone || _vote == candidate);
        bool upToDate = request.LastTerm > _log.LastTerm || (request.LastTerm == _log.LastTerm && request.LastIndex >= _log.LastIndex);
        return MayVote && free && upToDate;
    }

    private void GiveVote(ReplicaId candidate)
    {
        Invariant.That(_vote.IsNone || _vote == candidate, "a replica gives one vote a term");
        Invariant.That(MayVote, "a replica that is no member, or has lost promises, does not vote");
        if (_vote == candidate)
            return;
        _vote = candidate;
        _record.HardStateChanged = true;
    }

    private void OnVoteReply(ReplicaId from, VoteReply reply)
    {
        bool prospective = reply.Pre && reply.Granted;
        if (reply.Term > _term && !prospective)
        {
            bool asking = _role == RaftRole.PreCandidate;
            BecomeFollower(reply.Term, ReplicaId.None);
            if (asking)
                HastenElection();
            return;
        }

        bool answers = reply.Pre ? _role == RaftRole.PreCandidate && reply.Term == _term + 1 : _role == RaftRole.Candidate && reply.Term == _term;
        if (!answers || FindPeer(from) is not { } voter)
            return;
        voter.Answered(reply.Granted);
        if (reply.Granted)
            CountVotes();
        else if (_role == RaftRole.Candidate && _options.PreVote && !_configuration.HasQuorum(_mayGrant))
            HastenElection(); // Votes were split: there is nothing to wait for.
    }

    private protected override void OnPeerHint(ReplicaId peer, bool up, bool onlySilent)
    {
        bool wasDown = up ? _believedDown.Remove(peer) : !_believedDown.Add(peer);
        if (_quiet)
            WakeForHint(peer, wasDown, up);
        if (up || onlySilent)
            return;
        if (_role == RaftRole.Leader)
        {
            FindPeer(peer)?.Down();
        }
        else if (peer == _leader && MayCampaign)
        {
            if (!_options.LeaseReads)
                _leaderHeardAt = Never;
            HastenElection();
        }
    }

    // Which leader was heard when is not on the disk: with leases on, it may have been just now.
    private void PromiseAsBefore()
    {
        if (_options.LeaseReads)
            _leaderHeardAt = _now.Monotonic;
    }

    private void EnterTerm(long term)
    {
        Invariant.That(term > _term, "terms never go back");
        _term = term;
        _vote = ReplicaId.None;
        _verified = _commit;
        _record.HardStateChanged = true;
        DrawElectionTimeout();
    }

    private void BecomeFollower(long term, ReplicaId leader)
    {
        bool led = _role == RaftRole.Leader;
        if (term > _term)
            EnterTerm(term);
        Invariant.That(term == _term, "terms never go back");
        Invariant.That(!_quiet, "whoever changes its role is awake");
        _role = RaftRole.Follower;
        _leader = leader;
        // Figure 2: a leader heard or a vote given postpones an election; a later term alone does not.
        if (led || !leader.IsNone)
            PostponeElection();
        if (led)
            LoseLeadership();
    }

    private void BecomeLeader()
    {
        Invariant.That(_role == RaftRole.Candidate && _vote == Self && _ownVoteCounts, "a leader was elected with its own durable vote");
        Report($"leader of term {_term}");
        _role = RaftRole.Leader;
        _leader = Self;
        BeginLeadership();
    }
}
