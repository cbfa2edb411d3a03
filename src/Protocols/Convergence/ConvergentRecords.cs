using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Convergence;

/// <summary>
/// What a replica must never forget besides its store. Layout: version (1), generation (4), starts (8).
/// </summary>
/// <param name="Generation">Another one after each loss of the disk: the dots that it gives are of another source.</param>
/// <param name="Starts">How often it has started on this disk.</param>
internal readonly record struct HardState(uint Generation, long Starts)
{
    private const byte Version = 1;

    public byte[] Encode()
    {
        byte[] bytes = new byte[1 + sizeof(uint) + sizeof(long)];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        writer.UInt32(Generation);
        writer.Int64(Starts);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no hard state of a CRDT replica.</exception>
    public static HardState Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a hard state of a CRDT replica has version {version}; this build reads {Version}");
        var state = new HardState(reader.UInt32(), reader.Int64());
        reader.End();
        return state;
    }
}
