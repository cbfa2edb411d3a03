namespace ActorRepl.Persistence;

/// <summary>Limits of one store. The defaults are those of hocon/persistence.conf.</summary>
public sealed record StoreOptions
{
    /// <summary>The directory of the node's data.</summary>
    public required string Directory { get; init; }

    /// <summary>Bytes the database file may grow to; writes beyond it are refused as if the disk were full. 0: no limit.</summary>
    public long MaxBytes { get; init; }

    /// <summary>Bytes in SQLite's log from which on they are moved into the database file.</summary>
    public int LogBytes { get; init; } = 32 << 20;

    /// <summary>Bytes of memory for the writer's page cache.</summary>
    public int CacheBytes { get; init; } = 8 << 20;

    /// <summary>Bytes of payload that go into one transaction, unless one write alone is larger.</summary>
    public int MaxTransactionBytes { get; init; } = 8 << 20;

    /// <summary>Writes that may wait; who brings one more waits.</summary>
    public int MaxWaitingWrites { get; init; } = 4_096;

    /// <summary>Rows that one transaction deletes at most.</summary>
    public int DeleteRows { get; init; } = 64;

    /// <summary>Reads at a time.</summary>
    public int Readers { get; init; } = 4;

    /// <exception cref="ArgumentException">A limit makes no sense; names it.</exception>
    public StoreOptions Validated()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Directory);
        AtLeast(MaxBytes, 0, "max-size");
        AtLeast(LogBytes, 64 << 10, "log-size");
        AtLeast(CacheBytes, 64 << 10, "cache-size");
        AtLeast(MaxTransactionBytes, 1, "max-transaction-size");
        AtLeast(MaxWaitingWrites, 1, "max-waiting-writes");
        AtLeast(DeleteRows, 1, "delete-rows");
        AtLeast(Readers, 1, "readers");
        return this;
    }

    private static void AtLeast(long value, long least, string name)
    {
        if (value < least)
            throw new ArgumentException($"{name} is {value}; it must be at least {least}");
    }
}
