namespace ActorRepl.Actors.Settings;

/// <summary>
/// What fits into one remoting frame, and what follows from it. A larger frame would be dropped by the transport, so
/// nothing larger is ever handed to it.
/// </summary>
public sealed record WireLimits
{
    // Room for remoting's own envelope: paths of sender and recipient, serializer and manifest.
    private const int Envelope = 4 * 1024;

    /// <summary>The transport's maximum frame in bytes (<c>actorrepl.max-frame-bytes</c>).</summary>
    public int MaxFrameBytes { get; init; } = 4 << 20;

    /// <summary>The largest single request, payload only, bytes.</summary>
    public int MaxRequestBytes { get; init; } = (1 << 20) + (64 << 10);

    /// <summary>Bytes of requests or replies that travel in one message; a single larger one travels alone.</summary>
    public int BatchBytes { get; init; } = 512 << 10;

    /// <summary>Bytes of one segment of a checkpoint, as long as single items allow it.</summary>
    public int SegmentBytes { get; init; } = 256 << 10;

    /// <summary>The largest message one of our actors may send, bytes as serialized.</summary>
    public int MaxMessageBytes => MaxFrameBytes - Envelope;

    /// <exception cref="ArgumentException">The limits contradict each other.</exception>
    public void Validate()
    {
        if (MaxFrameBytes < 64 << 10)
            throw new ArgumentException($"actorrepl.max-frame-bytes is {MaxFrameBytes}; it must be at least {64 << 10}");
        AtMostHalf(MaxRequestBytes, "actorrepl.limits.max-request-bytes");
        AtMostHalf(BatchBytes, "actorrepl.limits.batch-bytes");
        AtMostHalf(SegmentBytes, "actorrepl.limits.segment-bytes");
    }

    private void AtMostHalf(int value, string name)
    {
        // Replicas measure against what is left of a frame: what were allowed here and not there would fail every checkpoint.
        if (value < 1024 || value > MaxMessageBytes / 2)
            throw new ArgumentException($"{name} is {value}; it must be 1024 to {MaxMessageBytes / 2}, half of what actorrepl.max-frame-bytes leaves for a message");
    }
}
