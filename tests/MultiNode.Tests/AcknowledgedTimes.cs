using System.Collections.Concurrent;
using System.Diagnostics;

namespace ActorRepl.MultiNode.Tests;

/// <summary>When writes of each shard were acknowledged, and how long there were none.</summary>
internal sealed class AcknowledgedTimes(int shards)
{
    private readonly ConcurrentQueue<long>[] _times = [.. Enumerable.Range(0, shards).Select(_ => new ConcurrentQueue<long>())];

    public int Count => _times.Sum(times => times.Count);

    public int CountOf(int shard) => _times[shard].Count;

    /// <summary>A write of this shard was acknowledged now.</summary>
    public void Add(int shard) => _times[shard].Enqueue(Stopwatch.GetTimestamp());

    /// <summary>The longest time without an acknowledged write of a shard between two moments (<see cref="Stopwatch.GetTimestamp"/>).</summary>
    public TimeSpan LongestGap(int shard, long from, long to)
    {
        long last = from, longest = 0;
        foreach (long at in _times[shard].Where(at => at >= from && at <= to).Order().Append(to))
        {
            longest = Math.Max(longest, at - last);
            last = at;
        }

        return Stopwatch.GetElapsedTime(0, longest);
    }
}
