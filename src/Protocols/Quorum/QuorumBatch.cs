using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>What became of one request of a batch: a reply, or why there is none.</summary>
public readonly record struct QuorumPart(QuorumReply? Reply, Rejection Why);

/// <summary>
/// Requests that travel together: all of them reads, or all of them writes without a condition. Each is done, or refused, by itself; their coordinator sends what
/// they ask of one owner in one message, and all that they write is one record.
/// <para>Layout: tag (1), count (4), each request with its length. The answer: tag (1), count (4), each answered (1), then its reply with its length, or reason (1), outcome
/// unknown (1), leader (4) and detail.</para>
/// <para>Where all are refused for one reason, so is the batch. A reply that finds no room in <see cref="QuorumOptions.MaxMessageBytes"/> beside the others is
/// refused as <see cref="RejectReason.Dropped"/>, with its outcome unknown if it was a write: asked for again by itself, under its id, it has room.</para>
/// </summary>
public static class QuorumBatch
{
    // Unlike the version that a request and a reply begin with.
    private const byte Tag = 0x51;

    public static bool Is(ReadOnlyMemory<byte> payload) => payload.Length > 0 && payload.Span[0] == Tag;

    public static byte[] Encode(IReadOnlyList<QuorumRequest> requests)
    {
        int size = 1 + sizeof(int);
        for (int i = 0; i < requests.Count; i++)
            size += sizeof(int) + requests[i].EncodedSize;
        byte[] bytes = new byte[size];
        var writer = new ByteWriter(bytes);
        writer.Byte(Tag);
        writer.Int32(requests.Count);
        for (int i = 0; i < requests.Count; i++)
        {
            writer.Int32(requests[i].EncodedSize);
            requests[i].Encode(ref writer);
        }

        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no batch.</exception>
    public static QuorumRequest[] Decode(ReadOnlyMemory<byte> bytes)
    {
        ByteReader reader = Begin(bytes);
        var requests = new QuorumRequest[reader.Count(sizeof(int))];
        for (int i = 0; i < requests.Length; i++)
        {
            requests[i] = QuorumRequest.Decode(reader.Bytes());
            if (requests[i].IsConditional || requests[i].IsWrite != requests[0].IsWrite)
                throw new InvalidDataException("a batch is of reads, or of writes without a condition");
        }

        reader.End();
        return requests.Length > 0 ? requests : throw new InvalidDataException("a batch has at least one request");
    }

    public static byte[] EncodeReplies(IReadOnlyList<QuorumPart> parts)
    {
        int size = 1 + sizeof(int);
        for (int i = 0; i < parts.Count; i++)
            size += SizeOf(parts[i]);
        byte[] bytes = new byte[size];
        var writer = new ByteWriter(bytes);
        writer.Byte(Tag);
        writer.Int32(parts.Count);
        for (int i = 0; i < parts.Count; i++)
            Write(ref writer, parts[i]);
        Invariant.That(writer.Position == bytes.Length, "a batch's answer is as long as it says");
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no answer to a batch.</exception>
    public static QuorumPart[] DecodeReplies(ReadOnlyMemory<byte> bytes)
    {
        ByteReader reader = Begin(bytes);
        var parts = new QuorumPart[reader.Count(1 + sizeof(int))];
        for (int i = 0; i < parts.Length; i++)
        {
            parts[i] = reader.Bool()
                ? new QuorumPart(QuorumReply.Decode(reader.Bytes()), default)
                : new QuorumPart(null, new Rejection((RejectReason)reader.Byte(), reader.Bool(), new ReplicaId(reader.Int32()), reader.Text()));
        }

        reader.End();
        return parts;
    }

    internal static int SizeOf(in QuorumPart part) => part.Reply is { } reply
        ? 1 + sizeof(int) + reply.EncodedSize
        : 3 + 2 * sizeof(int) + System.Text.Encoding.UTF8.GetByteCount(part.Why.Detail ?? "");

    private static void Write(ref ByteWriter writer, in QuorumPart part)
    {
        writer.Byte(part.Reply is null ? (byte)0 : (byte)1);
        if (part.Reply is { } reply)
        {
            writer.Int32(reply.EncodedSize);
            reply.Encode(ref writer);
            return;
        }

        writer.Byte((byte)part.Why.Reason);
        writer.Byte(part.Why.OutcomeUnknown ? (byte)1 : (byte)0);
        writer.Int32(part.Why.Leader.Value);
        writer.Text(part.Why.Detail ?? "");
    }

    private static ByteReader Begin(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte tag = reader.Byte();
        return tag == Tag ? reader : throw new InvalidDataException($"a batch of a quorum group begins with {Tag}, not {tag}");
    }
}

/// <summary>A batch that a coordinator answers once all of its requests have an answer.</summary>
internal sealed class PendingBatch(long requestId, int count)
{
    private readonly QuorumPart[] _parts = new QuorumPart[count];
    private readonly bool[] _isWrite = new bool[count];
    private int _left = count;
    private int _refused;

    public long RequestId => requestId;

    /// <summary>True: that was the last.</summary>
    public bool Take(int place, in QuorumPart part, bool isWrite)
    {
        Invariant.That(_left > 0 && _parts[place] == default, "each request of a batch is answered once");
        (_parts[place], _isWrite[place]) = (part, isWrite);
        _refused += part.Reply is null ? 1 : 0;
        return --_left == 0;
    }

    /// <summary>Null: some were answered, or they were refused for different reasons.</summary>
    public Rejection? Refusal
    {
        get
        {
            if (_refused < _parts.Length)
                return null;
            Rejection first = _parts[0].Why;
            bool isUnknown = false;
            foreach (QuorumPart part in _parts)
            {
                if (part.Why.Reason != first.Reason || part.Why.Leader != first.Leader)
                    return null;
                isUnknown |= part.Why.OutcomeUnknown;
            }

            return first with { OutcomeUnknown = isUnknown };
        }
    }

    public byte[] ToBytes(int maxBytes)
    {
        long bytes = 0;
        for (int i = 0; i < _parts.Length; i++)
        {
            int size = QuorumBatch.SizeOf(_parts[i]);
            if (bytes > 0 && bytes + size > maxBytes && _parts[i].Reply is not null)
                _parts[i] = new QuorumPart(null, new Rejection(RejectReason.Dropped, OutcomeUnknown: _isWrite[i], Detail: "its reply has no room beside those of its batch"));
            else
                bytes += size;
        }

        return QuorumBatch.EncodeReplies(_parts);
    }
}
