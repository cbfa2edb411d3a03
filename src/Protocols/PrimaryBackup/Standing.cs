using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// What a member says of itself with every answer.
/// <para>Layout: flags (1: bit 0 sealed, bit 1 a loss follows), then the loss (8) if the flag says so.</para>
/// </summary>
/// <param name="Sealed">It takes nothing from the primary of its epoch any more.</param>
/// <param name="Loss">Something it had promised to keep is gone: the random number it drew then, so that a view can be later than the loss; 0: it has all.</param>
internal readonly record struct Standing(bool Sealed, long Loss = 0)
{
    public int EncodedSize => Loss != 0 ? 1 + sizeof(long) : 1;

    /// <summary>What it acknowledges counts.</summary>
    public bool Counts => !Sealed && Loss == 0;

    public void Encode(ref ByteWriter writer)
    {
        writer.Byte((byte)((Sealed ? 1 : 0) | (Loss != 0 ? 2 : 0)));
        if (Loss != 0)
            writer.Int64(Loss);
    }

    /// <exception cref="InvalidDataException">The bytes are no standing.</exception>
    public static Standing Decode(ref ByteReader reader)
    {
        byte flags = reader.Byte();
        if (flags > 3)
            throw new InvalidDataException($"a member's standing at byte {reader.Position - 1} is {flags}; it is 0 to 3");
        return new Standing((flags & 1) != 0, (flags & 2) != 0 ? reader.Int64() : 0);
    }
}
