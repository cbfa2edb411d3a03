using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ActorRepl.Hosting.Quorum;

/// <summary>Names for writes, each unlike all others: what this process has drawn once, and a count.</summary>
internal static class WriteIds
{
    private static readonly ulong s_process = BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong)));
    private static long s_count;

    public static Guid Next()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, s_process);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[sizeof(ulong)..], Interlocked.Increment(ref s_count));
        return new Guid(bytes);
    }
}
