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
public sealed partial class RaftReplica : IProtocol
{
    private static readonly Dictionary<ReplicaId, long> NoFollowers = [];

    private readonly RaftOptions _options;
    private readonly DeterministicRandom _random;
    private readonly EntryLog _log = new();
    private readonly DurableLog _durable = new();
    private readonly StepRecord _record = new();
    private readonly Func<ReadOnlyMemory<byte>> _encodeHardState;
    private readonly Func<ReadOnlyMemory<byte>> _encodeFirstConfiguration;
    private readonly List<(ReplicaId To, RaftMessage Message, bool WhenDurable)> _outbox = [];
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
    private long _commit;
    private long _applying;
    private long _applied;

    private bool _started;
    private bool _storageFull;
    private Instant _now;
    private Effects _effects = new();

    internal RaftReplica(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, RaftOptions options, bool joins = false)
    {
        Self = self;
        _options = options;
        _random = new DeterministicRandom(seed);
        if (self.Value < 1)
            throw new ArgumentOutOfRangeException(nameof(self), self.Value, "replicas are numbered from 1");
        // An answer to an earlier incarnation's question is none to this one's.
        _question = _random.Next(1L << 48);
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
        _rejectLost = RejectLost;
        _rejectPassedOver = RejectPassedOver;
        _rejectExpired = RejectExpired;
        _encodeHardState = () => HardState.Encode();
        // Later ones are entries of the log.
        _encodeFirstConfiguration = () => _configurations.At(_checkpointIndex).Encode();
    }

    public ReplicaId Self { get; }

    public ReplicaStatus Status => new(RoleName, _term, _leader, _log.LastIndex, _commit, _applied, _checkpointIndex, IsVoter)
    {
        Followers = _role == RaftRole.Leader ? _peers.ToDictionary(peer => peer.Id, peer => peer.Match) : NoFollowers,
        Members = _configuration.Membership,
        LeavingVoters = _configuration.OldCounted,
        Progress = Progress(),
    };

    public PeerMessage Decode(ReadOnlyMemory<byte> bytes) => RaftMessage.Decode(bytes);

    public void Step(Input input, in Instant now, Effects effects)
    {
        Invariant.That(_started != input is Input.Start, "the start is the first input and comes once");
        Invariant.That(now.Monotonic >= _now.Monotonic, "the monotonic clock does not go back");
        _now = now;
        _effects = effects;
        Handle(input);
        Finish();
    }

    private HardState HardState => new(_term, _vote, _nonVoter, _loss, _hollow);

    private void Handle(Input input)
    {
        switch (input)
        {
            case Input.Received received:
                Receive(received.From, (RaftMessage)received.Message);
                break;
            case Input.Requests requests:
                _usedAt = _now.Monotonic;
                if (_quiet)
                    WakeForRequests(requests.Batch);
                Take(requests.Batch);
                break;
            case Input.Durable durable:
                OnDurable(durable.Lsn);
                break;
            case Input.Applied applied:
                OnApplied(applied.Index);
                break;
            case Input.Timer timer when _timers.IsCurrent(timer):
                OnTimer(timer.Id);
                break;
            case Input.PeerHint hint:
                OnPeerHint(hint.Peer, hint.Up, hint.OnlySilent);
                break;
            case Input.Cancel cancel:
                OnCancel(cancel.RequestIds);
                break;
            case Input.Storage storage:
                _storageFull = storage.State == StorageState.Full;
                break;
            case Input.CheckpointSaved saved:
                OnCheckpointSaved(saved.Index);
                break;
            case Input.CheckpointFailed failed:
                OnCheckpointFailed(failed.Index, failed.Reason);
                break;
            case Input.TransferReady ready:
                OnTransferReady(ready.From, ready.Manifest);
                break;
            case Input.TransferFailed failed:
                OnTransferFailed(failed);
                break;
            case Input.Installed installed:
                OnInstalled(installed.Index);
                break;
            case Input.HandOver handOver:
                if (_quiet)
                    WakeForHandOver();
                OnHandOver(handOver.To);
                break;
            case Input.Start start:
                OnStart(start.Recovered);
                break;
        }
    }

    private void Receive(ReplicaId from, RaftMessage message)
    {
        // Requests are taken from anyone (thesis 4.1): the log of the sender may know members that this one does not.
        if (from == Self)
            return;
        if (_quiet)
            WakeForMessage(from, message);
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
                OnReadIndexRequest(from, request);
                break;
            case ReadIndexReply reply:
                OnReadIndexReply(reply);
                break;
        }
    }

    /// <summary>The end of every step: what it decided leaves in one order, the record before all that refers to it.</summary>
    private void Finish()
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

    private void Persist()
    {
        if (_record.IsEmpty)
            return;
        bool changesLog = _record.ChangesLog;
        long lsn = _effects.Append(_record.Seal(_encodeHardState, _encodeFirstConfiguration));
        if (changesLog)
            _durable.Appended(lsn, _log.LastIndex);
        if (_ownVoteLsn == NotWritten)
            _ownVoteLsn = lsn;
    }

    private void Post()
    {
        foreach ((ReplicaId to, RaftMessage message, bool whenDurable) in _outbox)
        {
            if (whenDurable)
                _effects.SendWhenDurable(to, message);
            else
                _effects.Send(to, message);
        }

        _outbox.Clear();
    }

    private void Send(ReplicaId to, RaftMessage message) => _outbox.Add((to, message, false));

    private void SendWhenDurable(ReplicaId to, RaftMessage message) => _outbox.Add((to, message, true));

    private void Reject(long requestId, in Rejection why) => _effects.Add(new Effect.Reject(requestId, why));

    private void Report(string what) => _effects.Add(new Effect.Report(what));

    private void OnDurable(long lsn)
    {
        _durable.Durable(lsn);
        if (_role == RaftRole.Candidate && _ownVoteLsn != NotWritten && lsn >= _ownVoteLsn && !_ownVoteCounts)
        {
            _ownVoteCounts = true;
            CountVotes();
        }
    }

    private void OnStart(RecoveredState recovered)
    {
        _started = true;
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
