namespace ActorRepl.Protocols.Kernel;

/// <summary>Pseudo-random numbers that are the same on every machine for the same seed (SplitMix64, Steele et al. 2014).</summary>
public sealed class DeterministicRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong NextUInt64()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number from 0 to <paramref name="exclusiveMax"/> − 1, by multiplication and without floating point.</summary>
    public long Next(long exclusiveMax)
    {
        Invariant.That(exclusiveMax > 0, "a random range is not empty");
        return (long)Math.BigMul(NextUInt64(), (ulong)exclusiveMax, out _);
    }

    /// <summary>True in <paramref name="numerator"/> of <paramref name="denominator"/> cases.</summary>
    public bool Chance(long numerator, long denominator) => Next(denominator) < numerator;
}
