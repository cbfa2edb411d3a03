using ActorRepl.Protocols.Convergence;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Convergence;

/// <summary>One replica of a CRDT group with its disk and clocks: the driver's host. What it is asked comes back as an event.</summary>
internal sealed class ConvergentNode(ConvergentWorld world, int number) : IReplicaHost
{
    private readonly List<byte[]> _records = [];
    private readonly List<WalEntry> _writing = [];
    private readonly List<WalEntry> _waiting = [];
    private readonly long[] _generations = new long[256];
    private readonly long[] _armed = new long[256];
    private ReplicaDriver? _driver;
    private (byte[] Manifest, byte[][] Segments)? _checkpoint;
    private long _boot;
    private long _timers;
    private bool _joins = number > world.Members.Voters.Count;
    private string? _damage;

    public ReplicaId Id { get; } = new(number);
    public int Incarnation { get; private set; }
    public ConvergentStore Store { get; private set; } = new(world.Options);
    public ConvergentReplica? Replica { get; private set; }
    public bool IsUp => _driver is not null;

    /// <summary>How far the wall clock is off, µs.</summary>
    public long WallSkew { get; set; }

    public long MaxSync { get; set; } = 2 * Instant.Millisecond;
    public List<string> Reports { get; } = [];
    public int Checkpoints { get; private set; }

    /// <summary>Values that were brought over whole.</summary>
    public int Staged { get; private set; }

    public Instant Now => new(world.Time - _boot, world.Wall + WallSkew, 0);

    public void Start()
    {
        if (IsUp || !world.Members.Members.Contains(Id))
            return;
        _boot = world.Time - world.Random.Next(1_000_000);
        var fold = new RecoveryFold();
        IEnumerable<ReadOnlyMemory<byte>> segments = [];
        if (_checkpoint is { } checkpoint)
        {
            fold.Checkpoint(RecordCodec.DecodeManifest(checkpoint.Manifest));
            segments = checkpoint.Segments.Select(segment => (ReadOnlyMemory<byte>)segment);
        }

        foreach (byte[] record in _records)
            fold.Record(RecordCodec.DecodeRecord(record));
        if (_damage is not null)
            fold.Damaged(_damage);
        Store = new ConvergentStore(world.Options);
        Replica = (ConvergentReplica)world.Factory.Create(Id, world.Members.Voters, world.Random.NextUInt64(), _joins);
        _driver = new ReplicaDriver(Replica, Store, this);
        _driver.Start(fold.Finish(), segments);
        TellView();
        Flush();
    }

    /// <summary>The process dies; of what was being written, some may have reached the disk.</summary>
    public void Crash()
    {
        if (!IsUp)
            return;
        int kept = (int)world.Random.Next(_writing.Count + 1);
        Land(_writing.Take(kept));
        _writing.Clear();
        _waiting.Clear();
        Array.Clear(_armed);
        _driver = null;
        Replica = null;
        Incarnation++;
    }

    /// <summary>Its disk is replaced by an empty one.</summary>
    public void LoseDisk()
    {
        Crash();
        _records.Clear();
        _checkpoint = null;
        _joins = true;
    }

    /// <summary>The last of what was durable cannot be read.</summary>
    public void Damage()
    {
        Crash();
        int lost = (int)world.Random.Next(Math.Min(_records.Count, 20) + 1);
        _records.RemoveRange(_records.Count - lost, lost);
        _damage = $"{lost} records cannot be read";
    }

    /// <summary>Which view is in force, as its host knows it.</summary>
    public void TellView()
    {
        if (IsUp && world.Epoch > 0)
            Tell(new Input.ViewChanged(world.Epoch, world.Members.Encode()));
    }

    public void Receive(ReplicaId from, PeerChannel channel, byte[] bytes)
    {
        _driver!.Receive(from, channel, bytes);
        Flush();
    }

    public void Ask(ClientRequest request)
    {
        _driver!.Enqueue(request);
        Flush();
    }

    public void Tell(Input input) => _driver!.Handle(input);

    public void Persist(WalEntry entry)
    {
        world.Rules?.Writing(this, entry);
        foreach (EntryBatch batch in entry.Record.Entries)
        {
            foreach (ReadOnlyMemory<byte> payload in batch)
                Staged += StoreUpdate.Decode(payload) is StoreUpdate.Stage stage ? PartList.Decode(stage.States.Span).Length : 0;
        }

        _waiting.Add(entry);
        SyncIfIdle();
    }

    public void Send(ReplicaId to, PeerChannel channel, PeerMessage message) => world.Carry(Id, to, channel, message.ToBytes());

    public void Arm(TimerId timer, long generation, long delayMicros)
    {
        long armed = _armed[timer.Value] = ++_timers;
        _generations[timer.Value] = generation;
        Later(Math.Max(1, delayMicros), () =>
        {
            if (_armed[timer.Value] != armed)
                return;
            _armed[timer.Value] = 0;
            _driver!.TimerFired(timer, _generations[timer.Value]);
            Flush();
        });
    }

    public void CancelTimer(TimerId timer) => _armed[timer.Value] = 0;

    public void Reply(long requestId, ReadOnlyMemory<byte> result) => world.Answered(requestId, result.ToArray(), null);

    public void Reject(long requestId, Rejection why) => world.Answered(requestId, null, why);

    public void SaveCheckpoint(CheckpointManifest manifest, ICheckpointView view)
    {
        byte[][] segments = [.. view.Segments(500).Select(segment => segment.ToArray())];
        CheckpointManifest saved = manifest with { Segments = [.. segments.Select(segment => new SegmentInfo(segment.Length, Crc32C.Compute(segment)))] };
        Later(1 + world.Random.Next(10 * Instant.Millisecond), () =>
        {
            _checkpoint = (RecordCodec.Encode(saved), segments);
            _records.RemoveAll(record => RecordCodec.DecodeRecord(record).Lsn <= saved.Lsn);
            Checkpoints++;
            _driver!.CheckpointSaved(saved);
            Flush();
        });
        view.Dispose();
    }

    public void LoadSegment(CheckpointManifest manifest, int number, SegmentTicket ticket) => throw new NotSupportedException("nobody pulls checkpoints of a CRDT group");

    public void ReadRange(long first, long last, int maxBytes) => throw new NotSupportedException("nobody reads the log of a CRDT replica back");

    public void ProposeView(long expectedEpoch, ReadOnlyMemory<byte> view)
    {
        var proposed = Membership.Decode(view.ToArray());
        Later(1 + world.Random.Next(10 * Instant.Millisecond), () =>
        {
            if (expectedEpoch == world.Epoch)
                world.Install(proposed);
            TellView();
        });
    }


    public void AskView() => throw new NotSupportedException("nobody asks a replica for a view here");

    public void SetAside(IReadOnlyList<EntryBatch> lost, string why) => throw new NotSupportedException("a CRDT replica takes nothing back");

    public void Report(string what) => Reports.Add(what);

    private void Flush()
    {
        if (_driver?.CanFlush == true)
            Later(1 + world.Random.Next(100), () => _driver!.Flush());
    }

    private void SyncIfIdle()
    {
        if (_writing.Count > 0 || _waiting.Count == 0)
            return;
        _writing.AddRange(_waiting);
        _waiting.Clear();
        Later(20 + world.Random.Next(MaxSync), () =>
        {
            Land(_writing);
            long last = _writing[^1].Lsn;
            _writing.Clear();
            _driver!.Durable(last);
            Flush();
            SyncIfIdle();
        });
    }

    // The first record of a start says, together with all else, what was found to be lost: until it is there, that is found again.
    private void Land(IEnumerable<WalEntry> entries)
    {
        foreach (WalEntry entry in entries)
        {
            _records.Add(RecordCodec.Encode(entry));
            (_joins, _damage) = (false, null);
        }
    }

    private void Later(long delay, Action what)
    {
        int incarnation = Incarnation;
        world.After(delay, () =>
        {
            if (incarnation == Incarnation && IsUp)
                what();
        });
    }
}
