using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Raft;

/// <summary>
/// What a replica must never forget (figure 2, "persistent state"), besides the log.
/// <para>Layout: version (1), term (8), vote (4), flags (1: bit 0 non-voter).</para>
/// </summary>
/// <param name="Term">The latest term this replica has seen.</param>
/// <param name="Vote">Whom it voted for in that term.</param>
/// <param name="NonVoter">Something it had promised to keep is gone: it neither votes nor counts.</param>
internal readonly record struct HardState(long Term, ReplicaId Vote, bool NonVoter)
{
    private const byte Version = 1;
    private const int Size = 14;

    public byte[] Encode()
    {
        byte[] bytes = new byte[Size];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        writer.Int64(Term);
        writer.Int32(Vote.Value);
        writer.Byte(NonVoter ? (byte)1 : (byte)0);
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
        if (version != Version)
            throw new InvalidDataException($"a Raft hard state has version {version}; this build reads {Version}");
        var state = new HardState(reader.Int64(), new ReplicaId(reader.Int32()), reader.Bool());
        reader.End();
        if (state.Term < 0 || state.Vote.Value < 0)
            throw new InvalidDataException($"a Raft hard state has term {state.Term} and vote {state.Vote.Value}; neither can be negative");
        return state;
    }
}
