using System.Runtime.InteropServices;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// Under which name a write is kept. One that is written before the owners have said what they know has its id turned by a number that is the same for all: that it is known somewhere does not
/// say yet that it has replaced what it should. Under its id itself a write is final.
/// </summary>
internal static class WriteName
{
    // Of the last byte; ids that have it are final from the beginning.
    private const byte Provisional = 0x80;
    // Drawn once: ids that somebody counts up never differ by just that. It has the bit.
    private static ReadOnlySpan<byte> Turn => [0x5a, 0x1c, 0x93, 0xe7, 0x04, 0xd2, 0x6b, 0xf8, 0x2f, 0x37, 0xb0, 0xc5, 0x2e, 0x91, 0x64, 0xba];

    public static bool IsProvisional(in Guid name) => (MemoryMarshal.AsBytes(new ReadOnlySpan<Guid>(in name))[15] & Provisional) != 0;

    /// <summary>None has none.</summary>
    public static Guid ProvisionalOf(in Guid id) => id == Guid.Empty ? id : Turned(id);

    /// <summary>Of a provisional name: the write's id.</summary>
    public static Guid FinalOf(in Guid name) => Turned(name);

    private static Guid Turned(Guid name)
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<Guid>(ref name));
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] ^= Turn[i];
        return name;
    }
}
