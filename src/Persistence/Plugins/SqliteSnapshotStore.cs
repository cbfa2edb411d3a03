using ActorRepl.Persistence.Plugins;
using ActorRepl.Persistence.Sqlite;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using Akka.Persistence;
using Akka.Persistence.Snapshot;

namespace ActorRepl.Persistence;

/// <summary>
/// The snapshot store <c>actorrepl.snapshot-store.sqlite</c>: checkpoints of replicas and snapshots of other persistent
/// actors in a file of their own.
/// </summary>
public sealed class SqliteSnapshotStore : SnapshotStore
{
    private readonly SharedStores<SqliteSnapshots>.Lease _lease;
    private readonly StoredPayload _payloads;

    public SqliteSnapshotStore(Config config)
    {
        ILoggingAdapter log = Context.GetLogger();
        _payloads = new StoredPayload((ExtendedActorSystem)Context.System);
        StoreOptions options = PersistenceConfig.StoreOptions(config, PersistenceConfig.SnapshotPluginId);
        _lease = OwnStores.Of(Context.System).Snapshots(options, what => log.Error("{0}", what));
    }

    protected override void PostStop()
    {
        _lease.Dispose();
        base.PostStop();
    }

    /// <summary>
    /// The newest that matches. A damaged one is not passed over for an older one, whose events are deleted: a replica gets
    /// <see cref="DamagedRecord"/>, anyone else a failure.
    /// </summary>
    protected override async Task<SelectedSnapshot> LoadAsync(string persistenceId, SnapshotSelectionCriteria criteria)
    {
        if (await _lease.Store.LoadAsync(persistenceId, Range(criteria)).ConfigureAwait(false) is not var (record, time))
            return null!;
        var metadata = new SnapshotMetadata(persistenceId, record.Seq, new DateTime(time, DateTimeKind.Utc));
        if (record.Damage is not { } damage)
            return new SelectedSnapshot(metadata, _payloads.FromRow(record, RecordMeta.Decode(record.Kind, record.Meta)));
        return PersistenceIds.IsReplica(persistenceId)
            ? new SelectedSnapshot(metadata, new DamagedRecord(record.Seq, damage))
            : throw new StorageDamagedException(damage);
    }

    protected override Task SaveAsync(SnapshotMetadata metadata, object snapshot)
    {
        long time = metadata.Timestamp.Ticks;
        return _lease.Store.SaveAsync(metadata.PersistenceId, time, _payloads.ToRow(metadata.SequenceNr, snapshot, time, null, null));
    }

    protected override Task DeleteAsync(SnapshotMetadata metadata)
    {
        SnapshotRange exactly = SnapshotRange.Exactly(metadata.SequenceNr);
        return _lease.Store.DeleteAsync(metadata.PersistenceId, metadata.Timestamp == DateTime.MinValue
            ? exactly
            : exactly with { MinTime = metadata.Timestamp.Ticks, MaxTime = metadata.Timestamp.Ticks });
    }

    protected override Task DeleteAsync(string persistenceId, SnapshotSelectionCriteria criteria) =>
        _lease.Store.DeleteAsync(persistenceId, Range(criteria));

    private static SnapshotRange Range(SnapshotSelectionCriteria criteria) => new(
        criteria.MinSequenceNr, criteria.MaxSequenceNr, criteria.MinTimestamp?.Ticks ?? 0, criteria.MaxTimeStamp.Ticks);
}
