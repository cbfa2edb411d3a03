namespace ActorRepl.Persistence;

/// <summary>Where the events of a persistence id lie.</summary>
/// <param name="Highest">The highest sequence number that was ever written, deleted or not; 0: none.</param>
/// <param name="DeletedTo">Up to and with this one they are deleted.</param>
internal readonly record struct EventExtent(long Highest, long DeletedTo);

/// <summary>
/// The events of all persistent actors of a node: one writer, one group commit for all that waits. A write's task completes
/// when it is durable, or says what is known of it.
/// </summary>
public abstract class EventStore : IAsyncDisposable
{
    private const int ReadRows = 512;
    private const int ReadBytes = 4 << 20;

    /// <summary>Groups committed since the start.</summary>
    public abstract long Transactions { get; }

    /// <summary>Opens the store now; without it, the first write or read does.</summary>
    /// <exception cref="StorageException">It cannot be opened.</exception>
    public abstract Task StartAsync();

    /// <summary>Appends the rows, all or none.</summary>
    /// <param name="persistenceId">Whose.</param>
    /// <param name="rows">In order of their numbers. Not to be changed until the outcome is known.</param>
    /// <param name="inline">
    /// What awaits the task may run on the store's own thread; it must be short, and must not wait for anything.
    /// </param>
    /// <exception cref="StorageFullException">There is no space: none is written, and none will be found later.</exception>
    /// <exception cref="StorageFailedException">Whether they are written is unknown.</exception>
    public abstract Task WriteAsync(string persistenceId, IReadOnlyList<RecordToStore> rows, bool inline = false);

    /// <summary>Deletes up to and with <paramref name="seq"/>: out of sight at once, and its space is used again.</summary>
    public abstract Task DeleteAsync(string persistenceId, long seq);

    /// <summary>Writes what waits, then closes the store.</summary>
    public abstract ValueTask DisposeAsync();

    /// <summary>
    /// The highest sequence number that was ever written, after every write that is under way has its outcome; 0: none.
    /// If this store has lost what it held and <paramref name="exact"/> is set, the answer to a persistence id it meets for
    /// the first time since is <paramref name="from"/>, and a record of the loss is found there.
    /// </summary>
    public async Task<long> HighestAsync(string persistenceId, long from, bool exact)
    {
        await BarrierAsync().ConfigureAwait(false);
        EventExtent extent = await ExtentAsync(persistenceId).ConfigureAwait(false);
        if (exact && extent.Highest == 0 && await MarkIfLostAsync(persistenceId, Math.Max(1, from)).ConfigureAwait(false))
            return Math.Max(1, from);
        return extent.Highest;
    }

    /// <summary>
    /// Gives the rows from <paramref name="from"/> to <paramref name="to"/>, both included, in order and at most
    /// <paramref name="max"/>, damage among them. If <paramref name="exact"/> is set, asking for what is deleted is damage
    /// too: a replica deletes only below a checkpoint, and so must not come back without one.
    /// </summary>
    public async Task ReplayAsync(string persistenceId, long from, long to, long max, bool exact, Action<StoredRecord> take)
    {
        EventExtent extent = await ExtentAsync(persistenceId).ConfigureAwait(false);
        if (exact && from <= extent.DeletedTo && to >= from && max > 0)
        {
            take(StoredRecord.Damaged(Math.Min(to, extent.DeletedTo),
                $"records {from} to {extent.DeletedTo} of {persistenceId} are deleted, and no checkpoint contains them"));
            max--;
        }

        // In pieces, so that a long replay holds back nothing and keeps little in memory.
        while (from <= to && max > 0)
        {
            List<StoredRecord> piece = await ReadAsync(persistenceId, from, to, Math.Min(max, ReadRows), ReadBytes).ConfigureAwait(false);
            if (piece.Count == 0)
                return;
            piece.ForEach(take);
            max -= piece.Count;
            from = piece[^1].Seq + 1;
        }
    }

    /// <summary>Completes once everything that waits now has its outcome; opens the store if it is not open.</summary>
    internal abstract Task BarrierAsync();

    /// <summary>For <see cref="DiskFaults.FlipBitAsync"/>, which says what it does.</summary>
    internal abstract Task<string> FlipBitAsync(string replica, int newest);

    internal abstract Task<EventExtent> ExtentAsync(string persistenceId);

    /// <summary>Leaves a mark at <paramref name="seq"/> if this store has lost what it held and does not know the persistence id.</summary>
    internal abstract Task<bool> MarkIfLostAsync(string persistenceId, long seq);

    /// <summary>Reads in order until <paramref name="maxBytes"/> are passed or there are <paramref name="maxRows"/>.</summary>
    internal abstract Task<List<StoredRecord>> ReadAsync(string persistenceId, long from, long to, long maxRows, long maxBytes);

    internal static int TotalBytes(IReadOnlyList<RecordToStore> rows)
    {
        int bytes = 0;
        for (int i = 0; i < rows.Count; i++)
            bytes += rows[i].Bytes;
        return bytes;
    }
}
