using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>A list that any replica may edit at any index.</summary>
public sealed class CausalList : Sequence<Datum>, ICrdt<CausalList>
{
    public static CrdtKind Kind => CrdtKind.List;

    /// <summary>Inserts items so that the first gets this index.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The list is shorter.</exception>
    public void Insert(VersionSource source, int index, params ReadOnlySpan<Datum> items) => InsertItems(source, index, items);

    public void Merge(CausalList other) => MergeState(other);

    public CausalList Copy()
    {
        var copy = new CausalList();
        copy.Merge(this);
        return copy;
    }

    public static CausalList Read(ref CrdtReader reader)
    {
        var read = new CausalList();
        read.Fill(ref reader);
        return read;
    }
}
