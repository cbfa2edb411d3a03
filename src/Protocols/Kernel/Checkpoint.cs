namespace ActorRepl.Protocols.Kernel;

/// <summary>Length in bytes and CRC-32C of one segment of a checkpoint.</summary>
public readonly record struct SegmentInfo(int Length, uint Crc);

/// <summary>
/// Describes a checkpoint: the machine's state after entry <see cref="Index"/> lies in bounded segments; everything else
/// a replica needs to go on from WAL position <see cref="Lsn"/> is here, the unapplied log tail included.
/// </summary>
public sealed record CheckpointManifest
{
    /// <summary>The last entry that is applied in the machine's state, and its term.</summary>
    public required long Index { get; init; }
    public required long Term { get; init; }

    /// <summary>Records up to and with this LSN are contained; replay starts above it.</summary>
    public required long Lsn { get; init; }

    public ReadOnlyMemory<byte> HardState { get; init; }
    public ReadOnlyMemory<byte> Configuration { get; init; }

    /// <summary>Log entries after <see cref="Index"/> as of <see cref="Lsn"/>.</summary>
    public IReadOnlyList<EntryBatch> Tail { get; init; } = [];

    /// <summary>
    /// The last entries up to <see cref="Index"/>, without a gap, where a failover may yet take them back: in the state they can be told from nothing
    /// else. Only of use to whoever took the checkpoint.
    /// </summary>
    public IReadOnlyList<EntryBatch> AtRisk { get; init; } = [];

    /// <summary>The segments of the machine's state, in order.</summary>
    public IReadOnlyList<SegmentInfo> Segments { get; init; } = [];

    public long TotalBytes => Segments.Sum(segment => (long)segment.Length);
}

/// <summary>What a protocol hands over when it asks for a checkpoint; the driver adds the machine's state and the LSN.</summary>
public sealed record CheckpointRequest(
    long Index,
    long Term,
    ReadOnlyMemory<byte> HardState,
    ReadOnlyMemory<byte> Configuration,
    IReadOnlyList<EntryBatch> Tail)
{
    /// <inheritdoc cref="CheckpointManifest.AtRisk"/>
    public IReadOnlyList<EntryBatch> AtRisk { get; init; } = [];
}

/// <summary>What recovery found: the checkpoint with the records above it folded in.</summary>
public sealed record RecoveredState
{
    public static readonly RecoveredState Empty = new();

    /// <summary>The checkpoint the machine was restored from; null: none, the machine is empty.</summary>
    public CheckpointManifest? Checkpoint { get; init; }

    public ReadOnlyMemory<byte> HardState { get; init; }
    public ReadOnlyMemory<byte> Configuration { get; init; }

    /// <summary>Every entry above the checkpoint's index, without a gap.</summary>
    public IReadOnlyList<EntryBatch> Log { get; init; } = [];

    /// <summary>The last LSN that was found; the next record takes the one after it.</summary>
    public long LastLsn { get; init; }

    /// <summary>
    /// Something that had been reported durable is missing or unreadable: the replica must not vote or be counted
    /// again as the replica it was. Says what was found; null: all is whole.
    /// </summary>
    public string? Damage { get; init; }
}
