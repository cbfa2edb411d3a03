namespace ActorRepl.Protocols.Checking;

/// <summary>
/// An operation on a key whose states are numbered in the order in which they came, as by a counter or by versions: what a write made, or what a read
/// found. Times are of one clock for the whole history.
/// </summary>
/// <param name="Session">Whose; operations of a session come one after the other.</param>
/// <param name="Key">Of which key.</param>
/// <param name="IsWrite">It made the state; otherwise it found it.</param>
/// <param name="Position">The state's number; 0: the key was not there.</param>
/// <param name="Called">When it was sent.</param>
/// <param name="Returned">When its answer was there.</param>
public sealed record SessionOperation(int Session, string Key, bool IsWrite, long Position, long Called, long Returned)
{
    /// <summary>Of a read: it is to find all that was acknowledged this long before it was sent; null: nothing but its session's is asked.</summary>
    public long? Bound { get; init; }

    /// <summary>Its session promises nothing: it may find any state.</summary>
    public bool IsEventual { get; init; }

    public override string ToString() =>
        $"[{Called} … {Returned}] session {Session}: {(IsWrite ? "made" : "found")} state {Position} of {Key}{(Bound is { } bound ? $", at most {bound} old" : "")}";
}

/// <summary>
/// Decides whether a history keeps what sessions and bounds promise: read-your-writes and monotonic reads (Terry et al. 1994, "Session guarantees for
/// weakly consistent replicated data"), writes that follow what was seen, and staleness within its bound. Linear in the history.
/// </summary>
public static class SessionChecker
{
    /// <summary>What is broken, in words; nothing: all is kept.</summary>
    public static IReadOnlyList<string> Check(IEnumerable<SessionOperation> history)
    {
        ArgumentNullException.ThrowIfNull(history);
        SessionOperation[] all = [.. history.OrderBy(one => one.Called)];
        return [.. all.GroupBy(one => one.Key, StringComparer.Ordinal).SelectMany(key => Sessions([.. key]).Concat(Bounds([.. key])))];
    }

    private static IEnumerable<string> Sessions(SessionOperation[] key)
    {
        foreach (IGrouping<int, SessionOperation> session in key.Where(one => !one.IsEventual).GroupBy(one => one.Session))
        {
            SessionOperation? read = null, write = null;
            foreach (SessionOperation one in session)
            {
                if (one.IsWrite && read is not null && one.Position <= read.Position)
                    yield return $"a write does not follow what its session had read: {one}, after {read}";
                if (!one.IsWrite && write is not null && one.Position < write.Position)
                    yield return $"a session does not read its writes: {one}, after {write}";
                if (!one.IsWrite && read is not null && one.Position < read.Position)
                    yield return $"a session's reads go back: {one}, after {read}";
                if (one.IsWrite && (write is null || one.Position > write.Position))
                    write = one;
                if (!one.IsWrite && (read is null || one.Position > read.Position))
                    read = one;
            }
        }
    }

    private static IEnumerable<string> Bounds(SessionOperation[] key)
    {
        SessionOperation[] writes = [.. key.Where(one => one.IsWrite).OrderBy(one => one.Returned)];
        var newest = new SessionOperation[writes.Length];
        for (int i = 0; i < writes.Length; i++)
            newest[i] = i > 0 && newest[i - 1].Position > writes[i].Position ? newest[i - 1] : writes[i];
        foreach (SessionOperation read in key.Where(one => one is { IsWrite: false, Bound: not null }))
        {
            // The newest of the writes that were acknowledged before what the bound lets pass.
            int before = Array.FindLastIndex(writes, write => write.Returned < read.Called - read.Bound!.Value);
            if (before >= 0 && read.Position < newest[before].Position)
                yield return $"a read is older than its bound: {read}, long after {newest[before]}";
        }
    }
}
