using System.Buffers;
using System.Buffers.Binary;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// The bytes of <see cref="KeyValueMachine"/>. A payload is a version byte and then operations, one after another; the
/// result holds one reply an operation, in the same order. So a pipeline of commands is one entry of the log: ordered,
/// all or nothing. Queries have the form of commands and hold only operations that read.
/// <para>Operation: kind (1), then by kind key, value, expected, amount. Byte strings have their length in front as a
/// LEB128 number; amounts take 8 bytes, little-endian. Reply: kind (1), then bytes, or an integer of 8 bytes.</para>
/// </summary>
public static class KeyValueCodec
{
    internal const byte Version = 1;

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

/// <summary>Builds a payload; can be cleared and used again. Not thread-safe.</summary>
public sealed class KeyValuePayload
{
    private readonly ArrayBufferWriter<byte> _bytes = new(64);

    public KeyValuePayload() => KeyValueCodec.WriteByte(_bytes, KeyValueCodec.Version);

    /// <summary>Operations so far.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes so far.</summary>
    public int Length => _bytes.WrittenCount;

    /// <summary>True while nothing in it writes: it may be sent as a query.</summary>
    public bool IsReadOnly { get; private set; } = true;

    public KeyValuePayload Get(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.Get, key);

    public KeyValuePayload Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Valued(KeyValueOperationKind.Set, key, value);

    public KeyValuePayload Delete(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.Delete, key);

    public KeyValuePayload Exists(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.Exists, key);

    public KeyValuePayload IncrementBy(ReadOnlySpan<byte> key, long amount)
    {
        Keyed(KeyValueOperationKind.IncrementBy, key);
        KeyValueCodec.WriteInt64(_bytes, amount);
        return this;
    }

    public KeyValuePayload Append(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Valued(KeyValueOperationKind.Append, key, value);

    public KeyValuePayload StringLength(ReadOnlySpan<byte> key) => Keyed(KeyValueOperationKind.StringLength, key);

    /// <summary>Sets the value if the present one equals <paramref name="expected"/>.</summary>
    public KeyValuePayload CompareAndSet(ReadOnlySpan<byte> key, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> value)
    {
        Keyed(KeyValueOperationKind.CompareAndSet, key);
        KeyValueCodec.WriteByte(_bytes, 1);
        KeyValueCodec.WriteBytes(_bytes, expected);
        KeyValueCodec.WriteBytes(_bytes, value);
        return this;
    }

    /// <summary>Sets the value if the key is missing.</summary>
    public KeyValuePayload SetIfMissing(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Keyed(KeyValueOperationKind.CompareAndSet, key);
        KeyValueCodec.WriteByte(_bytes, 0);
        KeyValueCodec.WriteBytes(_bytes, value);
        return this;
    }

    /// <summary>The number of keys in the machine: of one shard.</summary>
    public KeyValuePayload CountKeys()
    {
        Begin(KeyValueOperationKind.Count);
        return this;
    }

    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    /// <summary>The payload itself, until it is added to or cleared.</summary>
    public ReadOnlyMemory<byte> Written => _bytes.WrittenMemory;

    /// <summary>Adds all operations of another payload behind those that are here.</summary>
    public KeyValuePayload Add(KeyValuePayload other)
    {
        _bytes.Write(other._bytes.WrittenSpan[1..]);
        Count += other.Count;
        IsReadOnly &= other.IsReadOnly;
        return this;
    }

    public void Clear()
    {
        _bytes.ResetWrittenCount();
        KeyValueCodec.WriteByte(_bytes, KeyValueCodec.Version);
        Count = 0;
        IsReadOnly = true;
    }

    private void Begin(KeyValueOperationKind kind)
    {
        Count++;
        IsReadOnly &= KeyValueOperation.IsRead(kind);
        KeyValueCodec.WriteByte(_bytes, (byte)kind);
    }

    private KeyValuePayload Keyed(KeyValueOperationKind kind, ReadOnlySpan<byte> key)
    {
        Begin(kind);
        KeyValueCodec.WriteBytes(_bytes, key);
        return this;
    }

    private KeyValuePayload Valued(KeyValueOperationKind kind, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Keyed(kind, key);
        KeyValueCodec.WriteBytes(_bytes, value);
        return this;
    }
}

/// <summary>Walks a payload; see <see cref="KeyValueCodec.Operations"/>.</summary>
public struct KeyValueOperationReader
{
    private ByteReader _reader;

    internal KeyValueOperationReader(ReadOnlyMemory<byte> payload)
    {
        _reader = new ByteReader(payload);
        byte version = _reader.Byte();
        if (version != KeyValueCodec.Version)
            throw new InvalidDataException($"a key-value payload has version {version}; this build reads {KeyValueCodec.Version}");
    }

    /// <summary>Reads the next operation; false at the end.</summary>
    /// <exception cref="InvalidDataException">What follows is no operation.</exception>
    public bool Next(out KeyValueOperation operation)
    {
        operation = default;
        if (_reader.Remaining == 0)
            return false;
        var kind = (KeyValueOperationKind)_reader.Byte();
        operation = kind switch
        {
            KeyValueOperationKind.Get or KeyValueOperationKind.Delete or KeyValueOperationKind.Exists or KeyValueOperationKind.StringLength =>
                new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader)),
            KeyValueOperationKind.Set or KeyValueOperationKind.Append =>
                new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader), KeyValueCodec.ReadBytes(ref _reader)),
            KeyValueOperationKind.IncrementBy =>
                new KeyValueOperation(kind, KeyValueCodec.ReadBytes(ref _reader), Amount: _reader.Int64()),
            KeyValueOperationKind.CompareAndSet => ReadCompareAndSet(),
            KeyValueOperationKind.Count => new KeyValueOperation(kind, default),
            _ => throw new InvalidDataException($"unknown key-value operation {(byte)kind} at byte {_reader.Position - 1}"),
        };
        return true;
    }

    private KeyValueOperation ReadCompareAndSet()
    {
        ReadOnlyMemory<byte> key = KeyValueCodec.ReadBytes(ref _reader);
        ReadOnlyMemory<byte>? expected = null;
        if (_reader.Bool())
            expected = KeyValueCodec.ReadBytes(ref _reader);
        return new KeyValueOperation(KeyValueOperationKind.CompareAndSet, key, KeyValueCodec.ReadBytes(ref _reader), expected);
    }
}

/// <summary>Walks a result; see <see cref="KeyValueCodec.Replies"/>.</summary>
public struct KeyValueReplyReader
{
    private ByteReader _reader;

    private readonly ReadOnlyMemory<byte> _result;

    internal KeyValueReplyReader(ReadOnlyMemory<byte> result)
    {
        _result = result;
        _reader = new ByteReader(result);
    }

    /// <summary>Passes over this many replies, or as many as there are, and returns a reader of those alone.</summary>
    /// <exception cref="InvalidDataException">What follows is no reply.</exception>
    public KeyValueReplyReader Take(int replies)
    {
        int start = _reader.Position;
        while (replies-- > 0 && Next(out _))
        {
        }

        return new KeyValueReplyReader(_result[start.._reader.Position]);
    }

    /// <summary>Reads the next reply; false at the end.</summary>
    /// <exception cref="InvalidDataException">What follows is no reply.</exception>
    public bool Next(out KeyValueReply reply)
    {
        reply = default;
        if (_reader.Remaining == 0)
            return false;
        var kind = (KeyValueReplyKind)_reader.Byte();
        reply = kind switch
        {
            KeyValueReplyKind.Nil or KeyValueReplyKind.Ok or KeyValueReplyKind.Full => new KeyValueReply(kind),
            KeyValueReplyKind.Bytes or KeyValueReplyKind.Error => new KeyValueReply(kind, KeyValueCodec.ReadBytes(ref _reader)),
            KeyValueReplyKind.Integer => new KeyValueReply(kind, Integer: _reader.Int64()),
            _ => throw new InvalidDataException($"unknown key-value reply {(byte)kind} at byte {_reader.Position - 1}"),
        };
        return true;
    }
}
