using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Log;

/// <summary>
/// A message between replicas that keep one log. Layout: version (1), kind (1), the number of the time in which the sender takes part, its term or epoch (8),
/// then the fields of its kind in order.
/// </summary>
internal abstract class LogMessage(long number) : PeerMessage
{
    public const byte Version = 1;
    private protected const int PositionSize = 2 * sizeof(long);
    private const int HeaderSize = 10;

    internal long Number => number;

    private protected abstract byte KindCode { get; }

    protected abstract int BodySize { get; }

    protected abstract void EncodeBody(ref ByteWriter writer);

    public sealed override int EncodedSize => HeaderSize + BodySize;

    public sealed override void Encode(ref ByteWriter writer)
    {
        writer.Byte(Version);
        writer.Byte(KindCode);
        writer.Int64(number);
        EncodeBody(ref writer);
    }

    /// <param name="reader">At the start of the message; after it at its body.</param>
    /// <param name="what">Of which protocol.</param>
    /// <param name="number">What the sender's number is called.</param>
    /// <param name="least">It is at least that.</param>
    private protected static (byte Kind, long Number) DecodeHeader(ref ByteReader reader, string what, string number, long least)
    {
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"{what} has version {version}; this build reads {Version}");
        byte kind = reader.Byte();
        long value = reader.Int64();
        return value >= least ? (kind, value) : throw new InvalidDataException($"{what} has {number} {value}; it is at least {least}");
    }

    private protected static byte Flag(bool value) => value ? (byte)1 : (byte)0;

    private protected static long NonNegative(ref ByteReader reader)
    {
        long value = reader.Int64();
        return value >= 0 ? value : throw new InvalidDataException($"a message has {value} at byte {reader.Position - sizeof(long)}; it cannot be negative");
    }

    private protected static LogPosition Position(ref ByteReader reader) => new(NonNegative(ref reader), NonNegative(ref reader));

    private protected static void Write(ref ByteWriter writer, LogPosition position)
    {
        writer.Int64(position.Term);
        writer.Int64(position.Index);
    }
}
