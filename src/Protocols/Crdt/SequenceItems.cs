using System.Text;

namespace ActorRepl.Protocols.Crdt;

/// <summary>How the items of a sequence are written, one after the other.</summary>
internal abstract class SequenceItems<TItem>
{
    public static SequenceItems<TItem> Instance { get; } = (SequenceItems<TItem>)(object)(
        typeof(TItem) == typeof(char) ? new CharItems()
        : typeof(TItem) == typeof(Datum) ? new DatumItems()
        : throw new NotSupportedException($"a sequence is of char or Datum, not of {typeof(TItem)}"));

    public abstract void Write(CrdtWriter writer, ReadOnlySpan<TItem> items);

    public abstract TItem[] Read(ref CrdtReader reader, int count);
}

/// <summary>Each UTF-16 unit by itself in one to three bytes (CESU-8), because replicas may part the halves of a pair.</summary>
internal sealed class CharItems : SequenceItems<char>
{
    public override void Write(CrdtWriter writer, ReadOnlySpan<char> items)
    {
        int start = writer.Length;
        Span<byte> room = writer.Raw(items.Length);
        Ascii.FromUtf16(items, room, out int ascii);
        if (ascii == items.Length)
            return;
        writer.Truncate(start + ascii);
        foreach (char unit in items[ascii..])
        {
            if (unit < 0x80)
                writer.Byte((byte)unit);
            else if (unit < 0x800)
            {
                writer.Byte((byte)(0xc0 | (unit >> 6)));
                writer.Byte((byte)(0x80 | (unit & 0x3f)));
            }
            else
            {
                writer.Byte((byte)(0xe0 | (unit >> 12)));
                writer.Byte((byte)(0x80 | ((unit >> 6) & 0x3f)));
                writer.Byte((byte)(0x80 | (unit & 0x3f)));
            }
        }
    }

    public override char[] Read(ref CrdtReader reader, int count)
    {
        if (count > reader.Remaining)
            throw reader.Wrong($"a text of {count} units does not fit into the {reader.Remaining} bytes left");
        var units = new char[count];
        for (int i = 0; i < count; i++)
        {
            byte lead = reader.Byte();
            units[i] = lead < 0x80 ? (char)lead
                : (lead & 0xe0) == 0xc0 ? Checked(((lead & 0x1f) << 6) | Rest(ref reader), 0x80, reader)
                : (lead & 0xf0) == 0xe0 ? Checked(((lead & 0xf) << 12) | (Rest(ref reader) << 6) | Rest(ref reader), 0x800, reader)
                : throw reader.Wrong($"a unit of a text begins with byte {lead:x2}");
        }

        return units;
    }

    private static int Rest(ref CrdtReader reader) =>
        reader.Byte() is var next && (next & 0xc0) == 0x80 ? next & 0x3f : throw reader.Wrong($"a unit of a text goes on with byte {next:x2}");

    private static char Checked(int unit, int least, in CrdtReader reader) => unit >= least ? (char)unit : throw reader.Wrong("a unit of a text is longer than it need be");
}

/// <summary>Each with its length before it.</summary>
internal sealed class DatumItems : SequenceItems<Datum>
{
    public override void Write(CrdtWriter writer, ReadOnlySpan<Datum> items)
    {
        foreach (Datum item in items)
            writer.Datum(item);
    }

    public override Datum[] Read(ref CrdtReader reader, int count)
    {
        if (count > reader.Remaining)
            throw reader.Wrong($"{count} items do not fit into the {reader.Remaining} bytes left");
        var items = new Datum[count];
        for (int i = 0; i < count; i++)
            items[i] = reader.Datum();
        return items;
    }
}
