using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Convergence;

/// <summary>How a CRDT group replicates. Times in µs of the monotonic clock.</summary>
public sealed record ConvergentOptions
{
    public static readonly ConvergentOptions Default = new();

    /// <summary>What reads wait for where they do not say; <see cref="ConsistencyLevel.One"/>: nobody else.</summary>
    public ConsistencyLevel Read { get; init; } = ConsistencyLevel.One;

    /// <summary>What updates wait for where they do not say; <see cref="ConsistencyLevel.One"/>: this replica's disk.</summary>
    public ConsistencyLevel Write { get; init; } = ConsistencyLevel.One;

    /// <summary>Levels of the trees that are compared; part of the format. 3: for up to some hundred thousand keys a shard.</summary>
    public int MerkleDepth { get; init; } = 3;

    /// <summary>How often members tell each other how far they are, when nothing else does.</summary>
    public long BeatMicros { get; init; } = 200 * Instant.Millisecond;

    /// <summary>What was sent and is not acknowledged is sent again after so long.</summary>
    public long ResendMicros { get; init; } = 300 * Instant.Millisecond;

    /// <summary>How long what is seen to be elsewhere may be missing before another than its source is asked for it.</summary>
    public long RelayAfterMicros { get; init; } = 500 * Instant.Millisecond;

    /// <summary>A comparison or an exchange in which nothing moves is given up after so long.</summary>
    public long PatienceMicros { get; init; } = 5 * Instant.Second;

    /// <summary>How often what has become stable is collected.</summary>
    public long CollectMicros { get; init; } = Instant.Second;

    /// <summary>Bytes of updates on their way to one peer that it has not acknowledged.</summary>
    public int WindowBytes { get; init; } = 1024 * 1024;

    /// <summary>Keys that are made ready for a comparison at a time: so long nothing else is done.</summary>
    public int HashedAtOnce { get; init; } = 4_096;

    /// <summary>One message between replicas, but for a value or an update that is larger by itself.</summary>
    public int MaxMessageBytes { get; init; } = 256 * 1024;

    /// <summary>Bytes of updates that a replica keeps for members that lack them; beyond it the oldest go, and whoever lacks them is brought up by comparing trees.</summary>
    public long MaxRetainedBytes { get; init; } = 32L * 1024 * 1024;

    /// <summary>Updates that came before what they depend on, of one source; further ones are sent again.</summary>
    public int MaxHeldUnits { get; init; } = 4_096;

    /// <summary>
    /// Bytes of one value, encoded, beyond which a replica lets it grow no more. Members that are cut off from each other may each take it there, so what becomes of it is that many
    /// times as large at most; checkpoints and members have it in parts.
    /// </summary>
    public int MaxValueBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>
    /// Bytes that tell which changes of maps, lists and texts some member has not, some twenty a change; beyond it such values are not changed until that one is back or taken out.
    /// </summary>
    public long MaxTagBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>Bytes of one client's update, and of what it becomes.</summary>
    public int MaxUpdateBytes { get; init; } = 1024 * 1024;

    /// <summary>Bytes of the answer to one client's read.</summary>
    public int MaxAnswerBytes { get; init; } = 4 * 1024 * 1024;

    public int MaxPendingRequests { get; init; } = 32 * 1024;

    /// <summary>Values of which a decoded form is kept, because they are large or edited again and again.</summary>
    public int MaxHotValues { get; init; } = 256;

    /// <summary>Positions that the feed of changes goes back.</summary>
    public int MaxChanges { get; init; } = 65_536;

    /// <summary>A checkpoint is taken once this many updates, or bytes of them, were applied since the last one.</summary>
    public long CheckpointEntries { get; init; } = 1_000_000;
    public long CheckpointBytes { get; init; } = 32 * 1024 * 1024;

    /// <exception cref="ArgumentException">A setting is out of its range, or two contradict each other.</exception>
    public ConvergentOptions Validate()
    {
        Within(MerkleDepth, 1, 4, nameof(MerkleDepth));
        foreach ((long value, string name) in ((long, string)[])
            [
                (BeatMicros, nameof(BeatMicros)), (ResendMicros, nameof(ResendMicros)), (RelayAfterMicros, nameof(RelayAfterMicros)), (PatienceMicros, nameof(PatienceMicros)),
                (CollectMicros, nameof(CollectMicros)), (WindowBytes, nameof(WindowBytes)), (MaxMessageBytes, nameof(MaxMessageBytes)), (MaxRetainedBytes, nameof(MaxRetainedBytes)),
                (MaxHeldUnits, nameof(MaxHeldUnits)), (MaxValueBytes, nameof(MaxValueBytes)), (MaxTagBytes, nameof(MaxTagBytes)), (MaxUpdateBytes, nameof(MaxUpdateBytes)), (MaxAnswerBytes, nameof(MaxAnswerBytes)), (MaxPendingRequests, nameof(MaxPendingRequests)),
                (MaxHotValues, nameof(MaxHotValues)), (MaxChanges, nameof(MaxChanges)), (CheckpointEntries, nameof(CheckpointEntries)), (CheckpointBytes, nameof(CheckpointBytes)),
            ])
            Within(value, 1, long.MaxValue, name);
        foreach ((ConsistencyLevel level, string name) in ((ConsistencyLevel, string)[])[(Read, nameof(Read)), (Write, nameof(Write))])
        {
            if (level.Kind is not (ConsistencyKind.Count or ConsistencyKind.Quorum or ConsistencyKind.All) || level is { Kind: ConsistencyKind.Count, Owners: 0 })
                throw new ArgumentException($"{name} is {level}; a CRDT group waits for a number of replicas from 1, Quorum or All");
        }

        return this;
    }

    private static void Within(long value, long least, long most, string name)
    {
        if (value < least || value > most)
            throw new ArgumentOutOfRangeException(name, value, most == long.MaxValue ? $"must be at least {least}" : $"must be {least} to {most}");
    }
}
