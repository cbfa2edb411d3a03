using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.PrimaryBackup;

/// <summary>
/// What a replica must never forget besides its log and its view.
/// <para>Layout: version (1), epoch (8), flags (1: bit 0 sealed), loss (8).</para>
/// </summary>
/// <param name="Epoch">The latest epoch this replica has been in.</param>
/// <param name="Sealed">It takes nothing from that epoch's primary any more.</param>
/// <param name="Loss">See <see cref="Standing.Loss"/>.</param>
internal readonly record struct HardState(long Epoch, bool Sealed, long Loss)
{
    private const byte Version = 1;
    private const int Size = 18;

    public byte[] Encode()
    {
        byte[] bytes = new byte[Size];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        writer.Int64(Epoch);
        writer.Byte(Sealed ? (byte)1 : (byte)0);
        writer.Int64(Loss);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no hard state of primary–backup.</exception>
    public static HardState Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a primary–backup hard state has version {version}; this build reads {Version}");
        var state = new HardState(reader.Int64(), reader.Bool(), reader.Int64());
        reader.End();
        if (state.Epoch < View.Unknown.Epoch || state.Loss < 0)
            throw new InvalidDataException($"a primary–backup hard state has epoch {state.Epoch} and loss {state.Loss}");
        return state;
    }
}

/// <summary>
/// The configuration of a record or a checkpoint: the view, and where the epochs up to the checkpoint began.
/// <para>Layout: version (1), view, epoch history.</para>
/// </summary>
internal readonly record struct Configuration(View View, IReadOnlyList<(long Epoch, long First)> History)
{
    private const byte Version = 1;

    public byte[] Encode()
    {
        byte[] bytes = new byte[1 + View.EncodedSize + EpochHistory.EncodedSize(History.Count)];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        View.Encode(ref writer);
        EpochHistory.Encode(ref writer, History);
        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no configuration of primary–backup.</exception>
    public static Configuration Decode(ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"a primary–backup configuration has version {version}; this build reads {Version}");
        var configuration = new Configuration(View.Decode(ref reader), EpochHistory.Decode(ref reader));
        reader.End();
        return configuration;
    }
}
