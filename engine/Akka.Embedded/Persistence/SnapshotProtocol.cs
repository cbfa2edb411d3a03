using Akka.Actor;

namespace Akka.Persistence;

/// <summary>A message of the snapshot protocol.</summary>
public interface ISnapshotMessage : IPersistenceMessage;

/// <summary>Sent to a snapshot store.</summary>
public interface ISnapshotRequest : ISnapshotMessage;

/// <summary>Sent by a snapshot store.</summary>
public interface ISnapshotResponse : ISnapshotMessage;

/// <summary>Names a snapshot: whose it is, the last event it covers, and when it was taken (UTC).</summary>
public sealed record SnapshotMetadata
{
    public SnapshotMetadata(string persistenceId, long sequenceNr, DateTime timestamp)
    {
        PersistenceId = persistenceId;
        SequenceNr = sequenceNr;
        Timestamp = timestamp;
    }

    /// <summary>Orders by persistence id, then sequence number, then time.</summary>
    public static IComparer<SnapshotMetadata> Comparer { get; } = Comparer<SnapshotMetadata>.Create((x, y) =>
    {
        int byId = string.CompareOrdinal(x.PersistenceId, y.PersistenceId);
        if (byId != 0) return byId;
        int bySequence = x.SequenceNr.CompareTo(y.SequenceNr);
        return bySequence != 0 ? bySequence : x.Timestamp.CompareTo(y.Timestamp);
    });

    public string PersistenceId { get; }
    public long SequenceNr { get; }
    public DateTime Timestamp { get; }
}

/// <summary>Which snapshots are meant: those within both bounds of sequence number and both bounds of time, all included.</summary>
public sealed record SnapshotSelectionCriteria
{
    public SnapshotSelectionCriteria(long maxSequenceNr, DateTime maxTimeStamp, long minSequenceNr = 0, DateTime? minTimestamp = null)
    {
        MaxSequenceNr = maxSequenceNr;
        MaxTimeStamp = maxTimeStamp;
        MinSequenceNr = minSequenceNr;
        MinTimestamp = minTimestamp ?? DateTime.MinValue;
    }

    public SnapshotSelectionCriteria(long maxSequenceNr) : this(maxSequenceNr, DateTime.MaxValue) { }

    /// <summary>Any snapshot; loading takes the newest.</summary>
    public static SnapshotSelectionCriteria Latest { get; } = new(long.MaxValue, DateTime.MaxValue);

    /// <summary>No snapshot.</summary>
    public static SnapshotSelectionCriteria None { get; } = new(0, DateTime.MinValue);
    public long MaxSequenceNr { get; }
    public DateTime MaxTimeStamp { get; }
    public long MinSequenceNr { get; }
    public DateTime? MinTimestamp { get; }

    internal SnapshotSelectionCriteria Limit(long toSequenceNr) => toSequenceNr < MaxSequenceNr
        ? new SnapshotSelectionCriteria(toSequenceNr, MaxTimeStamp, MinSequenceNr, MinTimestamp)
        : this;

    internal bool IsMatch(long sequenceNr, DateTime timestamp) =>
        sequenceNr >= MinSequenceNr && sequenceNr <= MaxSequenceNr && timestamp >= MinTimestamp && timestamp <= MaxTimeStamp;
}

/// <summary>A snapshot as a store returns it.</summary>
public sealed record SelectedSnapshot
{
    public SelectedSnapshot(SnapshotMetadata metadata, object snapshot) => (Metadata, Snapshot) = (metadata, snapshot);
    public SnapshotMetadata Metadata { get; }
    public object Snapshot { get; }
}

/// <summary>A snapshot offered to a recovering actor before the events that follow it.</summary>
public sealed record SnapshotOffer
{
    public SnapshotOffer(SnapshotMetadata metadata, object snapshot) => (Metadata, Snapshot) = (metadata, snapshot);
    public SnapshotMetadata Metadata { get; }
    public object Snapshot { get; }
}

/// <summary>Asks for the newest snapshot that matches, not beyond <see cref="ToSequenceNr"/>.</summary>
public sealed class LoadSnapshot(string persistenceId, SnapshotSelectionCriteria criteria, long toSequenceNr) : ISnapshotRequest
{
    public string PersistenceId { get; } = persistenceId;
    public SnapshotSelectionCriteria Criteria { get; } = criteria;
    public long ToSequenceNr { get; } = toSequenceNr;
}

/// <summary>The snapshot found, null if none matches.</summary>
public sealed class LoadSnapshotResult(SelectedSnapshot snapshot, long toSequenceNr) : ISnapshotResponse
{
    public SelectedSnapshot Snapshot { get; } = snapshot;
    public long ToSequenceNr { get; } = toSequenceNr;
}

/// <summary>Loading failed.</summary>
public sealed class LoadSnapshotFailed(Exception cause) : ISnapshotResponse
{
    public Exception Cause { get; } = cause;
}

/// <summary>Asks to store a snapshot.</summary>
public sealed class SaveSnapshot(SnapshotMetadata metadata, object snapshot) : ISnapshotRequest
{
    public SnapshotMetadata Metadata { get; } = metadata;
    public object Snapshot { get; } = snapshot;
}

/// <summary>The snapshot is stored.</summary>
public sealed record SaveSnapshotSuccess : ISnapshotResponse
{
    public SaveSnapshotSuccess(SnapshotMetadata metadata) => Metadata = metadata;
    public SnapshotMetadata Metadata { get; }
}

/// <summary>Storing the snapshot failed.</summary>
public sealed class SaveSnapshotFailure(SnapshotMetadata metadata, Exception cause) : ISnapshotResponse
{
    public SnapshotMetadata Metadata { get; } = metadata;
    public Exception Cause { get; } = cause;
}

/// <summary>Asks to delete one snapshot; a timestamp of <see cref="DateTime.MinValue"/> means any time.</summary>
public sealed class DeleteSnapshot(SnapshotMetadata metadata) : ISnapshotRequest
{
    public SnapshotMetadata Metadata { get; } = metadata;
}

/// <summary>The snapshot is deleted.</summary>
public sealed record DeleteSnapshotSuccess : ISnapshotResponse
{
    public DeleteSnapshotSuccess(SnapshotMetadata metadata) => Metadata = metadata;
    public SnapshotMetadata Metadata { get; }
}

/// <summary>Deleting the snapshot failed.</summary>
public sealed class DeleteSnapshotFailure(SnapshotMetadata metadata, Exception cause) : ISnapshotResponse
{
    public SnapshotMetadata Metadata { get; } = metadata;
    public Exception Cause { get; } = cause;
}

/// <summary>Asks to delete the snapshots that match.</summary>
public sealed class DeleteSnapshots(string persistenceId, SnapshotSelectionCriteria criteria) : ISnapshotRequest
{
    public string PersistenceId { get; } = persistenceId;
    public SnapshotSelectionCriteria Criteria { get; } = criteria;
}

/// <summary>The snapshots that matched are deleted.</summary>
public sealed record DeleteSnapshotsSuccess : ISnapshotResponse
{
    public DeleteSnapshotsSuccess(SnapshotSelectionCriteria criteria) => Criteria = criteria;
    public SnapshotSelectionCriteria Criteria { get; }
}

/// <summary>Deleting the snapshots that match failed.</summary>
public sealed class DeleteSnapshotsFailure(SnapshotSelectionCriteria criteria, Exception cause) : ISnapshotResponse
{
    public SnapshotSelectionCriteria Criteria { get; } = criteria;
    public Exception Cause { get; } = cause;
}
