using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>Little-endian fields into a buffer that grows; the same forms as <see cref="ByteWriter"/>'s.</summary>
internal sealed class ControlWriter
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ArrayBufferWriter<byte> _buffer = new(256);

    public ReadOnlyMemory<byte> Written => _buffer.WrittenMemory;

    public void Byte(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
    }

    public void Bool(bool value) => Byte(value ? (byte)1 : (byte)0);

    public void Int32(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.GetSpan(sizeof(int)), value);
        _buffer.Advance(sizeof(int));
    }

    public void Int64(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_buffer.GetSpan(sizeof(long)), value);
        _buffer.Advance(sizeof(long));
    }

    public void Bytes(ReadOnlySpan<byte> value)
    {
        Int32(value.Length);
        _buffer.Write(value);
    }

    public void Text(string value) => Bytes(Utf8.GetBytes(value));

    public void Guid(Guid value)
    {
        value.TryWriteBytes(_buffer.GetSpan(16));
        _buffer.Advance(16);
    }

    public void Replica(ReplicaId value) => Int32(value.Value);

    public void Replicas(IReadOnlyCollection<ReplicaId> values)
    {
        Int32(values.Count);
        foreach (ReplicaId value in values)
            Replica(value);
    }

    public void Time(DateTimeOffset value) => Int64((value - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);

    public void Shard(ShardKey key)
    {
        Text(key.Group);
        Int32(key.Shard);
    }
}

/// <summary>Reads what <see cref="ControlWriter"/> wrote, and refuses any other form of the same value.</summary>
internal static class ControlReader
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static string StrictText(this ref ByteReader reader)
    {
        try
        {
            return Utf8.GetString(reader.Bytes().Span);
        }
        catch (DecoderFallbackException wrong)
        {
            throw new InvalidDataException($"a text that ends at byte {reader.Position} is no UTF-8", wrong);
        }
    }

    public static Guid Guid(this ref ByteReader reader) => new(reader.Raw(16).Span);

    public static ReplicaId Replica(this ref ByteReader reader) => new(reader.Int32());

    /// <summary>Numbers in ascending order, each once.</summary>
    public static ReplicaId[] Replicas(this ref ByteReader reader)
    {
        var ids = new ReplicaId[reader.Count(sizeof(int))];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = reader.Replica();
            if (i > 0 && ids[i] <= ids[i - 1])
                throw new InvalidDataException($"node numbers before byte {reader.Position} are not in ascending order");
        }

        return ids;
    }

    public static DateTimeOffset Time(this ref ByteReader reader)
    {
        long micros = reader.Int64();
        return micros >= 0 && micros <= (DateTimeOffset.MaxValue - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond
            ? DateTimeOffset.UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond)
            : throw new InvalidDataException($"a time before byte {reader.Position} is {micros} µs after 1970");
    }

    public static ShardKey Shard(this ref ByteReader reader) => new(reader.StrictText(), reader.Int32());

    public static T Enum<T>(this ref ByteReader reader) where T : struct, Enum
    {
        byte value = reader.Byte();
        T result = (T)System.Enum.ToObject(typeof(T), value);
        return System.Enum.IsDefined(result) ? result : throw new InvalidDataException($"a {typeof(T).Name} at byte {reader.Position - 1} is {value}");
    }
}
