using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Versions;

/// <summary>
/// What a client gets with the values of a key and gives back with its next write of that key: opaque bytes to it.
/// <para>Layout: crc32c of the rest and of the key (4), version (1), version vector, and what the protocol adds. No bytes: nothing was read.</para>
/// </summary>
public static class ContextToken
{
    private const byte Version = 1;

    public static byte[] Encode(VersionVector clock, ReadOnlySpan<byte> key, ReadOnlySpan<byte> more = default)
    {
        if (clock.IsEmpty)
            return [];
        byte[] bytes = new byte[sizeof(uint) + 1 + clock.EncodedSize + more.Length];
        var writer = new ByteWriter(bytes);
        writer.UInt32(0);
        writer.Byte(Version);
        clock.Encode(ref writer);
        writer.Raw(more);
        new ByteWriter(bytes).UInt32(Checksum(bytes, key));
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no token, or that of another key.</exception>
    public static VersionVector Decode(ReadOnlyMemory<byte> token, ReadOnlySpan<byte> key) => Decode(token, key, out _);

    /// <inheritdoc cref="Decode(ReadOnlyMemory{byte}, ReadOnlySpan{byte})"/>
    public static VersionVector Decode(ReadOnlyMemory<byte> token, ReadOnlySpan<byte> key, out ReadOnlyMemory<byte> more)
    {
        more = default;
        if (token.IsEmpty)
            return VersionVector.Empty;
        var reader = new ByteReader(token);
        if (reader.UInt32() != Checksum(token.Span, key))
            throw new InvalidDataException("the context is damaged, or was read with another key; send back what the last read of this key returned, unchanged");
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a context has version {version}; this build reads {Version}");
        VersionVector clock = VersionVector.Decode(ref reader);
        more = reader.Raw(reader.Remaining);
        return clock;
    }

    private static uint Checksum(ReadOnlySpan<byte> token, ReadOnlySpan<byte> key) => Crc32C.Compute(key, Crc32C.Compute(token[sizeof(uint)..]));
}
