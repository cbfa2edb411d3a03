using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Simulation.Invariants;

/// <summary>A replica's log as it follows from its records: the term of each entry above a base.</summary>
internal sealed class LogShadow
{
    private readonly List<long> _terms = [];

    public long BaseIndex { get; private set; }
    public long BaseTerm { get; private set; }
    public long LastIndex => BaseIndex + _terms.Count;
    public long LastTerm => _terms.Count > 0 ? _terms[^1] : BaseTerm;

    public void Reset(long baseIndex, long baseTerm, IReadOnlyList<EntryBatch> log)
    {
        _terms.Clear();
        BaseIndex = baseIndex;
        BaseTerm = baseTerm;
        foreach (EntryBatch batch in log)
            Append(batch);
    }

    public void Take(WalRecord record)
    {
        if (record.TruncateFrom > 0)
            Truncate(record.TruncateFrom);
        foreach (EntryBatch batch in record.Entries)
            Append(batch);
    }

    public bool Holds(long index) => index >= BaseIndex && index <= LastIndex;

    public long TermAt(long index) => index == BaseIndex ? BaseTerm : _terms[(int)(index - BaseIndex - 1)];

    public void Truncate(long from)
    {
        if (from <= LastIndex)
            _terms.RemoveRange((int)(from - BaseIndex - 1), (int)(LastIndex - from + 1));
    }

    public void Append(EntryBatch batch)
    {
        if (batch.FirstIndex <= LastIndex)
            Truncate(batch.FirstIndex);
        for (int i = 0; i < batch.Count; i++)
            _terms.Add(batch.Term);
    }
}
