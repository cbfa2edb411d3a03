using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// What a replica says of itself with every answer: whether it may be counted, and whether it has state.
/// <para>Layout: flags (1: bit 0 non-voter, bit 1 hollow, bit 2 a loss follows), then the loss (8) if the flag says so.</para>
/// </summary>
/// <param name="NonVoter">It lost something it had promised: it is counted for nothing until it is pardoned.</param>
/// <param name="Loss">The name of that loss, which the pardon repeats.</param>
/// <param name="Hollow">It is, or has been, a witness: it has no state.</param>
internal readonly record struct Standing(bool NonVoter, long Loss = 0, bool Hollow = false)
{
    public int EncodedSize => Loss != 0 ? 1 + sizeof(long) : 1;

    public void Encode(ref ByteWriter writer)
    {
        writer.Byte((byte)((NonVoter ? 1 : 0) | (Hollow ? 2 : 0) | (Loss != 0 ? 4 : 0)));
        if (Loss != 0)
            writer.Int64(Loss);
    }

    /// <exception cref="InvalidDataException">The bytes are no standing.</exception>
    public static Standing Decode(ref ByteReader reader)
    {
        byte flags = reader.Byte();
        if (flags > 7)
            throw new InvalidDataException($"a replica's standing at byte {reader.Position - 1} is {flags}; it is 0 to 7");
        return new Standing((flags & 1) != 0, (flags & 4) != 0 ? reader.Int64() : 0, (flags & 2) != 0);
    }
}
