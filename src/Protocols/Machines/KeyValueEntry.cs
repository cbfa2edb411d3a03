using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Machines;

/// <summary>
/// One key's value with its version and its end, for whoever keeps keys apart from each other.
/// <para>Layout: mark (4), flags (1), version (8), if the flag says so the end (8), value. Bytes without the mark are a value of version 0 that never ends.</para>
/// </summary>
/// <param name="Value">The client's.</param>
/// <param name="Version">As of <see cref="KeyValueVersion"/>, with ms since 1970 in the place of a log index: there is no log.</param>
/// <param name="ExpiresAt">When the key ends, ms since 1970; 0: never.</param>
public sealed record KeyValueEntry(ReadOnlyMemory<byte> Value, long Version, long ExpiresAt)
{
    /// <summary>Bytes beside the value, at most.</summary>
    public const int MostOverhead = sizeof(uint) + 1 + 2 * sizeof(long);

    private const uint Mark = 0x31764BF1;
    private const byte Ends = 1;
    private const int Least = sizeof(uint) + 1 + sizeof(long);

    public bool HasEnded(long millis) => ExpiresAt != 0 && ExpiresAt <= millis;

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[Least + (ExpiresAt == 0 ? 0 : sizeof(long)) + Value.Length];
        var writer = new ByteWriter(bytes);
        writer.UInt32(Mark);
        writer.Byte(ExpiresAt == 0 ? (byte)0 : Ends);
        writer.Int64(Version);
        if (ExpiresAt != 0)
            writer.Int64(ExpiresAt);
        writer.Raw(Value.Span);
        return bytes;
    }

    public static KeyValueEntry Of(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < Least || new ByteReader(bytes).UInt32() != Mark)
            return new KeyValueEntry(bytes, 0, 0);
        var reader = new ByteReader(bytes[sizeof(uint)..]);
        byte flags = reader.Byte();
        long version = reader.Int64();
        if (flags > Ends || (flags == Ends && reader.Remaining < sizeof(long)))
            return new KeyValueEntry(bytes, 0, 0);
        long ends = flags == Ends ? reader.Int64() : 0;
        return new KeyValueEntry(reader.Raw(reader.Remaining), version, ends);
    }

    /// <summary>Of concurrent values the one that was written last, by its version's time; the same wherever it is asked. Null: there is none.</summary>
    public static KeyValueEntry? Latest(IReadOnlyList<ReadOnlyMemory<byte>> values)
    {
        KeyValueEntry? latest = null;
        foreach (ReadOnlyMemory<byte> value in values)
        {
            KeyValueEntry entry = Of(value);
            if (latest is null || entry.Version > latest.Version || (entry.Version == latest.Version && entry.Value.Span.SequenceCompareTo(latest.Value.Span) > 0))
                latest = entry;
        }

        return latest;
    }
}
