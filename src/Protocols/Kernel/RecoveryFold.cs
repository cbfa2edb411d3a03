namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// Folds a checkpoint and the WAL records above it into <see cref="RecoveredState"/>. Records below the checkpoint are
/// passed over; a gap in the LSNs or in the log, or anything unreadable, is damage: what follows it is not used.
/// </summary>
public sealed class RecoveryFold
{
    private readonly List<EntryBatch> _log = [];
    private CheckpointManifest? _checkpoint;
    private ReadOnlyMemory<byte> _hardState;
    private ReadOnlyMemory<byte> _configuration;
    private long _lastLsn;
    private string? _damage;

    /// <summary>The checkpoint recovery starts from; before any record.</summary>
    public void Checkpoint(CheckpointManifest manifest)
    {
        Invariant.That(_lastLsn == 0 && _log.Count == 0, "the checkpoint comes before the records");
        _checkpoint = manifest;
        _hardState = manifest.HardState;
        _configuration = manifest.Configuration;
        _lastLsn = manifest.Lsn;
        foreach (EntryBatch batch in manifest.Tail)
            Add(batch);
    }

    public void Record(WalEntry entry)
    {
        if (_damage is not null || entry.Lsn <= _lastLsn)
            return;
        if (entry.Lsn != _lastLsn + 1)
        {
            Damaged($"record {_lastLsn + 1} is missing: {entry.Lsn} follows {_lastLsn}");
            return;
        }

        _lastLsn = entry.Lsn;
        WalRecord record = entry.Record;
        if (!record.HardState.IsEmpty)
            _hardState = record.HardState;
        if (!record.Configuration.IsEmpty)
            _configuration = record.Configuration;
        if (record.TruncateFrom > 0)
            Truncate(record.TruncateFrom);
        foreach (EntryBatch batch in record.Entries)
            Add(batch);
    }

    /// <summary>Something durable could not be read back. The first finding counts.</summary>
    public void Damaged(string what) => _damage ??= what;

    public RecoveredState Finish() => new()
    {
        Checkpoint = _checkpoint,
        HardState = _hardState,
        Configuration = _configuration,
        Log = _log,
        LastLsn = _lastLsn,
        Damage = _damage,
    };

    private long LastIndex => _log.Count > 0 ? _log[^1].LastIndex : _checkpoint?.Index ?? 0;

    private void Add(EntryBatch batch)
    {
        if (batch.FirstIndex <= LastIndex)
            Truncate(batch.FirstIndex);
        if (batch.FirstIndex != LastIndex + 1)
            Damaged($"log entry {LastIndex + 1} is missing: {batch.FirstIndex} follows {LastIndex}");
        else
            _log.Add(batch);
    }

    private void Truncate(long from)
    {
        while (_log.Count > 0 && _log[^1].FirstIndex >= from)
            _log.RemoveAt(_log.Count - 1);
        if (_log.Count > 0 && _log[^1].LastIndex >= from)
            _log[^1] = _log[^1].Slice(_log[^1].FirstIndex, from - 1);
    }
}
