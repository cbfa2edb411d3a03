using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

public enum QuorumOperation : byte
{
    Get = 1,
    Put = 2,
    Delete = 3,

    /// <summary>Puts, if the key is as <see cref="QuorumRequest.Condition"/> says. In one order with all such writes of the key, and with reads that are Serial.</summary>
    CompareAndSet = 4,

    /// <summary>Deletes, if the key is as <see cref="QuorumRequest.Condition"/> says.</summary>
    CompareAndDelete = 5,
}

/// <summary>What must hold of a key for a conditional write to be done.</summary>
public enum QuorumCondition : byte
{
    /// <summary>Of a write that is not conditional.</summary>
    None = 0,

    /// <summary>It has no value.</summary>
    Absent = 1,

    /// <summary>Nothing was written since the read that gave the context; without a context, nothing was ever.</summary>
    Unchanged = 2,

    /// <summary>It has one value, <see cref="QuorumRequest.Expected"/>.</summary>
    Equals = 3,
}

/// <summary>
/// A client's request: the payload of a <see cref="RequestKind.Read"/> (get) or a <see cref="RequestKind.Command"/> (all else).
/// <para>Layout: version (1), operation (1), level (2), durable acknowledgements (1), id (16), condition (1), replace (1: it does, 2: and is sent for the first time), key, context, value, expected.</para>
/// </summary>
/// <param name="Context">What the last read of the key returned; empty: the client has read nothing, and its write replaces nothing.</param>
/// <param name="Condition">Of a conditional write.</param>
/// <param name="Expected">The value, where the condition is that it equals this one.</param>
/// <param name="Id">The write's name: one that is sent again under it is the same write. Empty: it has none.</param>
/// <param name="Level">Of a conditional write: what its commit waits for. Default: as the request around it says, or the group.</param>
/// <param name="Replace">
/// For clients that have no contexts: the write replaces all that its coordinator knows of the key. Where it brings no context of its own, as many owners as a read asks say
/// what they know, so that it follows all that was acknowledged before it.
/// </param>
/// <param name="First">
/// Of a write that replaces: nobody has sent it before, or all that was sent was certainly not done. It is then written before owners are asked, and done in one round if none of them knew more.
/// </param>
/// <param name="DurableAcks">Riak's dw: so many owners at least, whatever the level says. Every acknowledgement is durable.</param>
public sealed record QuorumRequest(
    QuorumOperation Operation, ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value = default, ReadOnlyMemory<byte> Context = default, Guid Id = default,
    ConsistencyLevel Level = default, byte DurableAcks = 0, QuorumCondition Condition = QuorumCondition.None, ReadOnlyMemory<byte> Expected = default, bool Replace = false, bool First = false)
{
    private const byte Version = 1;
    private const int Fixed = 5 + ConsistencyLevel.EncodedSize + 16 + 4 * sizeof(int);

    public bool IsWrite => Operation != QuorumOperation.Get;

    public bool IsConditional => Operation is QuorumOperation.CompareAndSet or QuorumOperation.CompareAndDelete;

    public bool IsDelete => Operation is QuorumOperation.Delete or QuorumOperation.CompareAndDelete;

    internal int EncodedSize => Fixed + Key.Length + Context.Length + Value.Length + Expected.Length;

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[EncodedSize];
        var writer = new ByteWriter(bytes);
        Encode(ref writer);
        return bytes;
    }

    internal void Encode(ref ByteWriter writer)
    {
        Span<byte> id = stackalloc byte[16];
        Id.TryWriteBytes(id);
        writer.Byte(Version);
        writer.Byte((byte)Operation);
        Level.Encode(ref writer);
        writer.Byte(DurableAcks);
        writer.Raw(id);
        writer.Byte((byte)Condition);
        writer.Byte(!Replace ? (byte)0 : First ? (byte)2 : (byte)1);
        writer.Bytes(Key.Span);
        writer.Bytes(Context.Span);
        writer.Bytes(Value.Span);
        writer.Bytes(Expected.Span);
    }

    /// <exception cref="InvalidDataException">The bytes are no request.</exception>
    public static QuorumRequest Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a quorum request has version {version}; this build reads {Version}");
        var operation = (QuorumOperation)reader.Byte();
        if (operation is < QuorumOperation.Get or > QuorumOperation.CompareAndDelete)
            throw new InvalidDataException($"a quorum request has unknown operation {(byte)operation}");
        ConsistencyLevel level = ConsistencyLevel.Decode(ref reader);
        byte durable = reader.Byte();
        var id = new Guid(reader.Raw(16).Span);
        var condition = (QuorumCondition)reader.Byte();
        byte replace = reader.Byte();
        if (replace > 2)
            throw new InvalidDataException($"a quorum request replaces {replace}; 2 is the most");
        ReadOnlyMemory<byte> key = reader.Bytes(), context = reader.Bytes(), value = reader.Bytes(), expected = reader.Bytes();
        reader.End();
        var request = new QuorumRequest(operation, key, value, context, id, level, durable, condition, expected, Replace: replace > 0, First: replace == 2);
        if (condition > QuorumCondition.Equals || request.IsConditional != (condition != QuorumCondition.None))
            throw new InvalidDataException($"a quorum request of operation {operation} has condition {condition}; conditional writes have one, and nothing else has");
        return request;
    }
}

/// <summary>
/// What a client gets: the values of a key, none if it is not there, several if they are concurrent; and the context for its next write of the key.
/// <para>Layout: version (1), applied (1), context, count (4), values.</para>
/// </summary>
/// <param name="Applied">False: a conditional write whose condition did not hold; context and values are what there is instead.</param>
public sealed record QuorumReply(ReadOnlyMemory<byte> Context, IReadOnlyList<ReadOnlyMemory<byte>> Values, bool Applied = true)
{
    private const byte Version = 1;

    internal int EncodedSize
    {
        get
        {
            int size = 2 + 2 * sizeof(int) + Context.Length;
            for (int i = 0; i < Values.Count; i++)
                size += sizeof(int) + Values[i].Length;
            return size;
        }
    }

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[EncodedSize];
        var writer = new ByteWriter(bytes);
        Encode(ref writer);
        return bytes;
    }

    internal void Encode(ref ByteWriter writer)
    {
        writer.Byte(Version);
        writer.Byte(Applied ? (byte)1 : (byte)0);
        writer.Bytes(Context.Span);
        writer.Int32(Values.Count);
        foreach (ReadOnlyMemory<byte> value in Values)
            writer.Bytes(value.Span);
    }

    /// <exception cref="InvalidDataException">The bytes are no reply.</exception>
    public static QuorumReply Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a quorum reply has version {version}; this build reads {Version}");
        bool applied = reader.Bool();
        ReadOnlyMemory<byte> context = reader.Bytes();
        var values = new ReadOnlyMemory<byte>[reader.Count(sizeof(int))];
        for (int i = 0; i < values.Length; i++)
            values[i] = reader.Bytes();
        reader.End();
        return new QuorumReply(context, values, applied);
    }
}
