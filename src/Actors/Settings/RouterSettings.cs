namespace ActorRepl.Actors.Settings;

/// <summary>Limits and delays of a shard router, each per shard and node.</summary>
public sealed record RouterSettings
{
    /// <summary>Requests that may be waiting or under way; beyond it they are refused as overloaded.</summary>
    public int MaxRequests { get; init; } = 65_536;

    /// <summary>Bytes of requests that may be waiting or under way likewise.</summary>
    public long MaxBytes { get; init; } = 64L << 20;

    /// <summary>Requests in one message to a replica.</summary>
    public int MaxBatch { get; init; } = 4_096;

    /// <summary>The first and the longest delay between two looks for a leader.</summary>
    public TimeSpan MinBackoff { get; init; } = TimeSpan.FromMilliseconds(25);
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromMilliseconds(400);

    /// <summary>Of several replicas equally near, those that answer this much slower than the fastest at most take turns.</summary>
    public TimeSpan AboutAsFast { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>How often deadlines are looked at while requests are under way.</summary>
    public TimeSpan DeadlineCheck { get; init; } = TimeSpan.FromMilliseconds(25);
}
