using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Simulation.Invariants;

/// <summary>A replica's configurations as they follow from its records, kept apart from the replica's own book.</summary>
internal sealed class ConfigurationShadow
{
    private readonly List<(long Index, RaftConfiguration Configuration)> _known = [];

    public bool IsEmpty => _known.Count == 0;
    public RaftConfiguration Current => _known[^1].Configuration;
    public RaftConfiguration BeforeCurrent => _known[Math.Max(0, _known.Count - 2)].Configuration;
    public long CurrentIndex => _known[^1].Index;

    /// <summary>Set by every change; whoever has looked clears it.</summary>
    public bool HasChanged { get; set; }

    public void Reset(long index, RaftConfiguration configuration, IReadOnlyList<EntryBatch> log)
    {
        _known.Clear();
        _known.Add((index, configuration));
        foreach (EntryBatch batch in log)
            Append(batch);
        HasChanged = true;
    }

    public void Append(EntryBatch batch)
    {
        if (batch.Kind != EntryKind.Configuration)
            return;
        foreach (ReadOnlyMemory<byte> payload in batch)
            _known.Add((batch.FirstIndex, RaftConfiguration.Decode(payload)));
        HasChanged = true;
    }

    public void Truncate(long from)
    {
        HasChanged |= _known.RemoveAll(known => known.Index >= from && known.Index > _known[0].Index) > 0;
    }

    /// <summary>Entries of configurations in a range, both ends included.</summary>
    public IEnumerable<(long Index, RaftConfiguration Configuration)> Between(long first, long last) =>
        _known.Skip(1).Where(known => known.Index >= first && known.Index <= last);
}
