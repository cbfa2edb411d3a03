using System.Numerics;

namespace ActorRepl.Protocols.Modes;

/// <summary>
/// Counts lags in buckets that are at most 6.25 % wide, as in HdrHistogram: powers of two, each cut into 16. From 0 µs to 19 hours;
/// what is longer counts as that. 2 KB; adding allocates nothing.
/// </summary>
public sealed class LagHistogram
{
    private const int SubBits = 4, MaxBits = 36;
    private const long Longest = (1L << MaxBits) - 1;

    private readonly int[] _counts = new int[(MaxBits - SubBits + 1) << SubBits];

    public long Count { get; private set; }

    /// <summary>The longest lag, exact; 0: none was counted.</summary>
    public long MaxMicros { get; private set; }

    public void Add(long micros)
    {
        micros = Math.Clamp(micros, 0, Longest);
        ref int count = ref _counts[BucketOf(micros)];
        if (count == int.MaxValue)
            return;
        count++;
        Count++;
        MaxMicros = Math.Max(MaxMicros, micros);
    }

    public void Add(LagHistogram other)
    {
        for (int bucket = 0; bucket < _counts.Length; bucket++)
        {
            int added = Math.Min(other._counts[bucket], int.MaxValue - _counts[bucket]);
            _counts[bucket] += added;
            Count += added;
        }

        MaxMicros = Math.Max(MaxMicros, other.MaxMicros);
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
        MaxMicros = 0;
    }

    /// <summary>The lag, µs, that so many of 1,000 do not exceed, rounded up to the end of its bucket; 0: none was counted.</summary>
    public long Quantile(int perThousand)
    {
        if (perThousand is < 1 or > 1000)
            throw new ArgumentOutOfRangeException(nameof(perThousand), perThousand, "a quantile is given in parts per thousand, 1 to 1,000");
        long rank = (Count * perThousand + 999) / 1000, seen = 0;
        for (int bucket = 0; bucket < _counts.Length && Count > 0; bucket++)
        {
            seen += _counts[bucket];
            if (seen >= rank)
                return Math.Min(LastOf(bucket), MaxMicros);
        }

        return 0;
    }

    // Below 2^SubBits a bucket is one number; above, each power of two is cut into 2^SubBits buckets.
    private static int BucketOf(long value)
    {
        int shift = Math.Max(0, BitOperations.Log2((ulong)value) - SubBits);
        return (shift << SubBits) + (int)(value >> shift);
    }

    private static long LastOf(int bucket)
    {
        int shift = Math.Max(0, (bucket >> SubBits) - 1);
        return ((bucket - ((long)shift << SubBits) + 1) << shift) - 1;
    }
}
