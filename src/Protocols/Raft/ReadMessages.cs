using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>Asks the leader how far the sender must have applied before it serves what waits there (thesis 6.4).</summary>
internal sealed class ReadIndexRequest(long term, long token) : RaftMessage(term)
{
    public long Token { get; } = token;

    public override RaftMessageKind Kind => RaftMessageKind.ReadIndexRequest;
    protected override int BodySize => sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer) => writer.Int64(Token);

    public static ReadIndexRequest DecodeBody(long term, ref ByteReader reader) => new(term, NonNegative(ref reader));
}

/// <summary>A quorum has confirmed since the question came that the sender led: whatever was committed by then is at or below the index.</summary>
internal sealed class ReadIndexReply(long term, long token, long index) : RaftMessage(term)
{
    public long Token { get; } = token;
    public long Index { get; } = index;

    public override RaftMessageKind Kind => RaftMessageKind.ReadIndexReply;
    protected override int BodySize => 2 * sizeof(long);

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        writer.Int64(Index);
    }

    public static ReadIndexReply DecodeBody(long term, ref ByteReader reader) => new(term, NonNegative(ref reader), NonNegative(ref reader));
}
