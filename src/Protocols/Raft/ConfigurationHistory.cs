using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// The configurations of the log: each is in force from the moment its entry is there (section 6), committed or not, and
/// gone when the entry is. The first one is that of the checkpoint, or the one the replica was made with.
/// </summary>
internal sealed class ConfigurationHistory(RaftConfiguration first)
{
    private readonly List<(long Index, RaftConfiguration Configuration)> _known = [(0, first)];

    public RaftConfiguration Current => _known[^1].Configuration;

    /// <summary>The entry of <see cref="Current"/>; the checkpoint's index if it came with one.</summary>
    public long CurrentIndex => _known[^1].Index;

    /// <summary>Starts anew: a configuration that was in force at an index, and the log after it.</summary>
    public void Reset(long index, RaftConfiguration configuration, IReadOnlyList<EntryBatch> log)
    {
        _known.Clear();
        _known.Add((index, configuration));
        foreach (EntryBatch batch in log)
            Append(batch);
    }

    /// <summary>True: the batch brought a configuration.</summary>
    public bool Append(EntryBatch batch)
    {
        if (batch.Kind != EntryKind.Configuration)
            return false;
        long index = batch.FirstIndex;
        foreach (ReadOnlyMemory<byte> payload in batch)
            _known.Add((index++, RaftConfiguration.Decode(payload)));
        return true;
    }

    /// <summary>Entries from an index on are gone. True: so is the configuration that was in force.</summary>
    public bool TruncateFrom(long index)
    {
        int before = _known.Count;
        while (_known.Count > 1 && CurrentIndex >= index)
            _known.RemoveAt(_known.Count - 1);
        return _known.Count < before;
    }

    /// <summary>What was in force when the log ended at an index.</summary>
    public RaftConfiguration At(long index)
    {
        int place = _known.FindLastIndex(known => known.Index <= index);
        Invariant.That(place >= 0, "the configuration at a checkpoint is known");
        return _known[place].Configuration;
    }

    /// <summary>What was replaced at or before an index is never asked for again.</summary>
    public void ForgetBefore(long index)
    {
        int kept = _known.FindLastIndex(known => known.Index <= index);
        if (kept > 0)
            _known.RemoveRange(0, kept);
    }
}
