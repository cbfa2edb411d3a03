using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// What a replica must never forget besides its store: the numbers of its writes follow from it, and none is given twice.
/// <para>Layout: version (1), generation (4), starts (8), flags (1): bit 0 lost, bit 1 has given away.</para>
/// </summary>
/// <param name="Generation">Another one after each loss of the disk, and when keys come to this replica that it may have had before.</param>
/// <param name="Starts">How often it has started on this disk.</param>
/// <param name="Lost">What was promised here may be forgotten: it does nothing before the control group has told it which ring is in force.</param>
/// <param name="HasGivenAway">Under this generation's name it wrote keys, perhaps, that it does not have any more: before it gets keys again it takes another.</param>
internal readonly record struct HardState(uint Generation, long Starts, bool Lost, bool HasGivenAway = false)
{
    private const byte Version = 1;

    public byte[] Encode()
    {
        byte[] bytes = new byte[2 + sizeof(uint) + sizeof(long)];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        writer.UInt32(Generation);
        writer.Int64(Starts);
        writer.Byte((byte)((Lost ? 1 : 0) | (HasGivenAway ? 2 : 0)));
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no hard state of a quorum replica.</exception>
    public static HardState Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a quorum hard state has version {version}; this build reads {Version}");
        uint generation = reader.UInt32();
        long starts = reader.Int64();
        byte flags = reader.Byte();
        if (flags > 3)
            throw new InvalidDataException($"a quorum hard state has flags {flags}");
        var state = new HardState(generation, starts, (flags & 1) != 0, (flags & 2) != 0);
        reader.End();
        return state;
    }
}
