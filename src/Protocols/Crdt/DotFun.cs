using System.Runtime.InteropServices;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>A dot store with a value for each dot, ascending by dot: <em>DotFun</em> of Almeida et al. 2018.</summary>
public abstract class DotFun<TValue> : DotStore
{
    private readonly List<(Dot Dot, TValue Value)> _entries = [];

    private protected DotFun()
    {
    }

    public override bool IsEmpty => _entries.Count == 0;

    private protected ReadOnlySpan<(Dot Dot, TValue Value)> Entries => CollectionsMarshal.AsSpan(_entries);

    /// <summary>Into an empty delta: one value under a new dot.</summary>
    private protected void Put(Change change, TValue value) => _entries.Add((change.NextDot(), value));

    private protected void ReplaceEntries(IEnumerable<(Dot, TValue)> entries)
    {
        List<(Dot, TValue)> replaced = [.. entries];
        _entries.Clear();
        _entries.AddRange(replaced);
    }

    /// <summary>The value of a dot that both have.</summary>
    private protected virtual TValue Combine(TValue mine, TValue theirs) => mine;

    private protected abstract void WriteValue(CrdtWriter writer, TValue value);

    private protected abstract TValue ReadValue(ref CrdtReader reader);

    internal override void Join(DotStore other, CausalContext mine, CausalContext theirs)
    {
        List<(Dot Dot, TValue Value)> that = ((DotFun<TValue>)other)._entries;
        var joined = new List<(Dot Dot, TValue Value)>(_entries.Count + that.Count);
        int i = 0, j = 0;
        while (i < _entries.Count || j < that.Count)
        {
            int order = i == _entries.Count ? 1 : j == that.Count ? -1 : _entries[i].Dot.CompareTo(that[j].Dot);
            if (order == 0)
                joined.Add((_entries[i].Dot, Combine(_entries[i].Value, that[j].Value)));
            else if (order < 0 && !theirs.Contains(_entries[i].Dot))
                joined.Add(_entries[i]);
            else if (order > 0 && !mine.Contains(that[j].Dot))
                joined.Add(that[j]);
            i += order <= 0 ? 1 : 0;
            j += order >= 0 ? 1 : 0;
        }

        _entries.Clear();
        _entries.AddRange(joined);
    }

    internal override void CoverBy(CausalContext context)
    {
        foreach ((Dot dot, _) in _entries)
            context.Add(dot);
    }

    internal override void Write(CrdtWriter writer)
    {
        writer.Count(_entries.Count);
        foreach ((Dot dot, TValue value) in _entries)
        {
            writer.Dot(dot);
            WriteValue(writer, value);
        }
    }

    internal override void Fill(ref CrdtReader reader, int depth)
    {
        for (int left = reader.Count("dots", minimumSize: 4); left > 0; left--)
        {
            Dot dot = reader.Dot();
            if (_entries.Count > 0 && dot <= _entries[^1].Dot)
                throw reader.Wrong($"dots ascend; {dot} follows {_entries[^1].Dot}");
            _entries.Add((dot, ReadValue(ref reader)));
        }
    }
}
