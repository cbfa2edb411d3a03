using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// A register of which the last write wins (Shapiro et al., INRIA RR-7506, specification 8). A write replaces what it knew; of those that knew nothing of each
/// other, the highest hybrid time wins (Kulkarni et al. 2014), then the highest dot: two writes never tie.
/// </summary>
public sealed class LwwRegister : DotFun<(HybridTime Time, Datum Value)>
{
    public override StoreKind Kind => StoreKind.LwwRegister;

    /// <summary>Null: nothing was written, or it was cleared.</summary>
    public Datum? Value => IsEmpty ? (Datum?)null : Latest.Value;

    /// <summary>When it was written; null as above.</summary>
    public HybridTime? Time => IsEmpty ? null : Latest.Time;

    private (HybridTime Time, Datum Value) Latest
    {
        get
        {
            // Entries ascend by dot, so of equal times the last has the highest.
            (HybridTime Time, Datum Value) latest = Entries[0].Value;
            foreach ((_, (HybridTime Time, Datum) entry) in Entries)
                latest = entry.Time >= latest.Time ? entry : latest;
            return latest;
        }
    }

    /// <param name="change">The change under way.</param>
    /// <param name="time">What the replica's hybrid clock gave for this write.</param>
    /// <param name="value">What to write.</param>
    public LwwRegister Write(Change change, HybridTime time, Datum value)
    {
        change.Remove(this);
        var delta = new LwwRegister();
        delta.Put(change, (time, value));
        return delta;
    }

    public LwwRegister Clear(Change change)
    {
        change.Remove(this);
        return new LwwRegister();
    }

    private protected override void WriteValue(CrdtWriter writer, (HybridTime Time, Datum Value) value)
    {
        writer.Unsigned((ulong)value.Time.Micros);
        writer.Unsigned((ulong)value.Time.Counter);
        writer.Datum(value.Value);
    }

    private protected override (HybridTime Time, Datum Value) ReadValue(ref CrdtReader reader) =>
        (new HybridTime(reader.Within(0, long.MaxValue, "a hybrid time"), (int)reader.Within(0, int.MaxValue, "the counter of a hybrid time")), reader.Datum());
}
