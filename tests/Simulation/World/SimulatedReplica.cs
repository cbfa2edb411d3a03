using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Simulation.Run;

namespace ActorRepl.Simulation.World;

/// <summary>One replica with its disk and clocks: the driver's host. What it is asked comes back as an event.</summary>
internal sealed class SimulatedReplica : IReplicaHost
{
    // Of half the replicas; the others are what they are held against.
    private static readonly ApplyOptions ByKey = new() { Lanes = 2, ParallelFrom = 2, OnOneThread = true };

    private readonly SimulatedWorld _world;
    private readonly HashSet<long> _commands = [];
    private readonly long[] _timers = new long[256];
    private readonly long[] _generations = new long[256];
    private SessionMachine? _machine;
    private ReplicaDriver? _driver;
    private (CheckpointManifest Manifest, ICheckpointView View)? _saving;
    private long _lastTimer;
    private bool _flushScheduled;
    private bool _starting;
    private bool _atABeat;
    private bool _toldFull;
    private long _repeatsCounted;

    public SimulatedReplica(SimulatedWorld world, int number)
    {
        _world = world;
        Id = new ReplicaId(number);
        Disk = new SimulatedDisk(world.Random, world.Coverage);
        Multiplexer = new SimulatedMultiplexer(world, this);
    }

    public ReplicaId Id { get; }
    public int Incarnation { get; private set; }
    public SimulatedDisk Disk { get; }
    public SimulatedMultiplexer Multiplexer { get; }
    public SimulatedClock Clock { get; } = new();
    public IProtocol? Protocol { get; private set; }
    public bool IsUp => _driver is not null;
    public long PausedUntil { get; set; }
    public bool FailNextCheckpoint { get; set; }

    /// <summary>Somebody waits for a command's result: each is watched as it is given, which is one command at a time.</summary>
    public bool IsWaitedFor => _commands.Count > 0;

    public ReplicaStatus Status => _driver!.Status;

    /// <summary>Where the machine stands in the shard's history, between two batches.</summary>
    public LogPosition Applied => _driver!.Applied;

    public Instant Now => Clock.At(_world.Time);

    // ---- the process ----

    public void StartLater(long delay) => Schedule(EventKind.Start, delay);

    public void Start()
    {
        if (!Multiplexer.IsRunning)
        {
            Clock.Boot(_world.Time, _world.Random.Next(1L << 40), _world.Random.Next(2 * SimulatedClock.MaxDriftPpm) - SimulatedClock.MaxDriftPpm);
            if (_world.GoesQuiet)
                Multiplexer.Start();
        }

        RecoveredState recovered = Disk.Recover(out IReadOnlyList<ReadOnlyMemory<byte>> segments);
        _world.Coverage.Count(CoverageItem.Recoveries, recovered.LastLsn > 0 ? 1 : 0);
        _world.Coverage.Count(CoverageItem.RecoveriesFromCheckpoint, recovered.Checkpoint is not null ? 1 : 0);
        _world.Trace?.Write(_world.Time, Id.ToString(), Trace.Describe(new Input.Start(recovered)));

        Protocol = _world.Factory.Create(Id, _world.FirstIds, _world.Random.NextUInt64(), joins: Disk.Predecessors > 0);
        _machine = new SessionMachine(new KeyValueMachine(hashSeed: 1), _world.Sessions, Id.Value % 2 == 0 ? ByKey : ApplyOptions.OneByOne);
        _repeatsCounted = 0;
        _commands.Clear();
        _driver = new ReplicaDriver(Protocol, _world.Agreement.Observe(this, _machine), this, _world.DriverOptions);
        _world.Invariants.Starting(this, recovered);
        _world.Control?.ReplicaStarted(this);
        _starting = true;
        _driver.Start(recovered, segments);
        _starting = false;
        Multiplexer.ReplicaStarted();
        AfterStep();
    }

    /// <summary>The process dies without a word.</summary>
    public void Crash()
    {
        if (!IsUp)
            return;
        _world.Trace?.Write(_world.Time, Id.ToString(), "crashes");
        EndSavingByCrash();
        Disk.Crash();
        Multiplexer.Crash();
        End();
    }

    /// <summary>Only the replica stops, its node goes on; what was being written ends as it may.</summary>
    public void Stop()
    {
        _world.Trace?.Write(_world.Time, Id.ToString(), "stops");
        EndSavingByCrash();
        Disk.Crash();
        End();
    }

    private void End()
    {
        _world.Coverage.Count(CoverageItem.Crashes);
        _driver = null;
        Protocol = null;
        Incarnation++;
        Multiplexer.ReplicaStopped();
        PausedUntil = 0;
        FailNextCheckpoint = false;
        _flushScheduled = false;
        _toldFull = false;
        Array.Clear(_timers);
    }

    private void EndSavingByCrash()
    {
        if (_saving is not { } saving)
            return;
        _saving = null;
        _world.Coverage.Count(CoverageItem.CrashesInCheckpoint);
        if (!Disk.IsFull && !Disk.HasUnreadRecords && _world.Random.Chance(1, 2))
            Disk.Save(Store(saving.Manifest, saving.View, out _));
        saving.View.Dispose();
    }

    // ---- events ----

    public void Handle(in Event happened)
    {
        switch (happened.Kind)
        {
            case EventKind.Deliver:
                _atABeat = happened.B == Event.Bundled;
                Deliver(new ReplicaId((int)(happened.A >> 8)), (PeerChannel)(happened.A & 0xFF), (byte[])happened.Payload!);
                break;
            case EventKind.Timer when _timers[happened.A] == happened.B:
                _timers[happened.A] = 0;
                _atABeat = true;
                _world.Trace?.Write(_world.Time, Id.ToString(), $"timer {happened.A}");
                _driver!.TimerFired(new TimerId((byte)happened.A), _generations[happened.A]);
                break;
            case EventKind.Synced:
                Synced();
                break;
            case EventKind.StorageState:
                _world.Trace?.Write(_world.Time, Id.ToString(), $"storage is {(StorageState)happened.A}");
                _driver!.Handle(new Input.Storage((StorageState)happened.A));
                break;
            case EventKind.CheckpointDone:
                EndCheckpoint();
                break;
            case EventKind.SegmentRead:
                LoadSegment((SegmentRequestOnDisk)happened.Payload!);
                break;
            case EventKind.RangeRead:
                IReadOnlyList<EntryBatch> range = Disk.Range(happened.A, happened.B, (int)happened.Payload!);
                _world.Coverage.Count(CoverageItem.RangesRead, range.Count > 0 ? 1 : 0);
                _driver!.RangeLoaded(happened.A, range);
                break;
            case EventKind.Flush:
                _flushScheduled = false;
                _driver!.Flush();
                break;
            case EventKind.Request:
                Enqueue((SimulatedRequest)happened.Payload!);
                break;
            case EventKind.Input:
                _world.Trace?.Write(_world.Time, Id.ToString(), Trace.Describe(happened.Payload));
                _driver!.Handle((Input)happened.Payload!);
                break;
        }

        _atABeat = false;
        if (IsUp)
            AfterStep();
    }

    /// <summary>The machine's state was replaced by a checkpoint's.</summary>
    public void OnRestored()
    {
        if (_starting)
            return;
        _world.Coverage.Count(CoverageItem.Installs);
        _world.Invariants.Installed(this, _driver!.LastCheckpoint!);
    }

    /// <summary>What the machine holds, for comparing replicas that have applied the same.</summary>
    /// <param name="keys">Of which keys.</param>
    /// <param name="withMemory">And what memory it says it takes: where clients scan, that is also for the order of its keys, which is the replica's own.</param>
    public byte[] MachineContent(IEnumerable<string> keys, bool withMemory)
    {
        var query = new KeyValuePayload().CountKeys();
        foreach (string key in keys)
            query.Get(System.Text.Encoding.UTF8.GetBytes(key));
        return [.. BitConverter.GetBytes(withMemory ? _machine!.ApproximateBytes : 0), .. BitConverter.GetBytes(_machine!.SessionCount), .. _machine.Query(query.ToArray()).Span];
    }

    /// <summary>The disk has room again.</summary>
    public void OnSpace()
    {
        Disk.IsFull = false;
        if (!IsUp)
            return;
        if (Disk.HasWaiting)
            SyncIfIdle();
        else
            TellHealthy();
    }

    private void AfterStep()
    {
        _world.Invariants.Stepped(this);
        CountRepeats();
        if (_driver!.CanFlush && !_flushScheduled)
        {
            _flushScheduled = true;
            Schedule(EventKind.Flush, _world.Random.Next(300));
        }
    }

    private void CountRepeats()
    {
        long repeats = _machine!.Repeats;
        if (repeats > _repeatsCounted)
        {
            _world.Coverage.Count(CoverageItem.SessionRepeats, repeats - _repeatsCounted);
            _repeatsCounted = repeats;
        }
    }

    private void Deliver(ReplicaId from, PeerChannel channel, byte[] bytes)
    {
        _world.Trace?.Write(_world.Time, Id.ToString(), $"<- {from} {Trace.Describe(channel == PeerChannel.Protocol ? Protocol!.Decode(bytes) : TransferMessage.Decode(bytes))}");
        try
        {
            _driver!.Receive(from, channel, bytes);
        }
        catch (InvalidDataException problem) when (channel == PeerChannel.Transfer)
        {
            // An answer to a pull of an earlier incarnation; a host drops it.
            _world.Trace?.Write(_world.Time, Id.ToString(), $"drops it: {problem.Message}");
        }
    }

    private void Enqueue(SimulatedRequest request)
    {
        _world.Trace?.Write(_world.Time, Id.ToString(), $"request {request.Id} {request.Kind}{(request.Concern.IsDefault ? "" : $" {request.Concern}")}");
        _world.Invariants.Asked(this, request);
        if (request.Kind == RequestKind.Command)
            _commands.Add(request.Id);
        _driver!.Enqueue(new ClientRequest(request.Id, request.Kind, request.Payload, Now.Monotonic + request.Patience)
        {
            MaxStaleness = request.MaxStaleness,
            AtLeast = request.AtLeast,
            Concern = request.Concern,
        });
    }

    // ---- disk ----

    public void Persist(WalEntry entry)
    {
        _world.Trace?.Write(_world.Time, Id.ToString(), $"   writes {entry.Lsn}: {Trace.Describe(entry.Record)}");
        _world.Coverage.Count(CoverageItem.Truncations, entry.Record.TruncateFrom > 0 ? 1 : 0);
        _world.Invariants.Writing(this, entry);
        Disk.Write(entry);
        _world.OnWriting(this);
        SyncIfIdle();
    }

    private void SyncIfIdle()
    {
        if (Disk.IsSyncing)
            return;
        if (Disk.IsFull)
        {
            if (!_toldFull)
                Schedule(EventKind.StorageState, 1, (long)StorageState.Full);
            _toldFull = true;
            return;
        }

        Disk.BeginSync();
        bool slow = _world.Chance(_world.Profile.SlowSync);
        _world.Coverage.Count(CoverageItem.SlowSyncs, slow ? 1 : 0);
        Schedule(EventKind.Synced, 20 + _world.Random.Next(_world.Profile.Sync) + (slow ? _world.Random.Next(_world.Profile.SlowSyncBy) : 0));
    }

    private void Synced()
    {
        if (Disk.FailNextSync)
        {
            FailWrite();
            return;
        }

        if (Disk.EndSync() is not { } lsn)
        {
            StopOnConflict();
            return;
        }

        _world.Trace?.Write(_world.Time, Id.ToString(), $"durable through {lsn}");
        _world.Invariants.Durable(this, lsn);
        _driver!.Durable(lsn);
        if (Disk.HasWaiting)
            SyncIfIdle();
        else if (_toldFull && !Disk.IsFull)
            TellHealthy();
    }

    private void FailWrite()
    {
        _world.Trace?.Write(_world.Time, Id.ToString(), "write fails, outcome unknown");
        _world.Coverage.Count(CoverageItem.FailedWrites);
        List<StoredRecord> rest = Disk.FailSync();
        EndSavingByCrash();
        End();
        StoredCheckpoint? checkpoint = Disk.Checkpoint;
        int disk = Disk.Predecessors;
        if (rest.Count > 0 && _world.Random.Chance(2, 3))
            _world.After(1 + _world.Random.Next(60 * Instant.Millisecond), () =>
            {
                if (Disk.Predecessors == disk)
                    LandLate(rest, checkpoint);
            });
        StartLater(1 + _world.Random.Next(100 * Instant.Millisecond));
    }

    private void LandLate(List<StoredRecord> records, StoredCheckpoint? checkpoint)
    {
        if (!Disk.LandLate(records, checkpoint))
            return;
        _world.Trace?.Write(_world.Time, Id.ToString(), $"a failed write lands late: {records[0].Lsn} to {records[^1].Lsn}");
        _world.Coverage.Count(CoverageItem.LateWrites);
    }

    // A write of an earlier incarnation has landed meanwhile: the journal refuses this one, and the replica reads anew.
    private void StopOnConflict()
    {
        _world.Trace?.Write(_world.Time, Id.ToString(), "finds records it has not written");
        Crash();
        StartLater(1 + _world.Random.Next(10 * Instant.Millisecond));
    }

    private void TellHealthy()
    {
        if (_toldFull)
            Schedule(EventKind.StorageState, 1, (long)StorageState.Healthy);
        _toldFull = false;
    }

    public void SaveCheckpoint(CheckpointManifest manifest, ICheckpointView view)
    {
        Invariant.That(_saving is null, "the driver saves one checkpoint at a time");
        _world.Trace?.Write(_world.Time, Id.ToString(), $"   saves a checkpoint at {manifest.Index}, LSN {manifest.Lsn}");
        _saving = (manifest, view);
        Schedule(EventKind.CheckpointDone, 1 + _world.Random.Next(_world.Profile.Checkpoint));
    }

    private void EndCheckpoint()
    {
        if (Disk.HasUnreadRecords)
        {
            StopOnConflict();
            return;
        }

        (CheckpointManifest manifest, ICheckpointView view) = _saving!.Value;
        _saving = null;
        if (Disk.IsFull || FailNextCheckpoint)
        {
            FailNextCheckpoint = false;
            _world.Trace?.Write(_world.Time, Id.ToString(), $"checkpoint at {manifest.Index} fails");
            _world.Coverage.Count(CoverageItem.CheckpointFailures);
            view.Dispose();
            _driver!.CheckpointFailed("the disk is full");
            return;
        }

        Disk.Save(Store(manifest, view, out CheckpointManifest saved));
        view.Dispose();
        _world.Trace?.Write(_world.Time, Id.ToString(), $"checkpoint at {manifest.Index} is saved");
        _world.Coverage.Count(CoverageItem.Checkpoints);
        // A witness takes over a manifest without segments: no machine says so.
        if (saved.Segments.Count == 0)
            _world.Invariants.Installed(this, saved);
        _driver!.CheckpointSaved(saved);
    }

    private StoredCheckpoint Store(CheckpointManifest manifest, ICheckpointView view, out CheckpointManifest saved)
    {
        byte[][] segments = [.. view.Segments(_world.SegmentBytes).Select(segment => segment.ToArray())];
        saved = manifest with { Segments = [.. segments.Select(segment => new SegmentInfo(segment.Length, Crc32C.Compute(segment)))] };
        return new StoredCheckpoint(saved.Lsn, saved.Index, RecordCodec.Encode(saved), segments);
    }

    public void LoadSegment(CheckpointManifest manifest, int number, SegmentTicket ticket) =>
        Schedule(EventKind.SegmentRead, 1 + _world.Random.Next(2 * Instant.Millisecond), payload: new SegmentRequestOnDisk(manifest, number, ticket));

    private void LoadSegment(SegmentRequestOnDisk request)
    {
        bool there = Disk.Checkpoint is { } checkpoint && checkpoint.Lsn == request.Manifest.Lsn && checkpoint.Index == request.Manifest.Index;
        _driver!.SegmentLoaded(request.Ticket, there ? Disk.Checkpoint!.Segments[request.Number] : null);
    }

    public void ReadRange(long first, long last, int maxBytes) => Schedule(EventKind.RangeRead, 1 + _world.Random.Next(Instant.Millisecond), first, last, maxBytes);

    // ---- network, timers, clients ----

    public void Send(ReplicaId to, PeerChannel channel, PeerMessage message)
    {
        _world.Trace?.Write(_world.Time, Id.ToString(), $"   -> {to} {Trace.Describe(message)}");
        _world.Coverage.Count(CoverageItem.Fetches, message is ManifestRequest ? 1 : 0);
        if (message.IsBeat && _atABeat && Multiplexer.IsRunning)
            Multiplexer.Beat(to, message);
        else
            _world.Network.Send(Id, to, channel, message.ToBytes());
    }

    public void Arm(TimerId timer, long generation, long delayMicros)
    {
        _timers[timer.Value] = ++_lastTimer;
        _generations[timer.Value] = generation;
        Schedule(EventKind.Timer, Clock.ToWorld(delayMicros), timer.Value, _lastTimer);
    }

    public void CancelTimer(TimerId timer) => _timers[timer.Value] = 0;

    public void Reply(long requestId, ReadOnlyMemory<byte> result)
    {
        _commands.Remove(requestId);
        LogPosition seen = _world.Invariants.Answering(this, requestId);
        _world.Trace?.Write(_world.Time, Id.ToString(), $"   answers {requestId}{(seen == default ? "" : $" at {seen}")}");
        _world.Answer(new SimulatedAnswer(requestId, null, result) { Seen = seen });
    }

    public void Reject(long requestId, Rejection why)
    {
        _commands.Remove(requestId);
        _world.Trace?.Write(_world.Time, Id.ToString(), $"   rejects {requestId}: {why.Reason}{(why.OutcomeUnknown ? ", outcome unknown" : "")}");
        _world.Answer(new SimulatedAnswer(requestId, why, default));
    }

    public void ProposeView(long expectedEpoch, ReadOnlyMemory<byte> view)
    {
        _world.Trace?.Write(_world.Time, Id.ToString(), $"   proposes a view after epoch {expectedEpoch}");
        (_world.Control ?? throw new NotSupportedException("only a protocol with views proposes them")).Propose(this, expectedEpoch, view.ToArray());
    }

    public void AskView()
    {
        _world.Trace?.Write(_world.Time, Id.ToString(), "   asks which view is in force");
        (_world.Control ?? throw new NotSupportedException("only a protocol with views asks for them")).Ask(this);
    }

    public void SetAside(IReadOnlyList<EntryBatch> lost, string why)
    {
        _world.Trace?.Write(_world.Time, Id.ToString(), $"   sets aside {Trace.Describe(lost)}: {why}");
        _world.Invariants.SetAside(this, lost);
    }

    public void Report(string what) => _world.Trace?.Write(_world.Time, Id.ToString(), $"   reports: {what}");

    private void Schedule(EventKind kind, long delay, long a = 0, long b = 0, object? payload = null) => _world.Schedule(new Event
    {
        Time = _world.Time + delay,
        Kind = kind,
        Target = Id.Value,
        Incarnation = Incarnation,
        A = a,
        B = b,
        Payload = payload,
    });
}

internal sealed record SegmentRequestOnDisk(CheckpointManifest Manifest, int Number, SegmentTicket Ticket);

/// <summary>A client's request on its way. <see cref="Patience"/> is its deadline, µs from arrival.</summary>
internal sealed record SimulatedRequest(long Id, RequestKind Kind, byte[] Payload, long Patience, long MaxStaleness)
{
    public WriteConcern Concern { get; init; }

    /// <summary>What the client's session has seen.</summary>
    public LogPosition AtLeast { get; init; }
}

internal sealed record SimulatedAnswer(long RequestId, Rejection? Why, ReadOnlyMemory<byte> Result)
{
    /// <summary>Up to where the state went that was answered from, where the protocol's history can be lost.</summary>
    public LogPosition Seen { get; init; }
}
