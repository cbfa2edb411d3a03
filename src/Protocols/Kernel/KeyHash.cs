using System.Buffers.Binary;

namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// A hash of bytes that nobody can choose collisions for who does not know the seed. For tables in memory: what it gives differs
/// from process to process, so nothing replicated may follow from it.
/// </summary>
internal readonly struct KeyHash(ulong seed)
{
    private readonly ulong _seed = seed | 1;

    public static KeyHash Random() => new((ulong)System.Random.Shared.NextInt64());

    public ulong Of(ReadOnlySpan<byte> key)
    {
        ulong hash = _seed ^ (ulong)key.Length;
        for (; key.Length >= sizeof(ulong); key = key[sizeof(ulong)..])
            hash = Mix(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(key));
        ulong rest = 0;
        foreach (byte b in key)
            rest = (rest << 8) | b;
        return Mix(hash ^ rest);
    }

    public ulong Of(long key) => Mix(_seed ^ (ulong)key);

    // The halves of a 128-bit product: each bit of the input reaches every bit of the result.
    private ulong Mix(ulong value)
    {
        ulong high = Math.BigMul(value ^ 0x9E3779B97F4A7C15, _seed ^ 0xD6E8FEB86659FD93, out ulong low);
        return high ^ low;
    }
}
