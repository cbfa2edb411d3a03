using System.Runtime.InteropServices;
using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Quorum;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Simulation.Quorum;

/// <summary>One replica of a quorum group with its disk and clocks: the driver's host. What it is asked comes back as an event.</summary>
internal sealed class QuorumNode(QuorumWorld world, int number) : IReplicaHost
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
    private bool _joins = !world.Founders.Contains(new ReplicaId(number));
    private string? _damage;

    public ReplicaId Id { get; } = new(number);
    public int Incarnation { get; private set; }
    public QuorumStore Store { get; private set; } = new(world.Options);
    public QuorumReplica? Replica { get; private set; }
    public bool IsUp => _driver is not null;

    /// <summary>How far the wall clock is off, µs.</summary>
    public long WallSkew { get; set; }

    public long MaxSync { get; set; } = 2 * Instant.Millisecond;

    /// <summary>So much later than others' its messages arrive, µs.</summary>
    public long Lateness { get; set; }
    public List<string> Reports { get; } = [];
    public int Checkpoints { get; private set; }

    /// <summary>How often it ended because its memory was found damaged.</summary>
    public int DamageFound { get; private set; }

    public Instant Now => new(world.Time - _boot, world.Wall + WallSkew, 0);

    public void Start()
    {
        if (IsUp)
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
        Store = new QuorumStore(world.Options);
        Replica = (QuorumReplica)world.Factory.Create(Id, world.Founders, world.Random.NextUInt64(), _joins);
        _driver = new ReplicaDriver(Replica, Store, this);
        _driver.Start(fold.Finish(), segments);
        if (world.Epoch > 0)
            Later(1 + world.Random.Next(100 * Instant.Millisecond), TellView);
    }

    /// <summary>The process dies; of what was being written, some may have reached the disk.</summary>
    public void Crash()
    {
        if (!IsUp)
            return;
        int kept = (int)world.Random.Next(_writing.Count + 1);
        foreach (WalEntry lost in _writing.Skip(kept).Concat(_waiting))
            world.Rules?.TakenBack(lost);
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

    /// <summary>A value that lies in its memory is not what it was. False: it has none.</summary>
    public bool DamageMemory(ReadOnlyMemory<byte> key)
    {
        foreach (Sibling<StoredValue> sibling in Store.VersionsOf(key).Set.Siblings)
        {
            if (sibling.Value.Bytes.Length == 0 || !MemoryMarshal.TryGetArray(sibling.Value.Bytes, out ArraySegment<byte> bytes))
                continue;
            bytes[(int)world.Random.Next(bytes.Count)] ^= (byte)(1 << (int)world.Random.Next(8));
            return true;
        }

        return false;
    }

    public void Receive(ReplicaId from, PeerChannel channel, byte[] bytes) => Drive(driver => driver.Receive(from, channel, bytes));

    public void Ask(ClientRequest request) => Drive(driver => driver.Enqueue(request));

    public void Tell(Input input) => Drive(driver => driver.Handle(input));

    public void Persist(WalEntry entry)
    {
        world.Rules?.Writing(this, entry);
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
            Drive(driver => driver.TimerFired(timer, _generations[timer.Value]));
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
            Drive(driver => driver.CheckpointSaved(saved));
        });
        view.Dispose();
    }

    public void LoadSegment(CheckpointManifest manifest, int number, SegmentTicket ticket) => throw new NotSupportedException("nobody pulls checkpoints of a quorum group");

    public void ReadRange(long first, long last, int maxBytes) => throw new NotSupportedException("nobody reads the log of a quorum replica back");

    public void ProposeView(long expectedEpoch, ReadOnlyMemory<byte> view)
    {
        byte[] bytes = view.ToArray();
        world.AfterControl(() => world.Install(expectedEpoch, bytes));
    }

    public void AskView() => world.AfterControl(() => Later(1, TellView));

    public void TellViewIfUp()
    {
        if (IsUp)
            TellView();
    }

    /// <summary>The control group says which view is in force.</summary>
    public void TellView() => Drive(driver => driver.Handle(new Input.ViewChanged(world.Epoch, world.View)));

    public void SetAside(IReadOnlyList<EntryBatch> lost, string why) => throw new NotSupportedException("a quorum replica takes nothing back");

    public void Report(string what) => Reports.Add(what);

    // Its supervisor starts it again.
    private void Drive(Action<ReplicaDriver> what)
    {
        try
        {
            what(_driver!);
            if (_driver?.CanFlush == true)
                Later(1 + world.Random.Next(100), () => Drive(driver => driver.Flush()));
        }
        catch (DamagedMemoryException)
        {
            DamageFound++;
            Crash();
            world.After(1 + world.Random.Next(100 * Instant.Millisecond), Start);
        }
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
            Drive(driver => driver.Durable(last));
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
