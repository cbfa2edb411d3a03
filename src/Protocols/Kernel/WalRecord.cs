namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// What one protocol step makes durable, all or nothing: one journal event. Absent parts leave what was there before.
/// </summary>
public sealed record WalRecord
{
    /// <summary>The protocol's hard state (term and vote, epoch …) in its own encoding; empty: unchanged.</summary>
    public ReadOnlyMemory<byte> HardState { get; init; }

    /// <summary>Entries from this index on are gone before <see cref="Entries"/> are added; 0: none.</summary>
    public long TruncateFrom { get; init; }

    /// <summary>Batches that continue the log without a gap.</summary>
    public IReadOnlyList<EntryBatch> Entries { get; init; } = [];

    /// <summary>The configuration of the replica set in the protocol's own encoding; empty: unchanged.</summary>
    public ReadOnlyMemory<byte> Configuration { get; init; }
}

/// <summary>A record with its place: LSNs of a replica start at 1 and have no gaps.</summary>
public sealed record WalEntry(long Lsn, WalRecord Record);
