using System.Text;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Protocols.Tests.Raft;

/// <summary>
/// One replica on a desk: the test gives it inputs and sees what it does. Disk and machine answer by themselves unless
/// told to wait. Its log of applied commands is its state machine.
/// </summary>
internal sealed class RaftNode
{
    public const long Ms = Instant.Millisecond;

    private readonly Effects _effects = new();
    private readonly Queue<Effect.SendWhenDurable> _gate = new();
    private readonly SortedDictionary<byte, (long Generation, long At)> _timers = [];
    private readonly Queue<Input> _raised = new();
    private bool _stepping;

    public RaftNode(int id, int of, RaftOptions? options = null, RecoveredState? recovered = null, ulong seed = 1, long now = 0, bool joins = false)
    {
        Id = new ReplicaId(id);
        Now = now;
        Recovered = recovered ?? RecoveredState.Empty;
        DurableLsn = Recovered.LastLsn;
        Saved = Recovered.Checkpoint;
        Raft = new RaftReplica(Id, [.. Enumerable.Range(1, of).Select(number => new ReplicaId(number))], seed, (options ?? RaftOptions.Default).Validate(), joins);
        _effects.StartAfter(Recovered.LastLsn);
        if (Recovered is { LastLsn: 1, Checkpoint: null })
            Written.Add(new WalEntry(1, new WalRecord { HardState = Recovered.HardState, Entries = Recovered.Log }));
    }

    public ReplicaId Id { get; }
    public RaftReplica Raft { get; }
    public RecoveredState Recovered { get; }
    public ReplicaStatus Status => Raft.Status;
    public bool IsLeader => Status.Role == "leader";
    public long LastRequest { get; set; }
    public long Now { get; set; }
    public long Wall { get; set; } = 1_000_000;

    /// <summary>False: nothing becomes durable until the test says so.</summary>
    public bool DiskWorks { get; set; } = true;
    public long DurableLsn { get; private set; }
    public long WrittenLsn => _effects.LastLsn;

    /// <summary>False: what the machine has applied is told by the test.</summary>
    public bool MachineWorks { get; set; } = true;
    public bool AnswersCheckpoints { get; set; } = true;

    public List<WalEntry> Written { get; } = [];
    public List<(ReplicaId To, RaftMessage Message)> Sent { get; } = [];
    public List<(long Index, long Term, string Command)> Applied { get; set; } = [];
    public Dictionary<long, string> Replies { get; } = [];
    public Dictionary<long, Rejection> Rejections { get; } = [];
    public List<long> Served { get; } = [];
    public List<string> Reports { get; } = [];
    public List<Effect> Seen { get; } = [];
    public CheckpointManifest? Saved { get; set; }
    public List<(long Index, long Term, string Command)> SavedState { get; set; } = [];
    private List<(long Index, long Term, string Command)> _stateToSave = [];
    public Effect.Checkpoint? Saving { get; private set; }
    public Effect.Fetch? Fetching { get; set; }
    public Effect.Install? Installing { get; set; }

    /// <summary>What its hard state on disk says of it.</summary>
    public Standing Standing => HardState.Decode(Recover().HardState) is var state ? new Standing(state.NonVoter, state.Loss, state.Hollow) : default;

    public RaftNode Start()
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
            Raft.Step(next, new Instant(Now, Wall, 0), _effects);
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
            Sent.Add((_gate.Dequeue().To, (RaftMessage)send.Message));
        Step(new Input.Durable(DurableLsn));
    }

    public void Receive(int from, PeerMessage message) => Step(new Input.Received(new ReplicaId(from), message));

    public long Command(string payload, long? deadline = null) => Commands(deadline, payload)[0];

    public long[] Commands(long? deadline, params string[] payloads)
    {
        ClientRequest[] requests = [.. payloads.Select(payload => Request(RequestKind.Command, payload, deadline))];
        Step(new Input.Requests(requests));
        return [.. requests.Select(request => request.Id)];
    }

    public long Read(RequestKind kind = RequestKind.Read, long? deadline = null)
    {
        ClientRequest read = Request(kind, "", deadline);
        Step(new Input.Requests([read]));
        return read.Id;
    }

    public long Change(Membership target, long? deadline = null)
    {
        ClientRequest change = Request(RequestKind.ChangeMembers, "", deadline) with { Payload = target.Encode() };
        Step(new Input.Requests([change]));
        return change.Id;
    }

    public long Transfer(int to, long? deadline = null)
    {
        ClientRequest transfer = Request(RequestKind.Transfer, "", deadline) with { Payload = BitConverter.GetBytes(to) };
        Step(new Input.Requests([transfer]));
        return transfer.Id;
    }

    public ClientRequest Request(RequestKind kind, string payload, long? deadline = null) =>
        new(Id.Value * 1_000_000 + ++LastRequest, kind, Encoding.UTF8.GetBytes(payload), deadline ?? Now + 5 * Instant.Second);

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
    public List<(ReplicaId To, T Message)> Take<T>() where T : RaftMessage
    {
        List<(ReplicaId, T)> taken = [.. Sent.Where(sent => sent.Message is T).Select(sent => (sent.To, (T)sent.Message))];
        Sent.Clear();
        return taken;
    }

    public T TakeOne<T>() where T : RaftMessage => Assert.Single(Take<T>()).Message;

    /// <summary>Wins an election with the votes of the given replicas; nothing it sent meanwhile is kept.</summary>
    public RaftNode Elect(params int[] voters)
    {
        Pass(RaftOptions.Default.ElectionMaxMicros);
        foreach (int voter in voters)
            Receive(voter, new VoteReply(Status.Term + 1, granted: true, pre: true));
        foreach (int voter in voters)
            Receive(voter, new VoteReply(Status.Term, granted: true, pre: false));
        Assert.Equal("leader", Status.Role);
        return this;
    }

    public void Acknowledge(int from, long index) => Receive(from, new AppendReply(Status.Term, success: true, nonVoter: false, index, 0, 0));

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

    /// <summary>The term of every entry from index 1 (or the first one there) on.</summary>
    public long[] Terms => [.. Recover().Log.SelectMany(batch => Enumerable.Repeat(batch.Term, batch.Count))];

    private void CarryOut(Effect effect)
    {
        switch (effect)
        {
            case Effect.Append append:
                Written.Add(new WalEntry(append.Lsn, append.Record));
                break;
            case Effect.Send send:
                Sent.Add((send.To, (RaftMessage)send.Message));
                break;
            case Effect.SendWhenDurable send when send.Lsn <= DurableLsn:
                Sent.Add((send.To, (RaftMessage)send.Message));
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
        Applied = [.. state];
        Installing = null;
        Step(new Input.Installed(Saved.Index));
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

        if (MachineWorks)
            _raised.Enqueue(new Input.Applied(apply.Batch.LastIndex));
    }
}
