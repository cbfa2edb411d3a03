using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>What a replica does in its epoch.</summary>
internal enum Part : byte
{
    /// <summary>It follows, or would if there was somebody to follow.</summary>
    Member,

    /// <summary>It wants to be the primary of the next epoch.</summary>
    Claimant,

    Primary,
}

/// <summary>
/// One replica of a primary–backup shard; docs/primary-backup.md has the rules and why they keep what was promised. This file holds what all of
/// it shares: the state, the step, and the order in which a step's effects leave. The other files are one idea each.
/// </summary>
public sealed partial class PrimaryBackupReplica : IProtocol
{
    private static readonly Dictionary<ReplicaId, long> NoFollowers = [];

    private readonly PrimaryBackupOptions _options;
    private readonly DeterministicRandom _random;
    private readonly EntryLog _log = new();
    private readonly DurableLog _durable = new();
    private readonly EpochHistory _history = new();
    private readonly StepRecord _record = new();
    private readonly List<(ReplicaId To, PrimaryBackupMessage Message, bool WhenDurable)> _outbox = [];
    private readonly Func<ReadOnlyMemory<byte>> _encodeHardState;
    private readonly Func<ReadOnlyMemory<byte>> _encodeConfiguration;
    private readonly bool _joins;
    private readonly View _firstView;

    private View _view = View.Unknown;
    private bool _sealed;
    private long _loss;

    private Part _part;
    private Follower[] _followers = [];
    private long _commit;
    private long _applying;
    private long _applied;

    private bool _started;
    private bool _storageFull;
    private Instant _now;
    private Effects _effects = new();

    internal PrimaryBackupReplica(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, PrimaryBackupOptions options, bool joins = false)
    {
        Self = self;
        _options = options;
        _random = new DeterministicRandom(seed);
        if (self.Value < 1)
            throw new ArgumentOutOfRangeException(nameof(self), self.Value, "replicas are numbered from 1");
        // An answer to an earlier incarnation's question is none to this one's.
        _question = _random.Next(1L << 48);
        _firstView = FirstView(replicas);
        _joins = joins || !_firstView.IsMember(self);
        _encodeHardState = () => HardState.Encode();
        // Up to the end of the log: a checkpoint that is being written may be the one that recovery finds it with.
        _encodeConfiguration = () => new Configuration(_view, _install is { } install ? install.History : _history.UpTo(_log.LastIndex)).Encode();
        _rejectLost = RejectLost;
        _rejectPassedOver = RejectPassedOver;
        _rejectExpired = RejectExpired;
        _runIsLate = OnRunLate;
    }

    public ReplicaId Self { get; }

    public ReplicaStatus Status => new(RoleName, Epoch, Leader, _log.LastIndex, _commit, _applied, _checkpointIndex, IsVoter)
    {
        Followers = _part == Part.Primary ? _followers.ToDictionary(follower => follower.Id, follower => follower.Match) : NoFollowers,
        Members = _view.Membership,
        SyncSet = _view.SyncSet,
        Mode = Mode,
        ModeReason = ModeReason,
        Recovery = Mode == ReplicaMode.Recovery ? _modes!.Recovery : null,
        Progress = Progress(),
        DegradedAcks = _degradedAcks,
    };

    public PeerMessage Decode(ReadOnlyMemory<byte> bytes) => PrimaryBackupMessage.Decode(bytes);

    public void Step(Input input, in Instant now, Effects effects)
    {
        Invariant.That(_started != input is Input.Start, "the start is the first input and comes once");
        Invariant.That(now.Monotonic >= _now.Monotonic, "the monotonic clock does not go back");
        _now = now;
        _effects = effects;
        Handle(input);
        Finish();
    }

    private HardState HardState => new(Epoch, _sealed, _loss);

    private Standing Standing => new(_sealed, _loss);

    private LogPosition Last => new(_log.LastTerm, _log.LastIndex);

    /// <summary>Whom to send commands to, as far as this replica knows.</summary>
    private ReplicaId Leader => _part switch
    {
        Part.Primary => Self,
        Part.Claimant => ReplicaId.None,
        _ => _isSilent || _sealed || _view.Primary == Self ? ReplicaId.None : _view.Primary,
    };

    private bool IsVoter => _loss == 0 && _view.Find(Self) is { ReadOnly: false };

    private string RoleName => _part switch
    {
        Part.Primary => "primary",
        Part.Claimant => "candidate",
        _ => _view.Find(Self) switch
        {
            null => _view.IsKnown ? "removed" : "joining",
            { InSync: true } => "backup",
            { ReadOnly: true } => "read-only",
            { DelayMillis: > 0 } => "delayed",
            { Upstream.IsNone: false } => "cascaded",
            _ => "catching up",
        },
    };

    private void Handle(Input input)
    {
        switch (input)
        {
            case Input.Received received:
                Receive(received.From, (PrimaryBackupMessage)received.Message);
                break;
            case Input.Requests requests:
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
            case Input.ViewChanged changed:
                OnViewChanged(changed);
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
            case Input.RangeLoaded range:
                OnRangeLoaded(range.First, range.Batches);
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
                OnHandOver(handOver.To);
                break;
            case Input.Start start:
                OnStart(start.Recovered);
                break;
        }
    }

    private void Receive(ReplicaId from, PrimaryBackupMessage message)
    {
        if (from == Self || !IsOfThisEpoch(from, message))
            return;
        switch (message)
        {
            case Append append:
                OnAppend(from, append);
                break;
            case AppendReply reply:
                OnAppendReply(from, reply);
                break;
            case Beat beat:
                OnBeat(from, beat);
                break;
            case BeatReply reply:
                OnBeatReply(from, reply);
                break;
            case CheckpointOffer offer:
                OnCheckpointOffer(from, offer);
                break;
            case ReadIndexRequest request:
                OnReadIndexRequest(from, request);
                break;
            case ReadIndexReply reply:
                OnReadIndexReply(reply);
                break;
            case SealRequest request:
                OnSealRequest(from, request);
                break;
            case SealReply reply:
                OnSealReply(from, reply);
                break;
        }
    }

    /// <summary>The end of every step: what it decided leaves in one order, the record before all that refers to it.</summary>
    private void Finish()
    {
        if (_part == Part.Primary)
            Lead();
        else if (_part == Part.Claimant)
            AdvanceClaim();
        else
            AskForReadIndex();
        foreach (Follower follower in _followers)
            Replicate(follower);
        Persist();
        Post();
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
        long lsn = _effects.Append(_record.Seal(_encodeHardState, _encodeConfiguration));
        if (changesLog)
            _durable.Appended(lsn, _log.LastIndex);
        if (_sealLsn == NotWritten)
            _sealLsn = lsn;
        if (_begunLsn == NotWritten)
            _begunLsn = lsn;
    }

    private void Post()
    {
        foreach ((ReplicaId to, PrimaryBackupMessage message, bool whenDurable) in _outbox)
        {
            if (whenDurable)
                _effects.SendWhenDurable(to, message);
            else
                _effects.Send(to, message);
        }

        _outbox.Clear();
    }

    private void Send(ReplicaId to, PrimaryBackupMessage message) => _outbox.Add((to, message, false));

    private void SendWhenDurable(ReplicaId to, PrimaryBackupMessage message) => _outbox.Add((to, message, true));

    private void Reject(long requestId, in Rejection why) => _effects.Add(new Effect.Reject(requestId, why));

    private void Report(string what) => _effects.Add(new Effect.Report(what));

    private void AppendToLog(EntryBatch batch)
    {
        _log.Append(batch);
        _record.Append(batch);
        _history.Append(batch);
    }

    private void OnDurable(long lsn)
    {
        _durable.Durable(lsn);
        if (_sealLsn is not (NotWritten or None) && lsn >= _sealLsn)
            _sealIsDurable = _sealed;
        if (_part == Part.Primary && !_begun && _begunLsn != NotWritten && lsn >= _begunLsn)
            Begin();
    }

    private void OnStart(RecoveredState recovered)
    {
        _started = true;
        bool isNew = recovered.LastLsn == 0 && recovered.Damage is null;
        RecoverView(recovered, isNew);
        _durable.Reset(_log.LastIndex);
        _commit = _applying = _applied = _checkpointIndex;
        if (recovered.Damage is { } damage)
            LosePromises(damage);
        else if (isNew && _joins)
            LosePromises("it joins with an empty disk");
        Invariant.That(Epoch >= _log.LastTerm || _loss != 0, "the epoch is no older than the log");
        // What was promised to whom just before is not on the disk.
        _promisedUntil = _now.Monotonic + _options.LeaseMicros;
        _sealIsDurable = _sealed;
        if (_view.Primary == Self && _loss == 0 && isNew)
            BecomePrimary();
        else if (_view.Primary == Self && _loss == 0)
            ClaimByRight();
        else
            BecomeMember(led: false);
    }

    private void RecoverView(RecoveredState recovered, bool isNew)
    {
        _checkpointIndex = recovered.Checkpoint?.Index ?? 0;
        _checkpointTerm = recovered.Checkpoint?.Term ?? 0;
        IReadOnlyList<(long Epoch, long First)> history = [];
        if (!recovered.HardState.IsEmpty)
            (_, _sealed, _loss) = HardState.Decode(recovered.HardState);
        if (!recovered.Configuration.IsEmpty)
            (_view, history) = Configuration.Decode(recovered.Configuration);
        else if (isNew)
            _view = _joins ? View.Unknown : _firstView;
        if (recovered.Configuration.IsEmpty)
            _record.ConfigurationChanged = _record.HardStateChanged = true;
        _history.Reset(history, _checkpointIndex, recovered.Log);
        IReadOnlyList<EntryBatch> atRisk = recovered.Checkpoint?.AtRisk ?? [];
        long before = atRisk.Count > 0 ? atRisk[0].FirstIndex - 1 : _checkpointIndex;
        // The checkpoint's own history: a record may already have that of one that was being installed.
        long? epochBefore = before == 0 ? 0 : before < _checkpointIndex
            ? EpochHistory.EpochAt(Configuration.Decode(recovered.Checkpoint!.Configuration).History, before)
            : null;
        if (before < _checkpointIndex && epochBefore is { } epoch)
            _log.Reset(before, epoch, [.. atRisk, .. recovered.Log]);
        else
            _log.Reset(_checkpointIndex, _checkpointTerm, recovered.Log);
    }

    private Follower? Find(ReplicaId id)
    {
        foreach (Follower follower in _followers)
        {
            if (follower.Id == id)
                return follower;
        }

        return null;
    }
}
