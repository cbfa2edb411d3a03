using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>
/// Follows a percentile of latencies without keeping them: each sample moves it a little, up by as much more often as fewer are to lie above (Robbins and
/// Monro 1951). In µs.
/// </summary>
internal sealed class LatencyPercentile(int percentile)
{
    private const long Least = 2 * Instant.Millisecond;

    public long Micros { get; private set; } = 100 * Instant.Millisecond;

    public bool IsOn => percentile > 0;

    public void Add(long micros)
    {
        // In steps of a part of itself, so that it gets anywhere from anywhere.
        long step = Math.Max(1, Micros / 1_000);
        Micros = Math.Max(Least, micros > Micros ? Micros + step * percentile : Micros - step * (100 - percentile));
    }
}
