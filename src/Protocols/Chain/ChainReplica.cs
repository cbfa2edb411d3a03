using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// One replica of a chain; docs/chain.md has the rules and why they keep what was promised. This file holds what all of it shares: the state, the
/// step, and the order in which a step's effects leave. The other files are one idea each.
/// </summary>
public sealed partial class ChainReplica : IProtocol
{
    private static readonly Dictionary<ReplicaId, long> NoFollowers = [];

    private readonly ChainOptions _options;
    private readonly DeterministicRandom _random;
    private readonly EntryLog _log = new();
    private readonly DurableLog _durable = new();
    private readonly StepRecord _record = new();
    private readonly List<(ReplicaId To, ChainMessage Message, bool WhenDurable)> _outbox = [];
    private readonly Func<ReadOnlyMemory<byte>> _encodeHardState;
    private readonly Func<ReadOnlyMemory<byte>> _encodeConfiguration;
    private readonly bool _joins;
    private readonly ChainView _firstView;

    private ChainView _view = ChainView.Unknown;
    private long _loss;

    /// <summary>It has been up since its epoch began: one that started again may have forgotten what it promised there, and takes no part before the next.</summary>
    private bool _isActive;
    private long _commit;
    private long _applying;
    private long _applied;

    private bool _started;
    private bool _storageFull;
    private Instant _now;
    private Effects _effects = new();

    internal ChainReplica(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, ChainOptions options, IKeyFinder? keys = null, bool joins = false)
    {
        Self = self;
        _options = options;
        _random = new DeterministicRandom(seed);
        if (self.Value < 1)
            throw new ArgumentOutOfRangeException(nameof(self), self.Value, "replicas are numbered from 1");
        // An answer to an earlier incarnation's question is none to this one's.
        _question = _random.Next(1L << 48);
        ReplicaId[] links = [.. options.Order(replicas.Distinct())];
        _firstView = ChainView.Create(0, links, [.. links.Select(id => new ChainMember(id))]);
        _joins = joins || !_firstView.IsMember(self);
        _dirty = options.ApportionedReads ? new DirtyKeys(keys) : null;
        _encodeHardState = () => new HardState(_loss).Encode();
        _encodeConfiguration = () => _view.Encode();
        _rejectLost = RejectLost;
        _rejectPassedOver = RejectPassedOver;
        _rejectExpired = RejectExpired;
    }

    public ReplicaId Self { get; }

    public ReplicaStatus Status => new(RoleName, Epoch, Head, _log.LastIndex, _commit, _applied, _checkpointIndex, IsVoter)
    {
        Followers = IsHead ? _peers.ToDictionary(peer => peer.Id, peer => Math.Min(peer.Durable, _log.LastIndex)) : NoFollowers,
        Members = _view.Membership,
        SyncSet = _view.Links,
        Links = _view.Links,
        Mode = Mode,
        ModeReason = ModeReason,
        Recovery = Mode == ReplicaMode.Recovery ? _modes!.Recovery : null,
        Progress = Progress(),
    };

    public PeerMessage Decode(ReadOnlyMemory<byte> bytes) => ChainMessage.Decode(bytes);

    public void Step(Input input, in Instant now, Effects effects)
    {
        Invariant.That(_started != input is Input.Start, "the start is the first input and comes once");
        Invariant.That(now.Monotonic >= _now.Monotonic, "the monotonic clock does not go back");
        _now = now;
        _effects = effects;
        Handle(input);
        Finish();
    }

    /// <summary>A link that takes part: nothing was lost, and its epoch is on its disk and began with it.</summary>
    private bool Acts => _isActive && _begun && _loss == 0 && _view.IsLink(Self);

    /// <summary>It orders the commands of its epoch.</summary>
    private bool Orders => _isActive && _loss == 0 && _view.Head == Self;
    private bool IsHead => Acts && _view.Head == Self;
    private bool IsTail => Acts && _view.Tail == Self;

    /// <summary>Whom to send commands to, as far as this replica knows.</summary>
    private ReplicaId Head => _view.Head == Self && !Orders ? ReplicaId.None : _view.Head;

    /// <summary>Whom to send reads to.</summary>
    private ReplicaId Tail => _view.Tail == Self && !IsTail ? ReplicaId.None : _view.Tail;

    private bool IsVoter => _loss == 0 && _view.Find(Self) is { ReadOnly: false };

    private string RoleName => !_view.IsKnown ? "joining" : _view.Find(Self) switch
    {
        null => "removed",
        { ReadOnly: true } => "read-only",
        _ when !_view.IsLink(Self) => "catching up",
        _ when !_isActive || _loss != 0 => "waiting for a view",
        _ when _view.Links.Length == 1 => "only link",
        _ when _view.Head == Self => "head",
        _ when _view.Tail == Self => "tail",
        _ => "middle",
    };

    private void Handle(Input input)
    {
        switch (input)
        {
            case Input.Received received:
                Receive(received.From, (ChainMessage)received.Message);
                break;
            case Input.Requests requests:
                Take(requests.Batch);
                break;
            case Input.Durable durable:
                OnDurable(durable.Lsn);
                break;
            case Input.Applied applied:
                OnApplied(applied.Index, applied.EndsWithTime);
                break;
            case Input.Timer timer when _timers.IsCurrent(timer):
                OnTimer(timer.Id);
                break;
            case Input.ViewChanged changed:
                OnViewChanged(changed);
                break;
            case Input.Places places:
                OnPlaces(places.Regions);
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
                OnHandOver(handOver.To);
                break;
            case Input.Start start:
                OnStart(start.Recovered);
                break;
        }
    }

    private void Receive(ReplicaId from, ChainMessage message)
    {
        if (from == Self || !IsOfThisEpoch(from, message))
            return;
        switch (message)
        {
            case Forward forward:
                OnForward(from, forward);
                break;
            case ForwardReply reply:
                OnForwardReply(from, reply);
                break;
            case Settled settled:
                OnSettled(from, settled.Index);
                break;
            case ChainAck ack:
                OnAck(from, ack.Index);
                break;
            case Beat beat:
                OnBeat(from, beat);
                break;
            case CheckpointOffer offer:
                OnCheckpointOffer(from, offer);
                break;
            case VersionQuery query:
                OnVersionQuery(from, query);
                break;
            case VersionReply reply:
                OnVersionReply(reply);
                break;
        }
    }

    /// <summary>The end of every step: what it decided leaves in one order, the record before all that refers to it.</summary>
    private void Finish()
    {
        if (Acts)
        {
            Settle();
            ContinueSwitchover();
            ConsiderView();
            ConsiderSplice();
        }

        if (IsTail)
        {
            BeginReadRound();
            ConfirmReads();
        }
        else
        {
            AskTail();
        }

        foreach (Downstream downstream in _downstreams)
            Feed(downstream);
        TellUpAndDown();
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
        if (_begunLsn == NotWritten)
            _begunLsn = lsn;
    }

    private void Post()
    {
        foreach ((ReplicaId to, ChainMessage message, bool whenDurable) in _outbox)
        {
            if (whenDurable)
                _effects.SendWhenDurable(to, message);
            else
                _effects.Send(to, message);
        }

        _outbox.Clear();
    }

    private void Send(ReplicaId to, ChainMessage message) => _outbox.Add((to, message, false));

    private void SendWhenDurable(ReplicaId to, ChainMessage message) => _outbox.Add((to, message, true));

    private void Reject(long requestId, in Rejection why) => _effects.Add(new Effect.Reject(requestId, why));

    private void Report(string what) => _effects.Add(new Effect.Report(what));

    private void AppendToLog(EntryBatch batch)
    {
        _log.Append(batch);
        _record.Append(batch);
        _dirty?.Add(batch);
    }

    private void OnDurable(long lsn)
    {
        _durable.Durable(lsn);
        if (!_begun && _begunLsn is not (NotWritten or None) && lsn >= _begunLsn)
            Begin();
    }

    private void OnStart(RecoveredState recovered)
    {
        _started = true;
        bool isNew = recovered.LastLsn == 0 && recovered.Damage is null;
        _checkpointIndex = recovered.Checkpoint?.Index ?? 0;
        _checkpointTerm = recovered.Checkpoint?.Term ?? 0;
        if (!recovered.HardState.IsEmpty)
            _loss = HardState.Decode(recovered.HardState).Loss;
        ChainView view = !recovered.Configuration.IsEmpty ? ChainView.Decode(recovered.Configuration)
            : isNew && !_joins ? _firstView
            : ChainView.Unknown;
        _log.Reset(_checkpointIndex, _checkpointTerm, recovered.Log);
        _durable.Reset(_log.LastIndex);
        _commit = _applying = _applied = _checkpointIndex;
        foreach (EntryBatch batch in recovered.Log)
            _dirty?.Add(batch);
        if (recovered.Damage is { } damage)
            LosePromises(damage);
        else if (isNew && _joins)
            LosePromises("it joins with an empty disk");
        // What was promised to whom just before is not on the disk.
        _promisedToAny = _now.Monotonic + _options.LeaseMicros;
        if (!isNew)
            _settleFrom = _promisedToAny;
        Enter(view, isActive: isNew && !_joins);
    }
}
