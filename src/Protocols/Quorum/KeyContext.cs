using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Versions;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// What a read of a key has found: its clock, and the ids of the latest writes that were known. One of them may have been sent to a second coordinator, under a number that
/// the clock does not cover: the write that follows replaces it all the same.
/// </summary>
/// <param name="Clock">Empty: nothing was read.</param>
/// <param name="Writes">Time and id.</param>
public sealed record KeyContext(VersionVector Clock, IReadOnlyList<(HybridTime Time, Guid Id)> Writes)
{
    private const int WriteSize = HybridTime.EncodedSize + 16;

    public byte[] ToToken(ReadOnlySpan<byte> key)
    {
        byte[] writes = new byte[Writes.Count * WriteSize];
        var writer = new ByteWriter(writes);
        foreach ((HybridTime time, Guid id) in Writes)
        {
            time.Encode(ref writer);
            writer.Raw(id.ToByteArray());
        }

        return ContextToken.Encode(Clock, key, writes);
    }

    /// <exception cref="InvalidDataException">The bytes are no token, or that of another key.</exception>
    public static KeyContext FromToken(ReadOnlyMemory<byte> token, ReadOnlySpan<byte> key)
    {
        VersionVector clock = ContextToken.Decode(token, key, out ReadOnlyMemory<byte> more);
        var reader = new ByteReader(more);
        var writes = new (HybridTime, Guid)[more.Length / WriteSize];
        for (int i = 0; i < writes.Length; i++)
            writes[i] = (HybridTime.Decode(ref reader), new Guid(reader.Raw(16).Span));
        reader.End();
        return new KeyContext(clock, writes);
    }
}
