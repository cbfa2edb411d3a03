using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Chain;

/// <summary>
/// What a replica must never forget besides its log and its view, which is the configuration of its records.
/// <para>Layout: version (1), loss (8).</para>
/// </summary>
/// <param name="Loss">Something it had promised to keep is gone: the random number it drew then; 0: it has all.</param>
internal readonly record struct HardState(long Loss)
{
    private const byte Version = 1;
    private const int Size = 1 + sizeof(long);

    public byte[] Encode()
    {
        byte[] bytes = new byte[Size];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        writer.Int64(Loss);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no hard state of a chain.</exception>
    public static HardState Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a chain's hard state has version {version}; this build reads {Version}");
        var state = new HardState(reader.Int64());
        reader.End();
        if (state.Loss < 0)
            throw new InvalidDataException($"a chain's hard state has loss {state.Loss}");
        return state;
    }
}
