namespace Akka.Persistence.Snapshot;

/// <summary>A snapshot store in memory, for tests.</summary>
public class MemorySnapshotStore : SnapshotStore
{
    private readonly List<SelectedSnapshot> _snapshots = new();

    protected override Task<SelectedSnapshot> LoadAsync(string persistenceId, SnapshotSelectionCriteria criteria) =>
        Task.FromResult(_snapshots.Where(each => Matches(each, persistenceId, criteria)).MaxBy(each => each.Metadata.SequenceNr));

    protected override Task SaveAsync(SnapshotMetadata metadata, object snapshot)
    {
        _snapshots.RemoveAll(each => each.Metadata.PersistenceId == metadata.PersistenceId && each.Metadata.SequenceNr == metadata.SequenceNr);
        _snapshots.Add(new SelectedSnapshot(metadata, snapshot));
        return Task.CompletedTask;
    }

    protected override Task DeleteAsync(SnapshotMetadata metadata)
    {
        _snapshots.RemoveAll(each => each.Metadata.PersistenceId == metadata.PersistenceId && each.Metadata.SequenceNr == metadata.SequenceNr
            && (metadata.Timestamp == DateTime.MinValue || metadata.Timestamp == each.Metadata.Timestamp));
        return Task.CompletedTask;
    }

    protected override Task DeleteAsync(string persistenceId, SnapshotSelectionCriteria criteria)
    {
        _snapshots.RemoveAll(each => Matches(each, persistenceId, criteria));
        return Task.CompletedTask;
    }

    private static bool Matches(SelectedSnapshot snapshot, string persistenceId, SnapshotSelectionCriteria criteria) =>
        snapshot.Metadata.PersistenceId == persistenceId && criteria.IsMatch(snapshot.Metadata.SequenceNr, snapshot.Metadata.Timestamp);
}
