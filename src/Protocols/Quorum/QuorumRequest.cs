using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

public enum QuorumOperation : byte
{
    Get = 1,
    Put = 2,
    Delete = 3,
}

/// <summary>
/// A client's request: the payload of a <see cref="RequestKind.Read"/> (get) or a <see cref="RequestKind.Command"/> (put, delete).
/// <para>Layout: version (1), operation (1), level (2), durable acknowledgements (1), id (16), key, context, value.</para>
/// </summary>
/// <param name="Context">What the last read of the key returned; empty: the client has read nothing, and its write replaces nothing.</param>
/// <param name="Id">The write's name: one that is sent again under it is the same write. Empty: it has none.</param>
/// <param name="DurableAcks">Riak's dw: so many owners at least, whatever the level says. Every acknowledgement is durable.</param>
public sealed record QuorumRequest(
    QuorumOperation Operation, ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value = default, ReadOnlyMemory<byte> Context = default, Guid Id = default,
    Consistency Level = default, byte DurableAcks = 0)
{
    private const byte Version = 1;
    private const int Fixed = 3 + Consistency.EncodedSize + 16 + 3 * sizeof(int);

    public bool IsWrite => Operation != QuorumOperation.Get;

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[Fixed + Key.Length + Context.Length + Value.Length];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        writer.Byte((byte)Operation);
        Level.Encode(ref writer);
        writer.Byte(DurableAcks);
        writer.Raw(Id.ToByteArray());
        writer.Bytes(Key.Span);
        writer.Bytes(Context.Span);
        writer.Bytes(Value.Span);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no request.</exception>
    public static QuorumRequest Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a quorum request has version {version}; this build reads {Version}");
        var operation = (QuorumOperation)reader.Byte();
        if (operation is < QuorumOperation.Get or > QuorumOperation.Delete)
            throw new InvalidDataException($"a quorum request has unknown operation {(byte)operation}");
        Consistency level = Consistency.Decode(ref reader);
        byte durable = reader.Byte();
        var id = new Guid(reader.Raw(16).Span);
        ReadOnlyMemory<byte> key = reader.Bytes(), context = reader.Bytes(), value = reader.Bytes();
        reader.End();
        return new QuorumRequest(operation, key, value, context, id, level, durable);
    }
}

/// <summary>
/// What a client gets: the values of a key, none if it is not there, several if they are concurrent; and the context for its next write of the key.
/// <para>Layout: version (1), context, count (4), values.</para>
/// </summary>
public sealed record QuorumReply(ReadOnlyMemory<byte> Context, IReadOnlyList<ReadOnlyMemory<byte>> Values)
{
    private const byte Version = 1;

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[1 + 2 * sizeof(int) + Context.Length + Values.Sum(value => sizeof(int) + value.Length)];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        writer.Bytes(Context.Span);
        writer.Int32(Values.Count);
        foreach (ReadOnlyMemory<byte> value in Values)
            writer.Bytes(value.Span);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no reply.</exception>
    public static QuorumReply Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a quorum reply has version {version}; this build reads {Version}");
        ReadOnlyMemory<byte> context = reader.Bytes();
        var values = new ReadOnlyMemory<byte>[reader.Count(sizeof(int))];
        for (int i = 0; i < values.Length; i++)
            values[i] = reader.Bytes();
        reader.End();
        return new QuorumReply(context, values);
    }
}
