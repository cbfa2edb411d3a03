using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Control;

/// <summary>How soon and how fast a <see cref="Reconciler"/> acts. Times are in µs.</summary>
public sealed record ReconcilerOptions
{
    /// <summary>A node that is down for longer is lost: its replicas are made anew on spare nodes.</summary>
    public long ReplaceAfter { get; init; } = 600 * Instant.Second;

    /// <summary>Reports that are older tell nothing.</summary>
    public long ReportMaxAge { get; init; } = 10 * Instant.Second;

    /// <summary>Replicas that are being made on a node, or fed by a leader on it, at one time.</summary>
    public int MaxMovesPerNode { get; init; } = 2;

    /// <summary>How many committed entries a learner may lack when it becomes a voter.</summary>
    public long CatchUpEntries { get; init; } = 1_000;

    /// <summary>Leadership is moved only off a leader that has led for this long, and to a node that has been up for as long.</summary>
    public long LeaderSettle { get; init; } = 10 * Instant.Second;

    /// <summary>Between two transfers of one shard's leadership.</summary>
    public long TransferCoolDown { get; init; } = 30 * Instant.Second;

    /// <summary>Leaderships that are on their way to or from a node at one time; of many shards more, a fiftieth.</summary>
    public int MaxTransfersPerNode { get; init; } = 1;

    /// <summary>What was asked for and does not show is asked for again after this.</summary>
    public long RetryAfter { get; init; } = 5 * Instant.Second;

    /// <summary>A change of members that was refused is asked for again after this, then twice this, and so on up to <see cref="RetryAfter"/>.</summary>
    public long RetryRefusedAfter { get; init; } = Instant.Second / 2;

    /// <summary>Actions of one step.</summary>
    public int MaxActions { get; init; } = 64;

    /// <summary>
    /// Move replicas, without being asked, to spread shards over more domains and to level the nodes' replica counts. Off: a
    /// new node stays empty until it takes the place of another or is given replicas.
    /// </summary>
    public bool Rebalance { get; init; }

    /// <exception cref="ArgumentException">A setting is out of bounds.</exception>
    public void Validate()
    {
        foreach ((string name, long value) in new (string, long)[]
        {
            (nameof(ReplaceAfter), ReplaceAfter), (nameof(ReportMaxAge), ReportMaxAge), (nameof(MaxMovesPerNode), MaxMovesPerNode),
            (nameof(LeaderSettle), LeaderSettle), (nameof(TransferCoolDown), TransferCoolDown),
            (nameof(MaxTransfersPerNode), MaxTransfersPerNode), (nameof(RetryAfter), RetryAfter),
            (nameof(RetryRefusedAfter), RetryRefusedAfter), (nameof(MaxActions), MaxActions),
        })
        {
            if (value < 1)
                throw new ArgumentException($"{name} is {value}; it must be above 0");
        }

        if (CatchUpEntries < 0)
            throw new ArgumentException($"{nameof(CatchUpEntries)} is {CatchUpEntries}; it must not be negative");
    }
}
