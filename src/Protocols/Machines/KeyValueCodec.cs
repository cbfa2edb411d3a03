using System.Buffers;
using System.Buffers.Binary;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// The bytes of <see cref="KeyValueMachine"/>. A payload is a version byte and then operations, one after another; the
/// result holds one reply an operation, in the same order. So a pipeline of commands is one entry of the log: ordered,
/// all or nothing. Queries have the form of commands and hold only operations that read.
/// <para>Operation: kind (1), then by kind key, value, expected, amount, terms. Byte strings have their length in front as a
/// LEB128 number; amounts take 8 bytes, little-endian. Reply: kind (1), then bytes, or an integer of 8 bytes.</para>
/// </summary>
public static class KeyValueCodec
{
    internal const byte Version = SteadyVersion;

    internal const byte OldestVersion = 1;

    /// <summary>From this version on what is written has versions, and the log's time goes on.</summary>
    internal const byte VersionedVersion = 2;

    /// <summary>
    /// From this version on a command removes a bounded number of keys that have ended, the others being gone for whoever looks; a batch
    /// that has not room for all of it is not begun; and a decimal sum that cannot be told is not stored.
    /// </summary>
    internal const byte SteadyVersion = 3;

    /// <summary>Walks the operations of a payload.</summary>
    /// <exception cref="InvalidDataException">The payload has another version; nothing of it can be read.</exception>
    public static KeyValueOperationReader Operations(ReadOnlyMemory<byte> payload) => new(payload);

    /// <summary>Walks the replies in a result.</summary>
    public static KeyValueReplyReader Replies(ReadOnlyMemory<byte> result) => new(result);

    internal static void WriteBytes(ArrayBufferWriter<byte> target, ReadOnlySpan<byte> value)
    {
        WriteLength(target, value.Length);
        target.Write(value);
    }

    internal static void WriteLength(ArrayBufferWriter<byte> target, int length)
    {
        Span<byte> span = target.GetSpan(5);
        int size = 0;
        for (uint rest = (uint)length; ; rest >>= 7)
        {
            span[size++] = (byte)(rest < 0x80 ? rest : rest | 0x80);
            if (rest < 0x80)
                break;
        }

        target.Advance(size);
    }

    /// <summary>Bytes that the length takes in front of a byte string.</summary>
    internal static int LengthOf(int length) => length switch
    {
        < 1 << 7 => 1,
        < 1 << 14 => 2,
        < 1 << 21 => 3,
        < 1 << 28 => 4,
        _ => 5,
    };

    internal static void WriteInt64(ArrayBufferWriter<byte> target, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(target.GetSpan(sizeof(long)), value);
        target.Advance(sizeof(long));
    }

    internal static void WriteByte(ArrayBufferWriter<byte> target, byte value)
    {
        target.GetSpan(1)[0] = value;
        target.Advance(1);
    }

    internal static ReadOnlyMemory<byte> ReadBytes(ref ByteReader reader)
    {
        uint length = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = reader.Byte();
            if (shift == 28 && next > 0x07)
                throw new InvalidDataException($"a length at byte {reader.Position - 1} is over 2 GiB");
            length |= (uint)(next & 0x7F) << shift;
            if (next < 0x80)
                return reader.Raw((int)length);
        }
    }
}
