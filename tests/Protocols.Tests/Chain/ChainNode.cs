using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Chain;

namespace ActorRepl.Protocols.Tests.Chain;

/// <summary>
/// One replica on a desk: the test gives it inputs and sees what it does. Disk and machine answer by themselves unless
/// told to wait. Its list of applied commands is its state machine.
/// </summary>
internal sealed class ChainNode
{
    public const long Ms = Instant.Millisecond;

    private readonly Effects _effects = new();
    private readonly Queue<Effect.SendWhenDurable> _gate = new();
    private readonly SortedDictionary<byte, (long Generation, long At)> _timers = [];
    private readonly Queue<Input> _raised = new();
    private bool _stepping;

    public ChainNode(int id, int of, ChainOptions? options = null, RecoveredState? recovered = null, ulong seed = 1, long now = 0, bool joins = false)
    {
        Id = new ReplicaId(id);
        Now = now;
        Recovered = recovered ?? RecoveredState.Empty;
        DurableLsn = Recovered.LastLsn;
        Saved = Recovered.Checkpoint;
        Replica = new ChainReplica(Id, [.. Enumerable.Range(1, of).Select(number => new ReplicaId(number))], seed, (options ?? ChainOptions.Default).Validate(), new FirstLetters(), joins);
        _effects.StartAfter(Recovered.LastLsn);
    }

    public ReplicaId Id { get; }
    public ChainReplica Replica { get; }
    public RecoveredState Recovered { get; }
    public ReplicaStatus Status => Replica.Status;
    public long LastRequest { get; set; }
    public long Now { get; set; }
    public long WallOffset { get; set; } = 1_000_000_000;

    /// <summary>False: nothing becomes durable until the test says so.</summary>
    public bool DiskWorks { get; set; } = true;
    public long DurableLsn { get; private set; }

    /// <summary>Its machine has keys that end.</summary>
    public bool EndsWithTime { get; set; }

    public List<WalEntry> Written { get; } = [];
    public List<(ReplicaId To, ChainMessage Message)> Sent { get; } = [];
    public List<(long Index, long Term, string Command)> Applied { get; set; } = [];
    public Dictionary<long, string> Replies { get; } = [];
    public Dictionary<long, Rejection> Rejections { get; } = [];
    public List<long> Served { get; } = [];
    public List<string> Reports { get; } = [];
    public List<(long Expected, ChainView View)> Proposals { get; } = [];

    /// <summary>It has asked which view is in force, and was not answered.</summary>
    public bool AsksForView { get; set; }
    public CheckpointManifest? Saved { get; set; }
    public List<(long Index, long Term, string Command)> SavedState { get; set; } = [];
    public Effect.Fetch? Fetching { get; set; }
    public Effect.Install? Installing { get; set; }

    public ChainNode Start()
    {
        Step(new Input.Start(Recovered));
        return this;
    }

    public void Step(Input input)
    {
        _raised.Enqueue(input);
        if (_stepping)
            return;
        _stepping = true;
        while (_raised.TryDequeue(out Input? next))
        {
            Replica.Step(next, new Instant(Now, Now + WallOffset, 0), _effects);
            Effect[] effects = [.. _effects.List];
            _effects.Clear();
            foreach (Effect effect in effects)
                CarryOut(effect);
            if (DiskWorks && _effects.LastLsn > DurableLsn)
                MakeDurable();
        }

        _stepping = false;
    }

    /// <summary>Everything written so far reaches the disk.</summary>
    public void MakeDurable()
    {
        DurableLsn = _effects.LastLsn;
        while (_gate.TryPeek(out Effect.SendWhenDurable? send) && send.Lsn <= DurableLsn)
            Sent.Add((_gate.Dequeue().To, (ChainMessage)send.Message));
        Step(new Input.Durable(DurableLsn));
    }

    public void Receive(int from, PeerMessage message) => Step(new Input.Received(new ReplicaId(from), message));

    public long Command(string payload, WriteConcern concern = default, long? deadline = null) => Ask(RequestKind.Command, Encoding.UTF8.GetBytes(payload), deadline, concern: concern);

    public long Read(RequestKind kind = RequestKind.Read, long? deadline = null, LogPosition atLeast = default, long staleness = 0, string key = "a") =>
        Ask(kind, Encoding.UTF8.GetBytes(key), deadline, atLeast, staleness: staleness);

    public long Change(Membership target, long? deadline = null) => Ask(RequestKind.ChangeMembers, target.Encode(), deadline);

    public long Transfer(int to, long? deadline = null, bool force = false) =>
        Ask(RequestKind.Transfer, force ? TransferOrder.Forced(new ReplicaId(to)) : TransferOrder.To(new ReplicaId(to)), deadline);

    private long Ask(RequestKind kind, ReadOnlyMemory<byte> payload, long? deadline, LogPosition atLeast = default, WriteConcern concern = default, long staleness = 0)
    {
        var request = new ClientRequest(Id.Value * 1_000_000 + ++LastRequest, kind, payload, deadline ?? Now + 30 * Instant.Second)
        {
            AtLeast = atLeast,
            Concern = concern,
            MaxStaleness = staleness,
        };
        Step(new Input.Requests([request]));
        return request.Id;
    }

    public long? NextTimer => _timers.Count == 0 ? null : _timers.Values.Min(timer => timer.At);

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
    public List<(ReplicaId To, T Message)> Take<T>() where T : ChainMessage
    {
        List<(ReplicaId, T)> taken = [.. Sent.Where(sent => sent.Message is T).Select(sent => (sent.To, (T)sent.Message))];
        Sent.Clear();
        return taken;
    }

    /// <summary>What this replica would find if it started again with what is on its disk now.</summary>
    public RecoveredState Recover()
    {
        var fold = new RecoveryFold();
        if (Saved is not null)
            fold.Checkpoint(Saved);
        foreach (WalEntry entry in Written.Where(entry => entry.Lsn <= DurableLsn))
            fold.Record(RecordCodec.DecodeRecord(RecordCodec.Encode(entry)));
        return fold.Finish();
    }

    public void Settle()
    {
        if (Installing is null)
            return;
        Saved = Manifest(Installing.Request, Installing.Lsn);
        Applied = [.. SavedState];
        Installing = null;
        Step(new Input.Installed(Saved.Index));
    }

    private void CarryOut(Effect effect)
    {
        switch (effect)
        {
            case Effect.Append append:
                Written.Add(new WalEntry(append.Lsn, append.Record));
                break;
            case Effect.Send send:
                Sent.Add((send.To, (ChainMessage)send.Message));
                break;
            case Effect.SendWhenDurable send when send.Lsn <= DurableLsn:
                Sent.Add((send.To, (ChainMessage)send.Message));
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
                Assert.True(!Rejections.ContainsKey(reply.RequestId) && Replies.TryAdd(reply.RequestId, Encoding.UTF8.GetString(reply.Result.Span)), "a request is answered once");
                break;
            case Effect.Reject reject:
                Assert.False(Replies.ContainsKey(reject.RequestId) || !Rejections.TryAdd(reject.RequestId, reject.Why), "a request is answered once");
                break;
            case Effect.Report report:
                Reports.Add(report.Event);
                break;
            case Effect.ProposeView propose:
                Proposals.Add((propose.ExpectedEpoch, ChainView.Decode(propose.View)));
                break;
            case Effect.AskView:
                AsksForView = true;
                break;
            case Effect.Checkpoint checkpoint:
                Saved = Manifest(checkpoint.Request, checkpoint.Lsn);
                SavedState = [.. Applied];
                _raised.Enqueue(new Input.CheckpointSaved(Saved.Index));
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
    };

    private void Apply(Effect.Apply apply)
    {
        long index = apply.Batch.FirstIndex;
        Assert.Equal(Applied.Count > 0 ? Applied[^1].Index + 1 : index, index);
        Assert.True(apply.Waiting.Count == 0 || apply.Waiting.Count == apply.Batch.Count);
        foreach (ReadOnlyMemory<byte> payload in apply.Batch)
        {
            string command = Encoding.UTF8.GetString(payload.Span);
            Applied.Add((index, apply.Batch.Term, command));
            long waits = apply.Waiting.Count > 0 ? apply.Waiting[(int)(index - apply.Batch.FirstIndex)] : 0;
            if (waits != 0)
                Assert.True(!Rejections.ContainsKey(waits) && Replies.TryAdd(waits, command), "a request is answered once");
            index++;
        }

        _raised.Enqueue(new Input.Applied(apply.Batch.LastIndex) { EndsWithTime = EndsWithTime });
    }

    /// <summary>The commands of its state, in order.</summary>
    public string State => string.Join(",", Applied.Where(entry => entry.Command.Length > 0).Select(entry => entry.Command));

    /// <summary>A command, or a query, is about the key that is its first letter.</summary>
    private sealed class FirstLetters : IKeyFinder
    {
        public bool TryFindKeys(ReadOnlyMemory<byte> payload, CommandKeys keys)
        {
            keys.Add(payload.Span[..1]);
            return true;
        }

        public bool TryFindQueryKeys(ReadOnlyMemory<byte> query, CommandKeys keys) => TryFindKeys(query, keys);
    }
}
