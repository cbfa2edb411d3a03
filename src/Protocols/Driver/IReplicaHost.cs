using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Driver;

/// <summary>Which part of a peer's replica a message is for.</summary>
public enum PeerChannel : byte
{
    /// <summary>The protocol.</summary>
    Protocol = 1,

    /// <summary>The driver: checkpoints on their way from one replica to another.</summary>
    Transfer = 2,
}

/// <summary>
/// The world of one replica: disk, network, clock, clients. Calls return at once; what takes time is answered later by a
/// call of the driver, on the same thread or at least never two at a time, and never from within the call itself.
/// </summary>
public interface IReplicaHost
{
    Instant Now { get; }

    /// <summary>Writes a record; LSNs come in order. Answered by <see cref="ReplicaDriver.Durable"/>.</summary>
    void Persist(WalEntry entry);

    void Send(ReplicaId to, PeerChannel channel, PeerMessage message);

    /// <summary>Arms a timer in place of the one of that id. Answered by <see cref="ReplicaDriver.TimerFired"/>.</summary>
    void Arm(TimerId timer, long generation, long delayMicros);

    void CancelTimer(TimerId timer);

    void Reply(long requestId, ReadOnlyMemory<byte> result);

    void Reject(long requestId, Rejection why);

    /// <summary>
    /// Saves a checkpoint: the segments, then the manifest with their lengths and checksums filled in. Answered by
    /// <see cref="ReplicaDriver.CheckpointSaved"/> or <see cref="ReplicaDriver.CheckpointFailed"/>; the host disposes the view.
    /// </summary>
    void SaveCheckpoint(CheckpointManifest manifest, ICheckpointView view);

    /// <summary>Reads one segment of the checkpoint last saved. Answered by <see cref="ReplicaDriver.SegmentLoaded"/>.</summary>
    void LoadSegment(CheckpointManifest manifest, int number, SegmentTicket ticket);

    /// <summary>Reads log entries back from the WAL. Answered by <see cref="ReplicaDriver.RangeLoaded"/>.</summary>
    void ReadRange(long first, long last, int maxBytes);

    /// <summary>Asks the control group for a view; whatever view is in force then comes as <see cref="Input.ViewChanged"/>.</summary>
    void ProposeView(long expectedEpoch, ReadOnlyMemory<byte> view);

    /// <summary>Asks the control group which view is in force, which comes as <see cref="Input.ViewChanged"/>.</summary>
    void AskView();

    /// <summary>Keeps entries that are about to be lost, for an operator; they are on disk when it returns, before anything persisted after it.</summary>
    void SetAside(IReadOnlyList<EntryBatch> lost, string why);

    /// <summary>Something an operator wants to know, once.</summary>
    void Report(string what);
}

/// <summary>Says for whom a segment is being read.</summary>
public readonly record struct SegmentTicket(ReplicaId To, long Token, int Number);
