using System.Numerics;

namespace ActorRepl.Benchmarks;

/// <summary>
/// Counts latencies in buckets that are at most 1.6 % wide, from 1 ns on; adding one allocates nothing. Not thread-safe.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int SubBits = 6;
    private readonly long[] _counts = new long[(64 - SubBits) << SubBits];

    public long Count { get; private set; }

    public void Add(long nanoseconds)
    {
        _counts[BucketOf((ulong)Math.Max(1, nanoseconds))]++;
        Count++;
    }

    public void Add(LatencyHistogram other)
    {
        for (int i = 0; i < _counts.Length; i++)
            _counts[i] += other._counts[i];
        Count += other.Count;
    }

    public void Add(IEnumerable<KeyValuePair<int, long>> buckets)
    {
        foreach ((int bucket, long count) in buckets)
        {
            _counts[bucket] += count;
            Count += count;
        }
    }

    /// <summary>The buckets that are not empty, to be sent elsewhere.</summary>
    public Dictionary<int, long> Buckets() =>
        Enumerable.Range(0, _counts.Length).Where(bucket => _counts[bucket] > 0).ToDictionary(bucket => bucket, bucket => _counts[bucket]);

    /// <summary>In ms: the upper edge of the bucket in which that part of all lies.</summary>
    public double Millis(double quantile)
    {
        long rank = (long)Math.Ceiling(Count * quantile), seen = 0;
        for (int bucket = 0; bucket < _counts.Length; bucket++)
        {
            seen += _counts[bucket];
            if (seen >= rank && seen > 0)
                return UpperEdge(bucket) / 1e6;
        }

        return 0;
    }

    // Below 2^SubBits a bucket is one number; above, each power of two is cut into 2^SubBits buckets.
    private static int BucketOf(ulong value)
    {
        int shift = Math.Max(0, BitOperations.Log2(value) - SubBits);
        return (shift << SubBits) + (int)(value >> shift);
    }

    private static double UpperEdge(int bucket)
    {
        int shift = Math.Max(0, (bucket >> SubBits) - 1);
        return (double)((ulong)(bucket - (shift << SubBits)) + 1) * (1UL << shift);
    }
}
