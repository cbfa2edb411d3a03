using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Multiplex;

/// <summary>Times and limits of a node's multiplexer; the same on all nodes. Times in µs.</summary>
public sealed record MultiplexerOptions
{
    /// <summary>A node is told at least this often that the other is there.</summary>
    public long BeatMicros { get; init; } = 100 * Instant.Millisecond;

    /// <summary>
    /// A node that was not heard for so long is believed down. Time that this node itself stood still is not counted.
    /// A quiet shard then asks whether its leader is there, which costs little where it is: an election timeout follows.
    /// </summary>
    public long SilenceMicros { get; init; } = 400 * Instant.Millisecond;

    /// <summary>Bytes of one bundle; a beat that is larger travels alone.</summary>
    public int MaxBundleBytes { get; init; } = 64 * 1024;

    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range, or two contradict each other.</exception>
    public MultiplexerOptions Validate()
    {
        if (BeatMicros <= 0)
            throw new ArgumentOutOfRangeException(nameof(BeatMicros), BeatMicros, "must be above 0");
        if (SilenceMicros < 3 * BeatMicros)
            throw new ArgumentOutOfRangeException(nameof(SilenceMicros), SilenceMicros, $"must be at least three {nameof(BeatMicros)} ({3 * BeatMicros})");
        if (MaxBundleBytes < 1024)
            throw new ArgumentOutOfRangeException(nameof(MaxBundleBytes), MaxBundleBytes, "must be at least 1024");
        return this;
    }
}
