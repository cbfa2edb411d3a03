namespace ActorRepl.Persistence;

/// <summary>Limits of a segment store. The defaults are those of hocon/persistence.conf.</summary>
public sealed record SegmentOptions
{
    /// <summary>The directory of the node's data.</summary>
    public required string Directory { get; init; }

    /// <summary>Bytes of all segments together; writes beyond are refused as if the disk were full. 0: no limit.</summary>
    public long MaxBytes { get; init; }

    /// <summary>Bytes of the first segment; later ones have about a quarter of the log.</summary>
    public int FirstSegmentBytes { get; init; } = 4 << 20;

    /// <summary>Bytes of a segment of a large log.</summary>
    public int SegmentBytes { get; init; } = 64 << 20;

    /// <summary>
    /// Bytes of the files that are kept to be used again, beside the one that is ready: what a checkpoint frees, the events
    /// up to the next one take.
    /// </summary>
    public long SpareBytes { get; init; } = 256L << 20;

    /// <summary>From this size on a log whose live records are less than half of it is compacted.</summary>
    public long CompactAboveBytes { get; init; } = 256L << 20;

    /// <summary>Bytes of payload that go into one group, unless one write alone is larger.</summary>
    public int MaxTransactionBytes { get; init; } = 8 << 20;

    /// <summary>Writes that may wait; who brings one more waits.</summary>
    public int MaxWaitingWrites { get; init; } = 4_096;

    /// <summary>Reads at a time.</summary>
    public int Readers { get; init; } = 4;

    /// <exception cref="ArgumentException">A limit makes no sense; names it.</exception>
    public SegmentOptions Validated()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Directory);
        Within(MaxBytes, 0, long.MaxValue, "max-size");
        Within(FirstSegmentBytes, 64 << 10, Segments.SegmentFormat.MaxSegment, "first-segment-size");
        Within(SegmentBytes, FirstSegmentBytes, Segments.SegmentFormat.MaxSegment, "segment-size");
        Within(SpareBytes, 0, long.MaxValue, "spare-size");
        Within(CompactAboveBytes, 0, long.MaxValue, "compact-above");
        Within(MaxTransactionBytes, 1, Segments.SegmentFormat.MaxSegment / 2, "max-transaction-size");
        Within(MaxWaitingWrites, 1, int.MaxValue, "max-waiting-writes");
        Within(Readers, 1, int.MaxValue, "readers");
        if (FirstSegmentBytes % Segments.SegmentFormat.Page != 0 || SegmentBytes % Segments.SegmentFormat.Page != 0)
            throw new ArgumentException($"first-segment-size is {FirstSegmentBytes} and segment-size {SegmentBytes}; both must be multiples of {Segments.SegmentFormat.Page}");
        return this;
    }

    private static void Within(long value, long least, long most, string name)
    {
        if (value < least || value > most)
            throw new ArgumentException($"{name} is {value}; it must be at least {least}{(most == long.MaxValue || most == int.MaxValue ? "" : $" and at most {most}")}");
    }
}
