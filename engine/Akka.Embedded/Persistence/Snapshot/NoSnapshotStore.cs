namespace Akka.Persistence.Snapshot;

/// <summary>Stands in where no snapshot store is configured: it finds nothing and refuses to save.</summary>
public sealed class NoSnapshotStore : SnapshotStore
{
    protected override Task<SelectedSnapshot> LoadAsync(string persistenceId, SnapshotSelectionCriteria criteria) =>
        Task.FromResult<SelectedSnapshot>(null);

    protected override Task SaveAsync(SnapshotMetadata metadata, object snapshot) => Refuse();

    protected override Task DeleteAsync(SnapshotMetadata metadata) => Refuse();

    protected override Task DeleteAsync(string persistenceId, SnapshotSelectionCriteria criteria) => Refuse();

    private static Task Refuse() =>
        Task.FromException(new NoSnapshotStoreException("No snapshot store is configured: akka.persistence.snapshot-store.plugin is empty."));

    /// <summary>There is no store to save to.</summary>
    public class NoSnapshotStoreException : Exception
    {
        public NoSnapshotStoreException() { }

        public NoSnapshotStoreException(string message) : base(message) { }

        public NoSnapshotStoreException(string message, Exception innerException) : base(message, innerException) { }
    }
}
