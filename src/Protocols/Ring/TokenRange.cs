using System.Globalization;

namespace ActorRepl.Protocols.Ring;

/// <summary>Where a key lies on the ring of 2^64 tokens. Part of the data format: it decides which nodes have a key.</summary>
public static class KeyToken
{
    private const ulong FnvOffset = 0xCBF29CE484222325, FnvPrime = 0x100000001B3;

    /// <summary>FNV-1a over the key, its bits then mixed as in SplitMix64 (Steele et al. 2014), so that keys that differ little lie far apart.</summary>
    public static ulong Of(ReadOnlySpan<byte> key)
    {
        ulong hash = FnvOffset;
        foreach (byte b in key)
            hash = (hash ^ b) * FnvPrime;
        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EB;
        return hash ^ (hash >> 31);
    }
}

/// <summary>
/// The tokens above <paramref name="After"/> up to and with <paramref name="UpTo"/>, past 0 if that is the lower; all of them if they are the same.
/// </summary>
public readonly record struct TokenRange(ulong After, ulong UpTo)
{
    public bool IsWhole => After == UpTo;

    /// <summary>How many tokens.</summary>
    public UInt128 Size => IsWhole ? UInt128.One << 64 : UpTo - After;

    public bool Contains(ulong token) => IsWhole || token - After - 1 < UpTo - After;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"({After:x16}, {UpTo:x16}]");
}
