using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Modes;

/// <summary>
/// How fast a follower's log and its leader's grow, over the last few seconds: a ring of samples, the oldest of which is compared
/// with the newest.
/// </summary>
internal sealed class Pace(long windowMicros)
{
    private const int Samples = 16;

    private readonly Sample[] _ring = new Sample[Samples];
    private int _count;
    private int _next;
    private Sample _now;

    private readonly record struct Sample(long At, long Durable, long Head);

    private Sample Oldest => _ring[_count < Samples ? 0 : _next];

    /// <summary>It lacks less than it did at the beginning of the window, or next to nothing.</summary>
    public bool IsGaining => _count > 0 && (Lag(_now) < Lag(Oldest) || Lag(_now) == 0);

    /// <summary>How long until it lacks nothing, µs; null: it does not gain on the leader, or not measurably yet.</summary>
    public long? CatchUpMicros
    {
        get
        {
            long gained = Lag(Oldest) - Lag(_now), took = _now.At - Oldest.At;
            if (Lag(_now) == 0)
                return 0;
            return _count == 0 || gained <= 0 || took <= 0 ? null : Scale(Lag(_now), took, gained);
        }
    }

    /// <summary>Entries a second that the leader's log grows by; 0: not known.</summary>
    public long HeadPerSecond => _count > 0 && _now.At > Oldest.At ? Scale(_now.Head - Oldest.Head, Instant.Second, _now.At - Oldest.At) : 0;

    public void Observe(long durable, long head, long now)
    {
        _now = new Sample(now, durable, head);
        if (_count > 0 && now - _ring[(_next + Samples - 1) % Samples].At < windowMicros / Samples)
            return;
        _ring[_next] = _now;
        _next = (_next + 1) % Samples;
        _count = Math.Min(_count + 1, Samples);
    }

    private static long Lag(Sample sample) => Math.Max(0, sample.Head - sample.Durable);

    private static long Scale(long value, long by, long over) => (long)Int128.Min(long.MaxValue, (Int128)value * by / over);
}
