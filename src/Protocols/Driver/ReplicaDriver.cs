using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Driver;

/// <summary>Limits of a driver, each per replica.</summary>
public sealed record DriverOptions
{
    /// <summary>Requests that may wait to be handed to the protocol; beyond it they are refused as overloaded.</summary>
    public int MaxQueuedRequests { get; init; } = 65_536;

    /// <summary>Bytes of requests that may wait likewise.</summary>
    public long MaxQueuedBytes { get; init; } = 64L << 20;

    /// <summary>Requests handed over at once.</summary>
    public int MaxBatch { get; init; } = 8_192;

    /// <summary>Records on their way to disk above which commands wait, so that batches grow with the disk's delay: the cost is per batch.</summary>
    public int MaxWritesInFlight { get; init; } = 1;

    /// <summary>Segments of a checkpoint being pulled that may be under way.</summary>
    public int TransferWindow { get; init; } = 4;

    /// <summary>How long a pull may stand still before it asks again, µs.</summary>
    public long TransferPatienceMicros { get; init; } = Instant.Second;
}

/// <summary>
/// Runs one protocol over one state machine on a host. Everything between the three that is the same for all protocols
/// is here: effects in order, nothing promised before it is durable, requests batched, checkpoints and transfers.
/// Not thread-safe: one call at a time. A call runs to completion, the inputs it raises itself included.
/// </summary>
public sealed partial class ReplicaDriver
{
    /// <summary>The driver's own timer; protocols have all the other ids.</summary>
    public static readonly TimerId TransferTimer = new(255);

    private readonly IProtocol _protocol;
    private readonly IStateMachine _machine;
    private readonly IReplicaHost _host;
    private readonly DriverOptions _options;
    private readonly Effects _effects = new();
    private readonly Queue<Input> _raised = new();
    private readonly Queue<Effect.SendWhenDurable> _gate = new();

    private long _durableLsn;
    private long _appliedIndex;
    private long _appliedTerm;
    private bool _started;
    private bool _running;

    public ReplicaDriver(IProtocol protocol, IStateMachine machine, IReplicaHost host, DriverOptions? options = null)
    {
        _protocol = protocol;
        _machine = machine;
        _host = host;
        _options = options ?? new DriverOptions();
    }

    public ReplicaStatus Status => _protocol.Status;

    /// <summary>Where the machine's state stands in the shard's history.</summary>
    public LogPosition Applied => new(_appliedTerm, _appliedIndex);

    /// <summary>Records handed to the host and not yet durable.</summary>
    public long WritesInFlight => _effects.LastLsn - _durableLsn;

    /// <summary>The last record handed to the host.</summary>
    public long LastLsn => _effects.LastLsn;

    /// <summary>Begins. <paramref name="segments"/> are those of the checkpoint that recovery found, if it found one.</summary>
    public void Start(RecoveredState recovered, IEnumerable<ReadOnlyMemory<byte>> segments)
    {
        Invariant.That(!_started, "a replica starts once");
        _started = true;
        if (recovered.Checkpoint is { } checkpoint)
        {
            // A checkpoint without segments holds no state: a witness's, or that of a machine that had none.
            if (checkpoint.Segments.Count > 0)
                _machine.Restore(segments);
            (_appliedIndex, _appliedTerm) = (checkpoint.Index, checkpoint.Term);
            _saved = checkpoint;
        }

        _effects.StartAfter(recovered.LastLsn);
        _durableLsn = recovered.LastLsn;
        Handle(new Input.Start(recovered));
    }

    /// <summary>Takes a message of a peer.</summary>
    /// <exception cref="InvalidDataException">The bytes are no message of this protocol; nothing has happened.</exception>
    public void Receive(ReplicaId from, PeerChannel channel, ReadOnlyMemory<byte> bytes)
    {
        switch (channel)
        {
            case PeerChannel.Protocol:
                Handle(new Input.Received(from, _protocol.Decode(bytes)));
                break;
            case PeerChannel.Transfer:
                ReceiveTransfer(from, TransferMessage.Decode(bytes));
                break;
            default:
                throw new InvalidDataException($"unknown channel {(byte)channel}");
        }
    }

    /// <summary>Every record up to and with this LSN is on disk.</summary>
    public void Durable(long lsn)
    {
        Invariant.That(lsn <= _effects.LastLsn, "only what was handed out can become durable");
        if (lsn <= _durableLsn)
            return;
        _durableLsn = lsn;
        while (_gate.TryPeek(out Effect.SendWhenDurable? send) && send.Lsn <= lsn)
        {
            _gate.Dequeue();
            _host.Send(send.To, PeerChannel.Protocol, send.Message);
        }

        Handle(new Input.Durable(lsn));
    }

    public void TimerFired(TimerId timer, long generation)
    {
        if (timer == TransferTimer)
            NudgeTransfer(generation);
        else
            Handle(new Input.Timer(timer, generation));
    }

    public void RangeLoaded(long first, IReadOnlyList<EntryBatch> batches) => Handle(new Input.RangeLoaded(first, batches));

    /// <summary>Takes an input that needs nothing of the driver: storage state, peer hints, views, cancels, hand-over.</summary>
    public void Handle(Input input)
    {
        Invariant.That(_started, "the first input is the start");
        Invariant.That(!_running, "a host never answers from within a call");
        _running = true;
        if (input is Input.Storage storage)
            _storageFull = storage.State == StorageState.Full;
        _raised.Enqueue(input);
        while (_raised.TryDequeue(out Input? next))
        {
            _protocol.Step(next, _host.Now, _effects);
            CarryOut();
        }

        _running = false;
    }

    private void CarryOut()
    {
        long applied = _appliedIndex;
        IReadOnlyList<Effect> effects = _effects.List;
        for (int i = 0; i < effects.Count; i++)
        {
            int together = ApplyTogether(effects, i);
            if (together == 0)
                CarryOut(effects[i]);
            else
                i += together - 1;
        }

        _effects.Clear();
        if (_appliedIndex > applied)
            _raised.Enqueue(new Input.Applied(_appliedIndex) { EndsWithTime = _machine.EndsWithTime });
    }

    private void CarryOut(Effect effect)
    {
        switch (effect)
        {
            case Effect.Append append:
                _host.Persist(new WalEntry(append.Lsn, append.Record));
                break;
            case Effect.Send send:
                _host.Send(send.To, PeerChannel.Protocol, send.Message);
                break;
            case Effect.SendWhenDurable send when send.Lsn <= _durableLsn:
                _host.Send(send.To, PeerChannel.Protocol, send.Message);
                break;
            case Effect.SendWhenDurable send:
                _gate.Enqueue(send);
                break;
            case Effect.Apply apply:
                Apply(apply);
                break;
            case Effect.Serve serve:
                long wall = _host.Now.Wall;
                foreach (ClientRequest read in serve.Reads)
                    _host.Reply(read.Id, _machine.Query(read.Payload, wall));
                break;
            case Effect.Lookup lookup:
                _raised.Enqueue(new Input.LookedUp(lookup.Token, _machine.Query(lookup.Query)));
                break;
            case Effect.Reply reply:
                _host.Reply(reply.RequestId, reply.Result);
                break;
            case Effect.Reject reject:
                _host.Reject(reject.RequestId, reject.Why);
                break;
            case Effect.Arm arm:
                Invariant.That(arm.Id != TransferTimer, "timer 255 is the driver's");
                _host.Arm(arm.Id, arm.Generation, arm.DelayMicros);
                break;
            case Effect.CancelTimer cancel:
                _host.CancelTimer(cancel.Id);
                break;
            case Effect.ReadRange range:
                _host.ReadRange(range.First, range.Last, range.MaxBytes);
                break;
            case Effect.Checkpoint checkpoint:
                BeginCheckpoint(checkpoint);
                break;
            case Effect.Fetch fetch:
                BeginFetch(fetch);
                break;
            case Effect.Install install:
                BeginInstall(install);
                break;
            case Effect.Abandon:
                AbandonFetch();
                break;
            case Effect.ProposeView propose:
                _host.ProposeView(propose.ExpectedEpoch, propose.View);
                break;
            case Effect.AskView:
                _host.AskView();
                break;
            case Effect.SetAside aside:
                _host.SetAside(aside.Lost, aside.Why);
                break;
            case Effect.Report report:
                _host.Report(report.Event);
                break;
            default:
                throw new InvariantViolationException($"the driver knows every effect; {effect.GetType().Name} is new to it");
        }
    }
}
