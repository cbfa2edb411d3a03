using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// One replica of a chain; docs/chain.md has the rules and why they keep what was promised. This file holds what all of it shares: the state, the
/// step, and the order in which a step's effects leave. The other files are one idea each.
/// </summary>
public sealed partial class ChainReplica : ViewedReplica
{
    private static readonly Dictionary<ReplicaId, long> NoFollowers = [];

    private readonly ChainOptions _options;
    private readonly ChainView _firstView;

    private ChainView _view = ChainView.Unknown;

    /// <summary>It has been up since its epoch began: one that started again may have forgotten what it promised there, and takes no part before the next.</summary>
    private bool _isActive;

    internal ChainReplica(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, ChainOptions options, IKeyFinder? keys = null, bool joins = false)
        : base(self, seed, options, timers: 5, joins || !replicas.Contains(self))
    {
        _options = options;
        ReplicaId[] links = [.. options.Order(replicas.Distinct())];
        _firstView = ChainView.Create(0, links, [.. links.Select(id => new ChainMember(id))]);
        _dirty = options.ApportionedReads ? new DirtyKeys(keys) : null;
    }

    public override ReplicaStatus Status => new(RoleName, Epoch, Head, _log.LastIndex, _commit, _applied, _checkpointIndex, IsVoter)
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

    public override PeerMessage Decode(ReadOnlyMemory<byte> bytes) => ChainMessage.Decode(bytes);

    /// <summary>A link that takes part: nothing was lost, and its epoch is on its disk and began with it.</summary>
    private bool Acts => _isActive && _begun && _loss == 0 && _view.IsLink(Self);

    /// <summary>It orders the commands of its epoch.</summary>
    private bool Orders => _isActive && _loss == 0 && _view.Head == Self;
    private bool IsHead => Acts && _view.Head == Self;
    private bool IsTail => Acts && _view.Tail == Self;

    /// <summary>Whom to send commands to, as far as this replica knows.</summary>
    private ReplicaId Head => _view.Head == Self && !Orders ? ReplicaId.None : _view.Head;

    private protected override ReplicaId Leader => Head;
    private protected override string LeaderNoun => "head";
    private protected override bool MayPropose => Orders;
    private protected override Membership? Members => _view.Membership;
    private protected override long ProposalRetryMicros => _options.ProposalRetryMicros;
    internal override long Epoch => _view.Epoch;

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

    private protected override ReadOnlyMemory<byte> EncodeHardState() => new HardState(_loss).Encode();

    private protected override ReadOnlyMemory<byte> EncodeConfiguration() => _view.Encode();

    private protected override void OnOther(Input input)
    {
        base.OnOther(input);
        if (input is Input.Places places)
            OnPlaces(places.Regions);
    }

    private protected override void Receive(ReplicaId from, PeerMessage message)
    {
        if (message is ViewNotice notice && notice.Epoch > Epoch)
            Adopt(notice.View);
        if (!IsOfThisEpoch(from, (ChainMessage)message))
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
                TakeQuestion(from, query.Index);
                break;
            case VersionReply reply:
                TakeAnswer(reply.Token, reply.Index);
                break;
        }
    }

    private protected override void Finish()
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
            if (_reads.AnyTravelling)
                ConfirmReads(ConfirmedClock);
        }
        else
        {
            AskForReadIndex();
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

    private protected override void AppendToLog(EntryBatch batch)
    {
        base.AppendToLog(batch);
        _dirty?.Add(batch);
    }

    private protected override void OnDurable(long lsn)
    {
        base.OnDurable(lsn);
        if (!_begun && _begunLsn is not (NotWritten or None) && lsn >= _begunLsn)
            Begin();
    }

    private protected override void OnStart(RecoveredState recovered)
    {
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
