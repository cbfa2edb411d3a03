namespace ActorRepl.Actors.Settings;

/// <summary>Limits and delays of a replica actor and its supervisor.</summary>
public sealed record ReplicaSettings
{
    /// <summary>Records and bytes that go to the journal as one write.</summary>
    public int MaxWriteRecords { get; init; } = 128;
    public int MaxWriteBytes { get; init; } = 4 << 20;

    /// <summary>The delay before a write that was refused for a full disk is tried again: first and longest.</summary>
    public TimeSpan MinWriteRetry { get; init; } = TimeSpan.FromMilliseconds(100);
    public TimeSpan MaxWriteRetry { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The delay before a failed replica is started again: first and longest.</summary>
    public TimeSpan MinRestart { get; init; } = TimeSpan.FromMilliseconds(200);
    public TimeSpan MaxRestart { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A replica that has run for this long starts again without more than the first delay.</summary>
    public TimeSpan RestartReset { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Journal events deleted in one step behind a checkpoint.</summary>
    public int DeleteStep { get; init; } = 2_000;

    /// <summary>How long a snapshot store may take over one request.</summary>
    public TimeSpan StoreTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How far this node's wall clock may be off.</summary>
    public TimeSpan WallClockError { get; init; } = TimeSpan.FromMilliseconds(500);
}
