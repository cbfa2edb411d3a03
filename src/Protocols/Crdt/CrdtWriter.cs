using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>Writes the fields of a value, packed: whole numbers seven bits to a byte, low ones first (LEB128), and never longer than they need be.</summary>
public sealed class CrdtWriter(int capacity = 256)
{
    private byte[] _bytes = new byte[capacity];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    /// <summary>Stays as it is while more is written, until something is taken back.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, Length);

    public byte[] ToArray() => Written.ToArray();

    public void Byte(byte value) => Room(1)[0] = value;

    public void Unsigned(ulong value)
    {
        Span<byte> room = Room(10, advance: 0);
        int at = 0;
        for (; value >= 0x80; value >>= 7)
            room[at++] = (byte)(value | 0x80);
        room[at++] = (byte)value;
        Length += at;
    }

    /// <summary>A number that may be below 0, small ones of either sign short (zigzag).</summary>
    public void Signed(long value) => Unsigned((ulong)(value << 1) ^ (ulong)(value >> 63));

    public void Count(int value) => Unsigned((ulong)value);

    public void Raw(ReadOnlySpan<byte> value) => value.CopyTo(Room(value.Length));

    /// <summary>As many bytes to be filled in.</summary>
    public Span<byte> Raw(int length) => Room(length);

    /// <summary>Takes back what was written from here on.</summary>
    public void Truncate(int length) => Length = length;

    public void Datum(Datum value)
    {
        Count(value.Length);
        Raw(value.Span);
    }

    public void Source(VersionSource source)
    {
        Unsigned((ulong)source.Replica.Value);
        Unsigned(source.Generation);
    }

    public void Dot(Dot dot)
    {
        Source(dot.Source);
        Unsigned((ulong)dot.Counter);
    }

    private Span<byte> Room(int length) => Room(length, length);

    private Span<byte> Room(int length, int advance)
    {
        if (_bytes.Length - Length < length)
            Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, Length + length));
        Span<byte> room = _bytes.AsSpan(Length, length);
        Length += advance;
        return room;
    }
}
