using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// What a replica must never forget (figure 2, "persistent state"), besides the log.
/// <para>Layout: version (1), term (8), vote (4), flags (1: bit 0 non-voter, bit 1 hollow), loss (8). Version 1 had no loss
/// and only bit 0.</para>
/// </summary>
/// <param name="Term">The latest term this replica has seen.</param>
/// <param name="Vote">Whom it voted for in that term.</param>
/// <param name="NonVoter">Something it had promised to keep is gone: it neither votes nor counts.</param>
/// <param name="Loss">Names that loss, so that a pardon can be later than it; 0: it has no name yet.</param>
/// <param name="Hollow">It has been a witness: its log lacks the commands and its machine the state.</param>
internal readonly record struct HardState(long Term, ReplicaId Vote, bool NonVoter, long Loss = 0, bool Hollow = false)
{
    private const byte Version = 2;
    private const byte FirstVersion = 1;
    private const int Size = 22;

    public byte[] Encode()
    {
        byte[] bytes = new byte[Size];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        writer.Int64(Term);
        writer.Int32(Vote.Value);
        writer.Byte((byte)((NonVoter ? 1 : 0) | (Hollow ? 2 : 0)));
        writer.Int64(Loss);
        return bytes;
    }

    /// <summary>Empty bytes are the state of a replica that has never run.</summary>
    /// <exception cref="InvalidDataException">The bytes are no hard state of Raft.</exception>
    public static HardState Decode(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.IsEmpty)
            return default;
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version is not (Version or FirstVersion))
            throw new InvalidDataException($"a Raft hard state has version {version}; this build reads {FirstVersion} and {Version}");
        long term = reader.Int64();
        int vote = reader.Int32();
        byte flags = reader.Byte();
        long loss = version == Version ? reader.Int64() : 0;
        reader.End();
        if (term < 0 || vote < 0 || flags > (version == Version ? 3 : 1))
            throw new InvalidDataException($"a Raft hard state has term {term}, vote {vote} and flags {flags}; none can be negative, and flags are 0 to 3");
        return new HardState(term, new ReplicaId(vote), (flags & 1) != 0, loss, (flags & 2) != 0);
    }
}
