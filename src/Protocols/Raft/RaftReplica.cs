using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Raft;

internal enum RaftRole : byte
{
    Follower,
    PreCandidate,
    Candidate,
    Leader,
}

/// <summary>
/// One replica of a Raft group. This file holds what all of it shares: the state of figure 2, the step, and the order in
/// which a step's effects leave. The other files are one idea each.
/// </summary>
public sealed partial class RaftReplica : LogReplica
{
    private static readonly Dictionary<ReplicaId, long> NoFollowers = [];

    private readonly RaftOptions _options;
    private readonly bool _joins;
    private RaftConfiguration _configuration;
    private Peer[] _peers = [];

    private long _term;
    private ReplicaId _vote;
    private bool _nonVoter;
    private long _loss;
    private bool _hollow;

    private RaftRole _role;
    private ReplicaId _leader;

    internal RaftReplica(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, RaftOptions options, bool joins = false)
        : base(self, seed, options, timers: 4)
    {
        _options = options;
        _configuration = new RaftConfiguration(replicas);
        _leadsFirst = replicas[0] == self;
        _joins = joins || !_configuration.IsMember(self);
        _configurations = new ConfigurationHistory(_configuration);
        _matchOf = MatchOf;
        _roundOf = id => id == Self ? _round : FindPeer(id) is { NonVoter: false } peer ? peer.Round : 0;
        _grantedBy = id => id == Self ? _ownVoteCounts : FindPeer(id) is { Granted: true };
        _mayGrant = id => id == Self || (FindPeer(id) is { Denied: false } && !IsBelievedDown(id));
        _heardFrom = id => id == Self || FindPeer(id) is { NonVoter: false } peer && _now.Monotonic - peer.HeardAt < _options.ElectionMaxMicros;
        _isInStep = IsInStep;
    }

    public override ReplicaStatus Status => new(RoleName, _term, _leader, _log.LastIndex, _commit, _applied, _checkpointIndex, IsVoter)
    {
        Followers = _role == RaftRole.Leader ? _peers.ToDictionary(peer => peer.Id, peer => peer.Match) : NoFollowers,
        Members = _configuration.Membership,
        LeavingVoters = _configuration.OldCounted,
        Progress = Progress(),
    };

    public override PeerMessage Decode(ReadOnlyMemory<byte> bytes) => RaftMessage.Decode(bytes);

    private protected override ReplicaId Leader => _leader;
    private protected override string LeaderNoun => "leader";
    private protected override bool MayPropose => _role == RaftRole.Leader;
    internal override long CurrentTerm => _term;

    private HardState HardState => new(_term, _vote, _nonVoter, _loss, _hollow);

    private protected override ReadOnlyMemory<byte> EncodeHardState() => HardState.Encode();

    // Later ones are entries of the log.
    private protected override ReadOnlyMemory<byte> EncodeConfiguration() => _configurations.At(_checkpointIndex).Encode();

    // Requests are taken from anyone (thesis 4.1): the log of the sender may know members that this one does not.
    private protected override void Receive(ReplicaId from, PeerMessage message)
    {
        if (_quiet)
            WakeForMessage(from, (RaftMessage)message);
        switch (message)
        {
            case AppendRequest append:
                OnAppend(from, append);
                break;
            case AppendReply reply:
                OnAppendReply(from, reply);
                break;
            case Heartbeat heartbeat:
                OnHeartbeat(from, heartbeat);
                break;
            case HeartbeatReply reply:
                OnHeartbeatReply(from, reply);
                break;
            case VoteRequest request:
                OnVoteRequest(from, request);
                break;
            case VoteReply reply:
                OnVoteReply(from, reply);
                break;
            case CheckpointOffer offer:
                OnCheckpointOffer(from, offer);
                break;
            case TimeoutNow timeout:
                OnTimeoutNow(from, timeout);
                break;
            case Quiesce quiesce:
                OnQuiesce(from, quiesce);
                break;
            case Removed removed:
                OnRemoved(removed);
                break;
            case ReadIndexRequest request:
                TakeQuestion(from, request.Token);
                break;
            case ReadIndexReply reply:
                TakeAnswer(reply.Token, reply.Index);
                break;
        }
    }

    private protected override void Finish()
    {
        if (_role == RaftRole.Leader)
        {
            AdvanceCommit();
            AdvanceChange();
        }

        if (_role == RaftRole.Leader)
        {
            foreach (Peer peer in _peers)
                Replicate(peer);
            BeginReadRound();
            ConfirmReads();
        }
        else
        {
            AskForReadIndex();
        }

        Persist();
        Post();
        ConcludeChange();
        ConcludeTransfer();
        ApplyCommitted();
        ServeReads();
        TakeCheckpointIfDue();
        ArmDeadlineTimer();
    }

    private protected override void OnRecorded(long lsn)
    {
        if (_ownVoteLsn == NotWritten)
            _ownVoteLsn = lsn;
    }

    private protected override void OnDurable(long lsn)
    {
        base.OnDurable(lsn);
        if (_role == RaftRole.Candidate && _ownVoteLsn != NotWritten && lsn >= _ownVoteLsn && !_ownVoteCounts)
        {
            _ownVoteCounts = true;
            CountVotes();
        }
    }

    private protected override void OnStart(RecoveredState recovered)
    {
        HardState found = HardState.Decode(recovered.HardState);
        (_term, _vote, _nonVoter, _loss, _hollow) = found;
        _checkpointIndex = recovered.Checkpoint?.Index ?? 0;
        _checkpointTerm = recovered.Checkpoint?.Term ?? 0;
        _log.Reset(_checkpointIndex, _checkpointTerm, recovered.Log);
        RecoverConfiguration(recovered);
        _durable.Reset(_log.LastIndex);
        _commit = _applying = _applied = _verified = _checkpointIndex;
        if (WhyNoVote(recovered) is { } why)
            BecomeNonVoter(why);
        Invariant.That(_term >= _log.LastTerm, "the term is no older than the log");

        PromiseAsBefore();
        DrawElectionTimeout();
        PostponeElection();
        if (MayCampaign && !_options.LeaseReads && _configuration.HasQuorum(id => id == Self))
            Campaign(handOver: false);
    }

    private Peer? FindPeer(ReplicaId id)
    {
        foreach (Peer peer in _peers)
        {
            if (peer.Id == id)
                return peer;
        }

        return null;
    }
}
