using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Log;

namespace ActorRepl.Protocols.Tests.Log;

/// <summary>
/// One replica on a desk: the test gives it inputs and sees what it does. Disk and machine answer by themselves unless
/// told to wait. Its list of applied commands is its state machine.
/// </summary>
internal abstract class LogNode
{
    public const long Ms = Instant.Millisecond;

    private readonly LogReplica _replica;
    private readonly Effects _effects = new();
    private readonly Queue<Effect.SendWhenDurable> _gate = new();
    private readonly SortedDictionary<byte, (long Generation, long At)> _timers = [];
    private readonly Queue<Input> _raised = new();
    private List<(long Index, long Term, string Command)> _stateToSave = [];
    private bool _stepping;

    protected LogNode(LogReplica replica, RecoveredState? recovered, long now)
    {
        _replica = replica;
        Now = now;
        Recovered = recovered ?? RecoveredState.Empty;
        DurableLsn = Recovered.LastLsn;
        Saved = Recovered.Checkpoint;
        _effects.StartAfter(Recovered.LastLsn);
    }

    public ReplicaId Id => _replica.Self;
    public RecoveredState Recovered { get; }
    public ReplicaStatus Status => _replica.Status;
    public long LastRequest { get; set; }
    public long Now { get; set; }

    /// <summary>False: nothing becomes durable until the test says so.</summary>
    public bool DiskWorks { get; set; } = true;
    public long DurableLsn { get; private set; }
    public long WrittenLsn => _effects.LastLsn;

    /// <summary>False: what the machine has applied is told by the test.</summary>
    public bool MachineWorks { get; set; } = true;

    /// <summary>Its machine has keys that end.</summary>
    public bool EndsWithTime { get; set; }
    public bool AnswersCheckpoints { get; set; } = true;

    public List<WalEntry> Written { get; } = [];
    public List<(ReplicaId To, PeerMessage Message)> Sent { get; } = [];
    public List<(long Index, long Term, string Command)> Applied { get; set; } = [];
    public Dictionary<long, string> Replies { get; } = [];
    public Dictionary<long, Rejection> Rejections { get; } = [];
    public List<long> Served { get; } = [];
    public List<string> Reports { get; } = [];
    public List<Effect> Seen { get; } = [];
    public CheckpointManifest? Saved { get; set; }
    public List<(long Index, long Term, string Command)> SavedState { get; set; } = [];
    public Effect.Checkpoint? Saving { get; private set; }
    public Effect.Fetch? Fetching { get; set; }
    public Effect.Install? Installing { get; set; }
    public long? NextTimer => _timers.Count == 0 ? null : _timers.Values.Min(timer => timer.At);

    /// <summary>The commands of its state, in order.</summary>
    public string State => string.Join(",", Applied.Where(entry => entry.Command.Length > 0).Select(entry => entry.Command));

    protected abstract long WallNow { get; }

    /// <summary>How long a request waits unless the test says otherwise.</summary>
    protected abstract long Patience { get; }

    public void Step(Input input)
    {
        _raised.Enqueue(input);
        if (_stepping)
            return;
        _stepping = true;
        while (_raised.TryDequeue(out Input? next))
        {
            _replica.Step(next, new Instant(Now, WallNow, 0), _effects);
            Effect[] effects = [.. _effects.List];
            _effects.Clear();
            Seen.AddRange(effects);
            foreach (Effect effect in effects)
                CarryOut(effect);
            if (DiskWorks && _effects.LastLsn > DurableLsn)
                MakeDurable();
        }

        _stepping = false;
    }

    /// <summary>Everything written so far reaches the disk, or what was written up to an LSN.</summary>
    public void MakeDurable(long? upTo = null)
    {
        DurableLsn = upTo ?? _effects.LastLsn;
        while (_gate.TryPeek(out Effect.SendWhenDurable? send) && send.Lsn <= DurableLsn)
            Sent.Add((_gate.Dequeue().To, send.Message));
        Step(new Input.Durable(DurableLsn));
    }

    public void Receive(int from, PeerMessage message) => Step(new Input.Received(new ReplicaId(from), message));

    /// <summary>What comes from another node, as it was encoded there.</summary>
    public void Receive(LogNode from, PeerMessage message) => Step(new Input.Received(from.Id, _replica.Decode(message.ToBytes())));

    public ClientRequest Request(RequestKind kind, ReadOnlyMemory<byte> payload = default, long? deadline = null) =>
        new(Id.Value * 1_000_000 + ++LastRequest, kind, payload, deadline ?? Now + Patience);

    public long Ask(in ClientRequest request)
    {
        Step(new Input.Requests([request]));
        return request.Id;
    }

    public long Change(Membership target, long? deadline = null) => Ask(Request(RequestKind.ChangeMembers, target.Encode(), deadline));

    /// <summary>Lets time pass and fires what falls due, each at its moment.</summary>
    public void Pass(long micros)
    {
        long end = Now + micros;
        while (NextTimer is { } at && at <= end)
        {
            Now = Math.Max(Now, at);
            FireDue();
        }

        Now = end;
    }

    public void FireDue()
    {
        foreach ((byte id, (long generation, long at)) in _timers.Where(timer => timer.Value.At <= Now).ToArray())
        {
            if (!_timers.TryGetValue(id, out (long Generation, long At) still) || still.Generation != generation)
                continue;
            _timers.Remove(id);
            Step(new Input.Timer(new TimerId(id), generation));
        }
    }

    /// <summary>What was sent since the last call, of one kind.</summary>
    public List<(ReplicaId To, T Message)> Take<T>() where T : PeerMessage
    {
        List<(ReplicaId, T)> taken = [.. Sent.Where(sent => sent.Message is T).Select(sent => (sent.To, (T)sent.Message))];
        Sent.Clear();
        return taken;
    }

    public T TakeOne<T>() where T : PeerMessage => Assert.Single(Take<T>()).Message;

    /// <summary>What this replica would find if it started again with what is on its disk now.</summary>
    public RecoveredState Recover(long? upTo = null)
    {
        var fold = new RecoveryFold();
        if (Saved is not null)
            fold.Checkpoint(Saved);
        foreach (WalEntry entry in Written.Where(entry => entry.Lsn <= (upTo ?? DurableLsn)))
            fold.Record(RecordCodec.DecodeRecord(RecordCodec.Encode(entry)));
        return fold.Finish();
    }

    public void FinishCheckpoint()
    {
        Saved = Manifest(Saving!.Request, Saving.Lsn);
        SavedState = _stateToSave;
        Saving = null;
        Step(new Input.CheckpointSaved(Saved.Index));
    }

    /// <summary>The checkpoint that was being installed is on disk.</summary>
    public void FinishInstall(IEnumerable<(long, long, string)> state)
    {
        Saved = Manifest(Installing!.Request, Installing.Lsn);
        SavedState = [.. state];
        Applied = [.. SavedState];
        Installing = null;
        Step(new Input.Installed(Saved.Index));
    }

    protected void Raise(Input input) => _raised.Enqueue(input);

    protected virtual void CarryOut(Effect effect)
    {
        switch (effect)
        {
            case Effect.Append append:
                Written.Add(new WalEntry(append.Lsn, append.Record));
                break;
            case Effect.Send send:
                Sent.Add((send.To, send.Message));
                break;
            case Effect.SendWhenDurable send when send.Lsn <= DurableLsn:
                Sent.Add((send.To, send.Message));
                break;
            case Effect.SendWhenDurable send:
                _gate.Enqueue(send);
                break;
            case Effect.Arm arm:
                _timers[arm.Id.Value] = (arm.Generation, Now + arm.DelayMicros);
                break;
            case Effect.CancelTimer cancel:
                _timers.Remove(cancel.Id.Value);
                break;
            case Effect.Apply apply:
                Apply(apply);
                break;
            case Effect.Serve serve:
                Served.AddRange(serve.Reads.Select(read => read.Id));
                break;
            case Effect.Reply reply:
                Answer(reply.RequestId, Encoding.UTF8.GetString(reply.Result.Span));
                break;
            case Effect.Reject reject:
                Assert.False(Replies.ContainsKey(reject.RequestId) || !Rejections.TryAdd(reject.RequestId, reject.Why), "a request is answered once");
                break;
            case Effect.Report report:
                Reports.Add(report.Event);
                break;
            case Effect.Checkpoint checkpoint:
                Saving = checkpoint;
                _stateToSave = [.. Applied];
                if (AnswersCheckpoints)
                    FinishCheckpoint();
                break;
            case Effect.Fetch fetch:
                Fetching = fetch;
                break;
            case Effect.Abandon:
                Fetching = null;
                break;
            case Effect.Install install:
                Installing = install;
                break;
            default:
                Assert.Fail($"unexpected {effect}");
                break;
        }
    }

    private static CheckpointManifest Manifest(CheckpointRequest request, long lsn) => new()
    {
        Index = request.Index,
        Term = request.Term,
        Lsn = lsn,
        HardState = request.HardState,
        Configuration = request.Configuration,
        Tail = request.Tail,
        AtRisk = request.AtRisk,
    };

    private void Apply(Effect.Apply apply)
    {
        long index = apply.Batch.FirstIndex;
        Assert.True(apply.Waiting.Count == 0 || apply.Waiting.Count == apply.Batch.Count);
        foreach (ReadOnlyMemory<byte> payload in apply.Batch)
        {
            string command = Encoding.UTF8.GetString(payload.Span);
            Applied.Add((index, apply.Batch.Term, command));
            if (apply.Waiting.Count > 0 && apply.Waiting[(int)(index - apply.Batch.FirstIndex)] is not 0 and long request)
                Answer(request, command);
            index++;
        }

        if (MachineWorks)
            _raised.Enqueue(new Input.Applied(apply.Batch.LastIndex) { EndsWithTime = EndsWithTime });
    }

    private void Answer(long request, string result) =>
        Assert.True(!Rejections.ContainsKey(request) && Replies.TryAdd(request, result), "a request is answered once");
}

internal static class LogNodes
{
    public static TNode Start<TNode>(this TNode node) where TNode : LogNode
    {
        node.Step(new Input.Start(node.Recovered));
        return node;
    }
}
