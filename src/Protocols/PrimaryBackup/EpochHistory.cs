using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

internal enum Seen : byte
{
    /// <summary>It is in the state.</summary>
    Here,

    /// <summary>The state here is older, or of a history that another has taken the place of.</summary>
    NotYet,

    /// <summary>It is not in the history any more.</summary>
    Lost,
}

/// <summary>
/// Where the entries of each epoch begin in the log and before it: enough to tell whether a position that somebody has seen is part
/// of this history. The oldest are forgotten beyond <see cref="MaxEpochs"/>.
/// <para>Layout: a count (4), then per epoch its number (8) and the index of its first entry (8).</para>
/// </summary>
internal sealed class EpochHistory
{
    public const int MaxEpochs = 128;
    private const int Size = 2 * sizeof(long);

    private readonly List<(long Epoch, long First)> _starts = [];

    /// <summary>Starts anew with what was known of the entries up to a checkpoint, and the log after it.</summary>
    public void Reset(IReadOnlyList<(long Epoch, long First)> known, long checkpoint, IReadOnlyList<EntryBatch> log)
    {
        _starts.Clear();
        _starts.AddRange(known.Where(start => start.First <= checkpoint));
        foreach (EntryBatch batch in log)
            Append(batch);
    }

    public void Append(EntryBatch batch)
    {
        if (_starts.Count > 0 && _starts[^1].Epoch >= batch.Term)
            return;
        _starts.Add((batch.Term, batch.FirstIndex));
        if (_starts.Count > MaxEpochs)
            _starts.RemoveAt(0);
    }

    public void TruncateFrom(long index)
    {
        while (_starts.Count > 0 && _starts[^1].First >= index)
            _starts.RemoveAt(_starts.Count - 1);
    }

    /// <summary>How a position that somebody has seen stands to the state here, which has everything up to an index.</summary>
    public Seen Judge(LogPosition position, long applied)
    {
        if (position.Index <= 0)
            return Seen.Here;
        int place = _starts.FindLastIndex(start => start.First <= Math.Min(position.Index, applied));
        if (place < 0)
            return applied < position.Index && applied < Oldest ? Seen.NotYet : Seen.Lost;
        long epoch = _starts[place].Epoch;
        if (epoch > position.Term)
            return Seen.Lost;
        return position.Index <= applied && epoch == position.Term ? Seen.Here : Seen.NotYet;
    }

    private long Oldest => _starts.Count > 0 ? _starts[0].First : long.MaxValue;

    /// <summary>In which epoch the entry at an index was made, 0 before the first; null: that is forgotten.</summary>
    public long? EpochAt(long index) => index == 0 ? 0 : EpochAt(_starts, index);

    /// <summary>
    /// The last entry at or before a position whose epoch is no later than the position's: a log that has the position shares nothing
    /// between the two. Null: that is forgotten.
    /// </summary>
    public long? LastSharedUpTo(LogPosition position)
    {
        if (position.Index <= 0)
            return 0;
        int place = _starts.FindLastIndex(start => start.First <= position.Index && start.Epoch <= position.Term);
        if (place < 0)
            return Oldest == 1 ? 0 : null;
        return place + 1 < _starts.Count ? Math.Min(position.Index, _starts[place + 1].First - 1) : position.Index;
    }

    /// <summary>In which epoch the entry at an index was made; null: that is forgotten.</summary>
    public static long? EpochAt(IReadOnlyList<(long Epoch, long First)> starts, long index)
    {
        for (int i = starts.Count - 1; i >= 0; i--)
        {
            if (starts[i].First <= index)
                return starts[i].Epoch;
        }

        return null;
    }

    /// <summary>The epochs that begin at or before an index.</summary>
    public (long Epoch, long First)[] UpTo(long index) => [.. _starts.Where(start => start.First <= index)];

    public static int EncodedSize(int count) => sizeof(int) + count * Size;

    public static void Encode(ref ByteWriter writer, IReadOnlyList<(long Epoch, long First)> starts)
    {
        writer.Int32(starts.Count);
        foreach ((long epoch, long first) in starts)
        {
            writer.Int64(epoch);
            writer.Int64(first);
        }
    }

    public static (long Epoch, long First)[] Decode(ref ByteReader reader)
    {
        var starts = new (long Epoch, long First)[reader.Count(Size)];
        for (int i = 0; i < starts.Length; i++)
        {
            starts[i] = (reader.Int64(), reader.Int64());
            bool follows = i == 0 ? starts[0] is { Epoch: >= 0, First: >= 1 } : starts[i].Epoch > starts[i - 1].Epoch && starts[i].First > starts[i - 1].First;
            if (!follows)
                throw new InvalidDataException($"epoch {starts[i].Epoch} is said to begin at {starts[i].First}, which does not follow what is before it");
        }

        return starts;
    }
}
