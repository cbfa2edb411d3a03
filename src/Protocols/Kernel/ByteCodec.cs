using System.Buffers.Binary;
using System.Text;

namespace ActorRepl.Protocols.Kernel;

/// <summary>Writes little-endian fields into a span that is known to be large enough.</summary>
public ref struct ByteWriter(Span<byte> target)
{
    private readonly Span<byte> _target = target;

    public int Position { get; private set; }

    public void Byte(byte value) => _target[Position++] = value;

    public void Int32(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_target[Position..], value);
        Position += sizeof(int);
    }

    public void UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_target[Position..], value);
        Position += sizeof(uint);
    }

    public void Int64(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_target[Position..], value);
        Position += sizeof(long);
    }

    public void Raw(scoped ReadOnlySpan<byte> value)
    {
        value.CopyTo(_target[Position..]);
        Position += value.Length;
    }

    /// <summary>A length of four bytes, then the bytes.</summary>
    public void Bytes(scoped ReadOnlySpan<byte> value)
    {
        Int32(value.Length);
        Raw(value);
    }

    /// <summary>A length of four bytes, then the text as UTF-8.</summary>
    public void Text(string value)
    {
        int length = Encoding.UTF8.GetBytes(value, _target[(Position + sizeof(int))..]);
        Int32(length);
        Position += length;
    }
}

/// <summary>Reads what <see cref="ByteWriter"/> wrote; slices share the source's memory.</summary>
/// <exception cref="InvalidDataException">The source ends early or a length in it is impossible.</exception>
public struct ByteReader(ReadOnlyMemory<byte> source)
{
    private readonly ReadOnlyMemory<byte> _source = source;

    public int Position { get; private set; }

    public readonly int Remaining => _source.Length - Position;

    /// <summary>What is not read yet.</summary>
    public readonly ReadOnlyMemory<byte> Rest => _source[Position..];

    public byte Byte() => Take(1)[0];

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

    public bool Bool() => Byte() switch
    {
        0 => false,
        1 => true,
        var other => throw new InvalidDataException($"a flag at byte {Position - 1} is {other}; it must be 0 or 1"),
    };

    public ReadOnlyMemory<byte> Raw(int length)
    {
        Take(length);
        return _source.Slice(Position - length, length);
    }

    public ReadOnlyMemory<byte> Bytes() => Raw(Int32());

    public string Text() => Encoding.UTF8.GetString(Bytes().Span);

    /// <summary>A count of items that take at least <paramref name="minimumSize"/> bytes each.</summary>
    public int Count(int minimumSize)
    {
        int count = Int32();
        if (count < 0 || (long)count * minimumSize > Remaining)
            throw new InvalidDataException($"a count of {count} at byte {Position - sizeof(int)} does not fit into {Remaining} bytes");
        return count;
    }

    /// <summary>Says that nothing may follow.</summary>
    public readonly void End()
    {
        if (Remaining != 0)
            throw new InvalidDataException($"{Remaining} bytes follow the end at byte {Position}");
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length < 0 || length > Remaining)
            throw new InvalidDataException($"{length} bytes wanted at byte {Position}, {Remaining} are left");
        Position += length;
        return _source.Span.Slice(Position - length, length);
    }
}
