using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Driver;

/// <summary>Messages by which one driver pulls a checkpoint from another. The token is the puller's.</summary>
public abstract class TransferMessage(long token) : PeerMessage
{
    private const int Header = sizeof(byte) + sizeof(long);

    public long Token { get; } = token;

    public override int EncodedSize => Header + BodySize;

    protected abstract byte Tag { get; }
    protected abstract int BodySize { get; }

    public override void Encode(ref ByteWriter writer)
    {
        writer.Byte(Tag);
        writer.Int64(Token);
        EncodeBody(ref writer);
    }

    /// <exception cref="InvalidDataException">The bytes are no transfer message.</exception>
    public static TransferMessage Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte tag = reader.Byte();
        long token = reader.Int64();
        TransferMessage message = tag switch
        {
            1 => new ManifestRequest(token, reader.Int64()),
            2 => new ManifestReply(token, reader.Bytes()),
            3 => new SegmentRequest(token, reader.Int64(), reader.Int64(), reader.Int32()),
            4 => new SegmentReply(token, reader.Int32(), reader.Bool(), reader.Bytes()),
            _ => throw new InvalidDataException($"unknown transfer message {tag}"),
        };
        reader.End();
        return message;
    }

    protected abstract void EncodeBody(ref ByteWriter writer);
}

/// <summary>Asks for the newest checkpoint at <paramref name="minIndex"/> or later.</summary>
public sealed class ManifestRequest(long token, long minIndex) : TransferMessage(token)
{
    public long MinIndex { get; } = minIndex;

    protected override byte Tag => 1;
    protected override int BodySize => sizeof(long);
    protected override void EncodeBody(ref ByteWriter writer) => writer.Int64(MinIndex);
}

/// <summary>The manifest, without what is the sender's own; empty: there is none at that index.</summary>
public sealed class ManifestReply(long token, ReadOnlyMemory<byte> manifest) : TransferMessage(token)
{
    public ReadOnlyMemory<byte> Manifest { get; } = manifest;

    protected override byte Tag => 2;
    protected override int BodySize => sizeof(int) + Manifest.Length;
    protected override void EncodeBody(ref ByteWriter writer) => writer.Bytes(Manifest.Span);
}

/// <summary>Asks for one segment of the checkpoint with that index and LSN.</summary>
public sealed class SegmentRequest(long token, long index, long lsn, int number) : TransferMessage(token)
{
    public long Index { get; } = index;
    public long Lsn { get; } = lsn;
    public int Number { get; } = number;

    protected override byte Tag => 3;
    protected override int BodySize => 2 * sizeof(long) + sizeof(int);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Index);
        writer.Int64(Lsn);
        writer.Int32(Number);
    }
}

/// <summary>One segment, or word that the checkpoint is gone.</summary>
public sealed class SegmentReply(long token, int number, bool found, ReadOnlyMemory<byte> bytes) : TransferMessage(token)
{
    public int Number { get; } = number;
    public bool Found { get; } = found;
    public ReadOnlyMemory<byte> Bytes { get; } = bytes;

    protected override byte Tag => 4;
    protected override int BodySize => sizeof(int) + sizeof(byte) + sizeof(int) + Bytes.Length;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int32(Number);
        writer.Byte(Found ? (byte)1 : (byte)0);
        writer.Bytes(Bytes.Span);
    }
}
