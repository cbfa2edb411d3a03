using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Crdt;

/// <summary>
/// Reads what <see cref="CrdtWriter"/> wrote. What could have been written shorter, or in another order, is refused: a value has one encoding.
/// </summary>
/// <exception cref="InvalidDataException">The bytes are no such value; the message says what is wrong at which byte.</exception>
public ref struct CrdtReader(ReadOnlySpan<byte> source)
{
    private readonly ReadOnlySpan<byte> _source = source;

    public int Position { get; private set; }

    public readonly int Remaining => _source.Length - Position;

    public byte Byte() => Raw(1)[0];

    public ulong Unsigned()
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = Byte();
            if (shift == 63 && next > 1)
                throw Wrong("a number has more than 64 bits");
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
                return next == 0 && shift > 0 ? throw Wrong("a number is written longer than it need be") : value;
        }
    }

    public long Signed()
    {
        ulong value = Unsigned();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    /// <summary>A number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    public long Within(long least, long most, string what)
    {
        ulong value = Unsigned();
        return value <= long.MaxValue && (long)value >= least && (long)value <= most
            ? (long)value
            : throw Wrong($"{what} is {value}; {least} to {most} is allowed");
    }

    /// <summary>A count of items that take at least <paramref name="minimumSize"/> bytes each.</summary>
    public int Count(string what, int minimumSize = 1)
    {
        ulong count = Unsigned();
        return count <= (ulong)(Remaining / minimumSize) ? (int)count : throw Wrong($"a count of {count} {what} does not fit into the {Remaining} bytes left");
    }

    public ReadOnlySpan<byte> Raw(int length)
    {
        if (length > Remaining)
            throw Wrong($"{length} bytes are wanted and {Remaining} left");
        Position += length;
        return _source.Slice(Position - length, length);
    }

    public Datum Datum()
    {
        int length = (int)Within(0, CrdtLimits.DatumBytes, "the length of an element, key or value");
        return new Datum(Raw(length).ToArray());
    }

    public VersionSource Source() => new(new ReplicaId((int)Within(1, int.MaxValue, "a replica")), (uint)Within(0, uint.MaxValue, "a generation"));

    public Dot Dot() => new(Source(), Within(1, long.MaxValue, "the counter of a dot"));

    /// <summary>What has been read from a position on.</summary>
    public readonly ReadOnlySpan<byte> Since(int position) => _source[position..Position];

    /// <summary>Says that nothing may follow.</summary>
    public readonly void End()
    {
        if (Remaining != 0)
            throw Wrong($"{Remaining} bytes follow the end");
    }

    public readonly InvalidDataException Wrong(string what) => new($"{what} (at byte {Position} of {_source.Length})");
}
