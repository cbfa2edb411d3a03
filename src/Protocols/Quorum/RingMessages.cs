using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>The ring as the sender knows it.</summary>
internal sealed class ViewNotice(RingView view) : QuorumMessage
{
    public RingView View { get; } = view;

    protected override byte Tag => 9;
    protected override int BodySize => sizeof(int) + View.EncodedSize;
    protected override void EncodeBody(ref ByteWriter writer) => writer.Bytes(View.Bytes);
}

/// <summary>Which ring do you know? Answered by <see cref="ViewNotice"/>.</summary>
internal sealed class ViewAsk : QuorumMessage
{
    protected override byte Tag => 10;
    protected override int BodySize => 0;

    protected override void EncodeBody(ref ByteWriter writer)
    {
    }
}

/// <summary>What is asked of a source, in this order.</summary>
internal enum StreamPart : byte
{
    /// <summary>Conditional writes that are under way.</summary>
    Paxos = 1,

    Keys = 2,

    /// <summary>There is no more.</summary>
    End = 3,
}

/// <summary>
/// Some of what the asker is to get, after a place: pulled, one at a time, so that it comes as fast as the asker takes it. Answered by <see cref="Streamed"/>,
/// or not at all by one that may lack something itself.
/// </summary>
/// <param name="from">Whose place the asker takes: the ranges of which it does. Self of the asker: conditional writes of all keys of both, and nothing else.</param>
/// <param name="floor">Lower rounds of conditional writes are to be refused from now on; 0: none.</param>
internal sealed class StreamAsk(long token, ReplicaId from, StreamPart part, UInt128 after, long floor) : QuorumMessage
{
    public long Token { get; } = token;
    public ReplicaId From { get; } = from;
    public StreamPart Part { get; } = part;
    public UInt128 After { get; } = after;
    public long Floor { get; } = floor;

    protected override byte Tag => 15;
    protected override int BodySize => 2 * sizeof(long) + sizeof(int) + 1 + 16;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        writer.Int32(From.Value);
        writer.Byte((byte)Part);
        Write(ref writer, After);
        writer.Int64(Floor);
    }
}

/// <summary>Some of what was asked for, and where to go on.</summary>
/// <param name="total">Keys of the whole, as far as the source knows.</param>
/// <param name="totalBytes">Bytes of the whole.</param>
/// <param name="floor">Of the source: lower rounds are refused there.</param>
/// <param name="items">A <see cref="PaxosList"/> or a <see cref="KeyList"/>.</param>
internal sealed class Streamed(long token, StreamPart next, UInt128 after, long total, long totalBytes, long floor, ReadOnlyMemory<byte> items) : QuorumMessage
{
    public long Token { get; } = token;
    public StreamPart Next { get; } = next;
    public UInt128 After { get; } = after;
    public long Total { get; } = total;
    public long TotalBytes { get; } = totalBytes;
    public long Floor { get; } = floor;
    public ReadOnlyMemory<byte> Items { get; } = items;

    protected override byte Tag => 16;
    protected override int BodySize => 4 * sizeof(long) + 1 + 16 + sizeof(int) + Items.Length;

    protected override void EncodeBody(ref ByteWriter writer)
    {
        writer.Int64(Token);
        writer.Byte((byte)Next);
        Write(ref writer, After);
        writer.Int64(Total);
        writer.Int64(TotalBytes);
        writer.Int64(Floor);
        writer.Bytes(Items.Span);
    }
}

/// <summary>While the ring changes: the sender knows this epoch, durably.</summary>
/// <param name="hasAll">It has all that it is to get.</param>
internal sealed class RingBeat(bool hasAll) : QuorumMessage
{
    public bool HasAll { get; } = hasAll;

    protected override byte Tag => 17;
    protected override int BodySize => 1;
    protected override void EncodeBody(ref ByteWriter writer) => writer.Byte(HasAll ? (byte)1 : (byte)0);
}
