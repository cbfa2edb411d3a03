using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// Configurations are entries of the log and in force as soon as they are there (section 6). Who is a member, what part
/// this replica has, and how it learns that it has none any more.
/// </summary>
public sealed partial class RaftReplica
{
    /// <summary>How long, in election timeouts, a leader goes on sending to a replica that is no member any more.</summary>
    private const int LeavingTimeouts = 5;

    private readonly ConfigurationHistory _configurations;
    private bool _isRemoved;

    /// <summary>Counted, with all that it promised, and with state: it may lead.</summary>
    private bool IsVoter => !_nonVoter && _configuration.IsVoter(Self);

    private bool IsWitness => _configuration.IsWitness(Self);

    /// <summary>
    /// A learner votes when asked: who asks may know from its log that it is counted (thesis 4.1), and counts the vote only
    /// then. A replica that is no member by its own log gives none.
    /// </summary>
    private bool MayVote => !_nonVoter && (_configuration.IsMember(Self) || Before.IsMember(Self));

    /// <summary>
    /// "A server that is not part of its own latest configuration should still start new elections, as it might still be
    /// needed" until that is committed (thesis 4.2.2). It counts itself for nothing then.
    /// </summary>
    private bool MayLead => !_nonVoter && (_configuration.IsVoter(Self) || Before.IsVoter(Self));

    /// <summary>The configuration before the last one while that is not known to be committed; else the last one.</summary>
    private RaftConfiguration Before => _configurations.CurrentIndex > _commit ? _configurations.At(_configurations.CurrentIndex - 1) : _configuration;

    /// <summary>A replica that was a witness and is one no more has a log without commands: it applies nothing.</summary>
    private bool LogHasCommands => !_hollow || IsWitness;

    private Standing Standing => new(_nonVoter, _loss, _hollow);

    private string RoleName => _role switch
    {
        RaftRole.Leader => "leader",
        _ when _isRemoved => "removed",
        RaftRole.Candidate or RaftRole.PreCandidate => "candidate",
        // Its own log says so. One that joins has no vote until the log has made it a member.
        _ when !_nonVoter && !_configuration.IsMember(Self) => "removed",
        _ when IsWitness || _hollow => "witness",
        _ when IsVoter => "follower",
        _ => _configuration.IsMember(Self) ? "learner" : "joining",
    };

    private void RecoverConfiguration(RecoveredState recovered)
    {
        RaftConfiguration first = _configuration;
        if (!recovered.Configuration.IsEmpty)
            first = RaftConfiguration.Decode(recovered.Configuration);
        else
            _record.ConfigurationChanged = _record.HardStateChanged = true;
        _configurations.Reset(_checkpointIndex, first, recovered.Log);
        Adopt();
    }

    private protected override void AppendToLog(EntryBatch batch)
    {
        base.AppendToLog(batch);
        if (batch.Kind == EntryKind.Placeholder)
            BecomeHollow();
        else if (_configurations.Append(batch))
            Adopt();
    }

    /// <summary>The log has another configuration than before: from now on it is the one that counts.</summary>
    private void Adopt()
    {
        _configuration = _configurations.Current;
        if (_configuration.IsMember(Self))
            _isRemoved = false;
        TakePardon();
        var peers = new List<Peer>();
        foreach (ReplicaId id in _configuration.Members)
        {
            if (id != Self)
                peers.Add(Member(id));
        }

        if (_role == RaftRole.Leader)
        {
            foreach (Peer peer in _peers)
            {
                if (!_configuration.IsMember(peer.Id))
                    peers.Add(Outside(peer));
            }
        }

        _peers = [.. peers];
    }

    private Peer Member(ReplicaId id)
    {
        Peer? peer = FindPeer(id);
        if (peer is null || peer.Part == PeerPart.Leaving)
        {
            peer = new Peer(id);
            if (_role == RaftRole.Leader)
                peer.Lead(_log.LastIndex, _now.Monotonic);
        }

        peer.IsWitness = _configuration.IsWitness(id);
        bool isCounted = Array.IndexOf(_configuration.Counted, id) >= 0 || Array.IndexOf(_configuration.OldCounted, id) >= 0;
        peer.Part = !isCounted ? PeerPart.Learner : peer.IsWitness ? PeerPart.Witness : PeerPart.Voter;
        return peer;
    }

    private Peer Outside(Peer peer)
    {
        if (peer.Part != PeerPart.Leaving)
        {
            peer.Part = PeerPart.Leaving;
            peer.LeftAt = _configurations.CurrentIndex;
            peer.LeaveBy = _now.Monotonic + LeavingTimeouts * _options.ElectionMaxMicros;
        }

        return peer;
    }

    // ---- promises that were lost ----

    /// <summary>Null: as far as this replica can tell, it has all that it ever promised.</summary>
    private string? WhyNoVote(RecoveredState recovered)
    {
        if (recovered.Damage is not null)
            return recovered.Damage;
        // It may have been here before, on a disk that is gone: the log will show it memberships that counted it then.
        if (_joins && recovered.LastLsn == 0)
            return "it joins with an empty disk";
        return _nonVoter && _loss == 0 ? "the loss of an earlier start has no name yet" : null;
    }

    // Kernel rule 8: what was promised may be forgotten, so nothing is promised again before a pardon that is later than the loss.
    private void BecomeNonVoter(string why)
    {
        if (!_nonVoter)
            Report($"has no vote until a change of members gives it one: {why}");
        _nonVoter = true;
        _loss = 1 + _random.Next(long.MaxValue - 1);
        _term = Math.Max(_term, _log.LastTerm);
        _record.HardStateChanged = true;
    }

    // docs/raft.md says why this is safe.
    private void TakePardon()
    {
        if (!_nonVoter || Array.IndexOf(_configuration.Pardons, new Pardon(Self, _loss)) < 0)
            return;
        Report("has a vote from now on");
        _nonVoter = false;
        _loss = 0;
        // The vote of this term may be one of those that were lost.
        _vote = _vote.IsNone && !_leader.IsNone ? _leader : _vote;
        _record.HardStateChanged = true;
    }

    // ---- witnesses ----

    /// <summary>What this replica's log and machine lack, they lack for good: it never serves or leads.</summary>
    private void BecomeHollow()
    {
        if (_hollow)
            return;
        _hollow = true;
        _record.HardStateChanged = true;
    }

    /// <summary>
    /// A witness hears only of entries that are on this leader's disk: were it ahead of every replica with state, it could
    /// give nobody its vote.
    /// </summary>
    private AppendRequest BuildForWitness(long next)
    {
        long last = _durable.LastIndex;
        EntryBatch[] batches = [.. _log.Take(next, _options.MaxBatchBytes).Where(batch => batch.FirstIndex <= last)
            .Select(batch => batch.Slice(batch.FirstIndex, Math.Min(batch.LastIndex, last)))
            .Select(batch => batch.Kind == EntryKind.Command ? batch.ToPlaceholder() : batch)];
        return new AppendRequest(_term, next - 1, _log.TermAt(next - 1), _commit, batches);
    }

    // ---- removal ----

    /// <summary>A replica that asks for votes and is no member by a committed configuration may never hear it from a leader.</summary>
    private void TellIfRemoved(ReplicaId asking)
    {
        bool settled = _configurations.CurrentIndex > 0 && _configurations.CurrentIndex <= _commit && !_configuration.IsJoint;
        if (settled && !_configuration.IsMember(asking))
            Send(asking, new Removed(_term, _configurations.CurrentIndex));
    }

    /// <summary>A leader tells those who left, once they have all that it has to say to them.</summary>
    private void LetGo()
    {
        if (!Array.Exists(_peers, peer => peer.Part == PeerPart.Leaving))
            return;
        foreach (Peer peer in _peers)
        {
            if (peer.Part == PeerPart.Leaving && peer.Match >= peer.LeftAt)
                TellIfRemoved(peer.Id);
        }

        _peers = [.. _peers.Where(peer => peer.Part != PeerPart.Leaving || _now.Monotonic < peer.LeaveBy)];
    }

    // Later news than the log's own, or what the log says too. It only keeps this replica from asking for votes.
    private void OnRemoved(Removed removed)
    {
        if (_role == RaftRole.Leader || _isRemoved)
            return;
        if (removed.Index > _configurations.CurrentIndex || !_configuration.IsMember(Self))
            KnowRemoval();
    }

    private void KnowRemoval()
    {
        _isRemoved = true;
        Report($"is no member any more: {_configuration}");
    }
}
