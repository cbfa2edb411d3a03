namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// Folds WAL records, in their order, into the entries of a range of the log, as the last of them leaves it: what was truncated later is
/// not in it. Nothing is read that begins later than the range does. Records from before a checkpoint was installed may be of another history:
/// whoever asked compares terms.
/// </summary>
/// <param name="first">The first entry that is wanted.</param>
/// <param name="last">The last one.</param>
/// <param name="maxBytes">Batches beyond this are left out, but for the first.</param>
public sealed class RangeFold(long first, long last, long maxBytes)
{
    private readonly List<EntryBatch> _batches = [];
    private long _bytes;

    /// <summary>Without a gap, from the first entry that was asked for; empty: it is not there.</summary>
    public IReadOnlyList<EntryBatch> Batches => _batches;

    private long Next => _batches.Count > 0 ? _batches[^1].LastIndex + 1 : first;

    public void Record(WalRecord record)
    {
        if (record.TruncateFrom > 0)
            Truncate(record.TruncateFrom);
        foreach (EntryBatch batch in record.Entries)
            Add(batch);
    }

    private void Add(EntryBatch batch)
    {
        if (batch.FirstIndex < Next)
            Truncate(batch.FirstIndex);
        if (batch.FirstIndex > Next || batch.LastIndex < Next || Next > last || _bytes >= maxBytes)
            return;
        EntryBatch part = batch.Slice(Next, Math.Min(batch.LastIndex, last));
        _batches.Add(part);
        _bytes += part.Bytes.Length;
    }

    private void Truncate(long from)
    {
        while (_batches.Count > 0 && _batches[^1].LastIndex >= from)
        {
            EntryBatch cut = _batches[^1];
            _batches.RemoveAt(_batches.Count - 1);
            _bytes -= cut.Bytes.Length;
            if (cut.FirstIndex >= from)
                continue;
            _batches.Add(cut.Slice(cut.FirstIndex, from - 1));
            _bytes += _batches[^1].Bytes.Length;
        }
    }
}
