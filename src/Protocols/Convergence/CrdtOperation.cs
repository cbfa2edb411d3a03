using ActorRepl.Protocols.Crdt;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Convergence;

/// <summary>A change of one value, as a user means it; the replica that takes it makes a delta of it. Layout: kind (1), then the fields in order.</summary>
public abstract record CrdtOperation
{
    private CrdtOperation()
    {
    }

    /// <summary>Counters: adds, or takes where the amount is below 0.</summary>
    public sealed record Add(long Amount) : CrdtOperation;

    /// <summary>Counters that go down: takes what is seen.</summary>
    public sealed record Reset : CrdtOperation;

    /// <summary>Bounded counters: hands rights of this replica on to another.</summary>
    public sealed record Transfer(ReplicaId To, long Amount) : CrdtOperation;

    /// <summary>Sets: adds an element.</summary>
    public sealed record Insert(ReadOnlyMemory<byte> Element) : CrdtOperation;

    /// <summary>Sets that shrink: removes what is seen of an element.</summary>
    public sealed record Remove(ReadOnlyMemory<byte> Element) : CrdtOperation;

    /// <summary>Removes everything that is seen: of sets, registers, maps, lists and texts.</summary>
    public sealed record Clear : CrdtOperation;

    /// <summary>Flags.</summary>
    public sealed record Switch(bool On) : CrdtOperation;

    /// <summary>Registers: replaces what is seen.</summary>
    public sealed record Write(ReadOnlyMemory<byte> Value) : CrdtOperation;

    /// <summary>Maps: changes the value of a field, which is a new one of that kind where there is none.</summary>
    public sealed record Field(ReadOnlyMemory<byte> Key, StoreKind Kind, CrdtOperation Inner) : CrdtOperation;

    /// <summary>Maps: removes what is seen of a field; in a remove-wins map, the key, of whatever kind.</summary>
    public sealed record RemoveField(ReadOnlyMemory<byte> Key, StoreKind Kind) : CrdtOperation;

    /// <summary>Texts: inserts so that the first unit gets this index (UTF-16 units).</summary>
    public sealed record InsertText(int Index, string Text) : CrdtOperation;

    /// <summary>Lists: inserts so that the first item gets this index.</summary>
    public sealed record InsertItems(int Index, IReadOnlyList<ReadOnlyMemory<byte>> Items) : CrdtOperation;

    /// <summary>Texts and lists: deletes so many from an index on.</summary>
    public sealed record DeleteRange(int Index, int Count) : CrdtOperation;

    internal void Encode(CrdtWriter writer)
    {
        switch (this)
        {
            case Add add:
                writer.Byte(1);
                writer.Signed(add.Amount);
                break;
            case Reset:
                writer.Byte(2);
                break;
            case Transfer transfer:
                writer.Byte(3);
                writer.Unsigned((ulong)transfer.To.Value);
                writer.Unsigned((ulong)transfer.Amount);
                break;
            case Insert insert:
                writer.Byte(4);
                Put(writer, insert.Element);
                break;
            case Remove remove:
                writer.Byte(5);
                Put(writer, remove.Element);
                break;
            case Clear:
                writer.Byte(6);
                break;
            case Switch flag:
                writer.Byte(7);
                writer.Byte(flag.On ? (byte)1 : (byte)0);
                break;
            case Write write:
                writer.Byte(8);
                Put(writer, write.Value);
                break;
            case Field field:
                writer.Byte(9);
                Put(writer, field.Key);
                writer.Byte((byte)field.Kind);
                field.Inner.Encode(writer);
                break;
            case RemoveField field:
                writer.Byte(10);
                Put(writer, field.Key);
                writer.Byte((byte)field.Kind);
                break;
            case InsertText insert:
                writer.Byte(11);
                writer.Unsigned((ulong)insert.Index);
                writer.Count(insert.Text.Length);
                SequenceItems<char>.Instance.Write(writer, insert.Text);
                break;
            case InsertItems insert:
                writer.Byte(12);
                writer.Unsigned((ulong)insert.Index);
                writer.Count(insert.Items.Count);
                foreach (ReadOnlyMemory<byte> item in insert.Items)
                    Put(writer, item);
                break;
            case DeleteRange range:
                writer.Byte(13);
                writer.Unsigned((ulong)range.Index);
                writer.Unsigned((ulong)range.Count);
                break;
        }
    }

    /// <exception cref="InvalidDataException">What follows is no operation.</exception>
    internal static CrdtOperation Decode(ref CrdtReader reader, int depth = 0)
    {
        if (depth > CrdtLimits.MapDepth)
            throw reader.Wrong($"maps lie deeper than the {CrdtLimits.MapDepth} that are allowed");
        byte kind = reader.Byte();
        switch (kind)
        {
            case 1:
                return new Add(reader.Signed());
            case 2:
                return new Reset();
            case 3:
                return new Transfer(new ReplicaId((int)reader.Within(1, int.MaxValue, "a replica")), reader.Within(1, long.MaxValue, "an amount of rights"));
            case 4:
                return new Insert(reader.Datum().Memory);
            case 5:
                return new Remove(reader.Datum().Memory);
            case 6:
                return new Clear();
            case 7:
                return new Switch(reader.Within(0, 1, "a flag") == 1);
            case 8:
                return new Write(reader.Datum().Memory);
            case 9:
                return new Field(reader.Datum().Memory, ReadKind(ref reader), Decode(ref reader, depth + 1));
            case 10:
                return new RemoveField(reader.Datum().Memory, ReadKind(ref reader));
            case 11:
                int index = (int)reader.Within(0, CrdtLimits.SequenceElements, "an index");
                return new InsertText(index, new string(SequenceItems<char>.Instance.Read(ref reader, reader.Count("units of text"))));
            case 12:
                int at = (int)reader.Within(0, CrdtLimits.SequenceElements, "an index");
                var items = new ReadOnlyMemory<byte>[reader.Count("items")];
                for (int i = 0; i < items.Length; i++)
                    items[i] = reader.Datum().Memory;
                return new InsertItems(at, items);
            case 13:
                return new DeleteRange((int)reader.Within(0, CrdtLimits.SequenceElements, "an index"), (int)reader.Within(0, CrdtLimits.SequenceElements, "a count"));
            default:
                throw reader.Wrong($"an operation has kind {kind}; 1 to 13 are known");
        }
    }

    private static StoreKind ReadKind(ref CrdtReader reader)
    {
        var kind = (StoreKind)reader.Byte();
        return kind is >= StoreKind.EnableWinsFlag and <= StoreKind.RemoveWinsMap ? kind : throw reader.Wrong($"a field has kind {(byte)kind}; 1 to 8 are known");
    }

    private static void Put(CrdtWriter writer, ReadOnlyMemory<byte> bytes)
    {
        writer.Count(bytes.Length);
        writer.Raw(bytes.Span);
    }
}
