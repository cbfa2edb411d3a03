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
public sealed partial class PrimaryBackupReplica : ViewedReplica
{
    private static readonly Dictionary<ReplicaId, long> NoFollowers = [];

    private readonly PrimaryBackupOptions _options;
    private readonly EpochHistory _history = new();
    private readonly View _firstView;

    private View _view = View.Unknown;
    private bool _sealed;

    private Part _part;
    private Follower[] _followers = [];

    internal PrimaryBackupReplica(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, PrimaryBackupOptions options, bool joins = false)
        : base(self, seed, options, timers: 6, joins || !replicas.Contains(self))
    {
        _options = options;
        _firstView = FirstView(replicas);
        _runIsLate = OnRunLate;
    }

    public override ReplicaStatus Status => new(RoleName, Epoch, Leader, _log.LastIndex, _commit, _applied, _checkpointIndex, IsVoter)
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

    public override PeerMessage Decode(ReadOnlyMemory<byte> bytes) => PrimaryBackupMessage.Decode(bytes);

    private HardState HardState => new(Epoch, _sealed, _loss);

    private Standing Standing => new(_sealed, _loss);

    private LogPosition Last => new(_log.LastTerm, _log.LastIndex);

    private protected override ReplicaId Leader => _part switch
    {
        Part.Primary => Self,
        Part.Claimant => ReplicaId.None,
        _ => _isSilent || _sealed || _view.Primary == Self ? ReplicaId.None : _view.Primary,
    };

    private protected override string LeaderNoun => "primary";
    private protected override bool MayPropose => _part == Part.Primary;
    private protected override Membership? Members => _view.Membership;
    private protected override long ProposalRetryMicros => _options.ProposalRetryMicros;
    internal override long Epoch => _view.Epoch;

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

    private protected override ReadOnlyMemory<byte> EncodeHardState() => HardState.Encode();

    // Up to the end of the log: a checkpoint that is being written may be the one that recovery finds it with.
    private protected override ReadOnlyMemory<byte> EncodeConfiguration() => new Configuration(_view, IsInstalling ? _installedHistory : _history.UpTo(_log.LastIndex)).Encode();

    private protected override void OnOther(Input input)
    {
        base.OnOther(input);
        if (input is Input.RangeLoaded range)
            OnRangeLoaded(range.First, range.Batches);
    }

    private protected override void Receive(ReplicaId from, PeerMessage message)
    {
        if (message is ViewNotice notice && notice.Epoch > Epoch)
            Adopt(notice.View);
        if (!IsOfThisEpoch(from, (PrimaryBackupMessage)message))
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
                TakeQuestion(from, request.Token);
                break;
            case ReadIndexReply reply:
                TakeAnswer(reply.Token, reply.Index);
                break;
            case SealRequest request:
                OnSealRequest(from, request);
                break;
            case SealReply reply:
                OnSealReply(from, reply);
                break;
        }
    }

    private protected override void Finish()
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

    private protected override void OnRecorded(long lsn)
    {
        base.OnRecorded(lsn);
        if (_sealLsn == NotWritten)
            _sealLsn = lsn;
    }

    private protected override void AppendToLog(EntryBatch batch)
    {
        base.AppendToLog(batch);
        _history.Append(batch);
    }

    private protected override void OnDurable(long lsn)
    {
        base.OnDurable(lsn);
        if (_sealLsn is not (NotWritten or None) && lsn >= _sealLsn)
            _sealIsDurable = _sealed;
        if (_part == Part.Primary && !_begun && _begunLsn != NotWritten && lsn >= _begunLsn)
            Begin();
    }

    private protected override void OnStart(RecoveredState recovered)
    {
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
