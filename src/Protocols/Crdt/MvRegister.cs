namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// A register that keeps every value written last: one, or each of those that were written knowing nothing of the others
/// (Almeida et al. 2018).
/// </summary>
public sealed class MvRegister : DotFun<Datum>
{
    public override StoreKind Kind => StoreKind.MvRegister;

    /// <summary>Ascending, each once; none: nothing was written, or it was cleared.</summary>
    public IReadOnlyList<Datum> Values
    {
        get
        {
            var values = new SortedSet<Datum>();
            foreach ((_, Datum value) in Entries)
                values.Add(value);
            return [.. values];
        }
    }

    public MvRegister Write(Change change, Datum value)
    {
        change.Remove(this);
        var delta = new MvRegister();
        delta.Put(change, value);
        return delta;
    }

    public MvRegister Clear(Change change)
    {
        change.Remove(this);
        return new MvRegister();
    }

    private protected override void WriteValue(CrdtWriter writer, Datum value) => writer.Datum(value);

    private protected override Datum ReadValue(ref CrdtReader reader) => reader.Datum();
}
