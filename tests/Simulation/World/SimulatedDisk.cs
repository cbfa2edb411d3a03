using ActorRepl.Protocols.Kernel;
using ActorRepl.Simulation.Run;

namespace ActorRepl.Simulation.World;

/// <summary>A record on disk or on its way there, as bytes.</summary>
internal readonly record struct StoredRecord(long Lsn, byte[] Bytes, bool Torn = false);

/// <summary>A checkpoint on disk: manifest and segments as bytes.</summary>
internal sealed record StoredCheckpoint(long Lsn, long Index, byte[] Manifest, byte[][] Segments);

/// <summary>
/// What of a replica survives a crash, and the ways in which it does not quite: a tail that was not synced is lost or
/// lands in part, a write that failed lands late, a bit turns over in what was durable.
/// </summary>
internal sealed class SimulatedDisk(DeterministicRandom random, Coverage coverage)
{
    private readonly List<StoredRecord> _records = [];
    private readonly List<StoredRecord> _waiting = [];
    private List<StoredRecord> _backlog = [];
    private readonly List<StoredRecord> _syncing = [];
    private StoredCheckpoint? _checkpoint;
    private bool _isDamaged;
    private long _validThrough;

    public bool IsFull { get; set; }
    public bool IsSyncing => _syncing.Count > 0;
    public bool HasWaiting => _waiting.Count > 0;
    public bool FailNextSync { get; set; }
    public StoredCheckpoint? Checkpoint => _checkpoint;

    /// <summary>Records landed late that the running incarnation has not read: the journal refuses what it writes next.</summary>
    public bool HasUnreadRecords { get; private set; }

    /// <summary>How many disks the replica had before this one.</summary>
    public int Predecessors { get; private set; }

    private long LastLsn => Math.Max(_records.Count > 0 ? _records[^1].Lsn : 0, _checkpoint?.Lsn ?? 0);

    public void Write(WalEntry entry) => _waiting.Add(new StoredRecord(entry.Lsn, RecordCodec.Encode(entry)));

    /// <summary>All that waits begins to be written together.</summary>
    public void BeginSync()
    {
        _syncing.AddRange(_waiting);
        _waiting.Clear();
    }

    /// <summary>The last LSN that is durable now; null: records of these numbers are there already, a write that failed and landed late.</summary>
    public long? EndSync()
    {
        if (HasUnreadRecords)
            return null;
        ClearDamage();
        _records.AddRange(_syncing);
        _syncing.Clear();
        return _records[^1].Lsn;
    }

    /// <summary>The process dies. Of what was under way a prefix survives, perhaps with a torn record after it.</summary>
    public void Crash()
    {
        _syncing.AddRange(_waiting);
        _waiting.Clear();
        int survivors = IsFull ? 0 : (int)random.Next(_syncing.Count + 1);
        Land(survivors);
    }

    /// <summary>A write fails with an unknown outcome: a prefix is there; the rest, returned, may land later.</summary>
    public List<StoredRecord> FailSync()
    {
        _waiting.Clear();
        int survivors = (int)random.Next(_syncing.Count + 1);
        List<StoredRecord> rest = _syncing[survivors..];
        Land(survivors);
        return rest;
    }

    /// <summary>A write that failed long ago arrives, if it still continues what is there.</summary>
    public bool LandLate(List<StoredRecord> records, StoredCheckpoint? checkpointThen)
    {
        bool continues = records.Count > 0 && !_isDamaged && ReferenceEquals(checkpointThen, _checkpoint) && LastLsn + 1 == records[0].Lsn;
        if (continues)
        {
            _records.AddRange(records);
            HasUnreadRecords = true;
        }

        return continues;
    }

    public void Save(StoredCheckpoint checkpoint)
    {
        ClearDamage();
        // What lies between the last two checkpoints can be read back; sometimes the room was needed.
        long earlier = _checkpoint?.Lsn ?? 0;
        _backlog = checkpoint.Index % 2 == 0 ? [] : [.. _backlog.Concat(_records).Where(record => record.Lsn > earlier && record.Lsn <= checkpoint.Lsn && !record.Torn).DistinctBy(record => record.Lsn)];
        _checkpoint = checkpoint;
        // What the checkpoint holds goes at once or some time later.
        if (random.Chance(1, 2))
            _records.RemoveAll(record => record.Lsn <= checkpoint.Lsn);
    }

    /// <summary>An empty disk takes its place. False: there was nothing on it either, so it is still the first one.</summary>
    public bool Replace()
    {
        if (_records.Count == 0 && _checkpoint is null)
            return false;
        _records.Clear();
        _backlog = [];
        _checkpoint = null;
        _isDamaged = HasUnreadRecords = false;
        Predecessors++;
        return true;
    }

    /// <summary>Turns a bit over in something durable; false: there is nothing yet.</summary>
    public bool Damage()
    {
        int first = _records.FindIndex(record => record.Lsn > (_checkpoint?.Lsn ?? 0) && !record.Torn);
        byte[]? target = null;
        if (first >= 0 && (_checkpoint is null || random.Chance(3, 4)))
            target = _records[first + (int)random.Next(_records.Count - first - (_records[^1].Torn ? 1 : 0))].Bytes;
        else if (_checkpoint is { } checkpoint)
            target = random.Chance(1, 2) || checkpoint.Segments.Length == 0 ? checkpoint.Manifest : checkpoint.Segments[random.Next(checkpoint.Segments.Length)];
        if (target is null)
            return false;
        long bit = random.Next(target.Length * 8L);
        target[bit / 8] ^= (byte)(1 << (int)(bit % 8));
        return true;
    }

    /// <summary>Reads everything back, as a journal would.</summary>
    public RecoveredState Recover(out IReadOnlyList<ReadOnlyMemory<byte>> segments)
    {
        for (int i = 0; i < _records.Count; i++)
        {
            if (_records[i].Torn)
                DropTorn(i);
        }

        RecoveredState recovered = Fold(out segments);
        HasUnreadRecords = false;
        _isDamaged = recovered.Damage is not null;
        _validThrough = recovered.LastLsn;
        return recovered;
    }

    private RecoveredState Fold(out IReadOnlyList<ReadOnlyMemory<byte>> segments)
    {
        var fold = new RecoveryFold();
        segments = [];
        if (_checkpoint is { } checkpoint)
        {
            if (Read(checkpoint) is { } manifest)
            {
                fold.Checkpoint(manifest);
                segments = [.. checkpoint.Segments.Select(segment => (ReadOnlyMemory<byte>)segment)];
            }
            else
            {
                fold.Damaged("the checkpoint cannot be read");
            }
        }

        foreach (StoredRecord record in _records)
        {
            try
            {
                fold.Record(RecordCodec.DecodeRecord(record.Bytes));
            }
            catch (InvalidDataException problem)
            {
                if (record.Lsn > (_checkpoint?.Lsn ?? 0))
                    fold.Damaged($"record {record.Lsn}: {problem.Message}");
            }
        }

        return fold.Finish();
    }

    /// <summary>Entries of the log as the records have it, from one to another, both included.</summary>
    public IReadOnlyList<EntryBatch> Range(long first, long last, int maxBytes)
    {
        var fold = new RangeFold(first, last, maxBytes);
        foreach (StoredRecord record in _backlog.Concat(_records).DistinctBy(record => record.Lsn))
        {
            try
            {
                fold.Record(RecordCodec.DecodeRecord(record.Bytes).Record);
            }
            catch (InvalidDataException)
            {
                return [];
            }
        }

        return fold.Batches;
    }

    // What is damaged stays, so that it is found again after another crash, until a record that says so takes its place.
    private void ClearDamage()
    {
        if (!_isDamaged)
            return;
        _isDamaged = false;
        _records.RemoveAll(record => record.Lsn > _validThrough);
        if (_checkpoint is not null && Read(_checkpoint) is null)
        {
            _checkpoint = null;
            _backlog = [];
            _records.Clear();
        }
    }

    private void Land(int survivors)
    {
        bool lost = survivors < _syncing.Count;
        if (survivors > 0 && !HasUnreadRecords)
        {
            ClearDamage();
            _records.AddRange(_syncing.GetRange(0, survivors));
        }

        if (lost && !IsFull && !_isDamaged && !HasUnreadRecords && LastLsn + 1 == _syncing[survivors].Lsn && random.Chance(1, 4))
        {
            StoredRecord whole = _syncing[survivors];
            _records.Add(new StoredRecord(whole.Lsn, whole.Bytes[..(int)random.Next(whole.Bytes.Length)], Torn: true));
            coverage.Count(CoverageItem.TornWrites);
        }

        if (lost)
            coverage.Count(CoverageItem.LostTails);
        _syncing.Clear();
        FailNextSync = false;
    }

    private void DropTorn(int place)
    {
        byte[] torn = _records[place].Bytes;
        bool rejected = false;
        try
        {
            RecordCodec.DecodeRecord(torn);
        }
        catch (InvalidDataException)
        {
            rejected = true;
        }

        Invariant.That(rejected && place == _records.Count - 1, "a torn record is the last one and is seen to be torn");
        _records.RemoveAt(place);
    }

    private static CheckpointManifest? Read(StoredCheckpoint checkpoint)
    {
        try
        {
            CheckpointManifest manifest = RecordCodec.DecodeManifest(checkpoint.Manifest);
            for (int i = 0; i < manifest.Segments.Count; i++)
            {
                if (Crc32C.Compute(checkpoint.Segments[i]) != manifest.Segments[i].Crc)
                    return null;
            }

            return manifest;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }
}
