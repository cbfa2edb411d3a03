using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>What becomes of concurrent values of a key.</summary>
public enum Resolution : byte
{
    /// <summary>The client gets all of them, and its next write replaces them.</summary>
    Siblings = 1,

    /// <summary>The one with the latest hybrid time.</summary>
    LastWriteWins = 2,

    /// <summary>What <see cref="QuorumOptions.Merge"/> makes of them.</summary>
    Merge = 3,

    /// <summary>The one whose coordinator is in the region named first in <see cref="QuorumOptions.RegionOrder"/>; of one region, the latest.</summary>
    RegionPriority = 4,
}

/// <summary>Where a replica is.</summary>
public sealed record ReplicaPlace(string Region, string Rack);

/// <summary>Promises, times and limits of a quorum group; the same on all of its replicas. Times are in microseconds.</summary>
public sealed record QuorumOptions
{
    public const int DefaultMerkleDepth = 3;

    public static readonly QuorumOptions Default = new();

    /// <summary>N: replicas of each key, in each region that <see cref="Copies"/> does not name. The other members of the group are stand-ins for the key.</summary>
    public int Replicas { get; init; } = 3;

    /// <summary>N by region, where regions differ.</summary>
    public IReadOnlyDictionary<string, int> Copies { get; init; } = new Dictionary<string, int>();

    /// <summary>R, unless a request says otherwise.</summary>
    public ConsistencyLevel Read { get; init; } = ConsistencyLevel.Quorum;

    /// <summary>W, unless a request says otherwise.</summary>
    public ConsistencyLevel Write { get; init; } = ConsistencyLevel.Quorum;

    public Resolution Resolution { get; init; } = Resolution.Siblings;

    /// <summary>Makes one value of several; the same from whatever order, wherever it runs.</summary>
    public Func<IReadOnlyList<ReadOnlyMemory<byte>>, ReadOnlyMemory<byte>>? Merge { get; init; }

    public IReadOnlyList<string> RegionOrder { get; init; } = [];

    /// <summary>Where replicas are; whoever is not named is in region and rack "".</summary>
    public IReadOnlyDictionary<ReplicaId, ReplicaPlace> Places { get; init; } = new Dictionary<ReplicaId, ReplicaPlace>();

    /// <summary>Tokens of each member on the ring.</summary>
    public int Tokens { get; init; } = 64;

    /// <summary>Levels of the trees that two replicas compare; the same on all.</summary>
    public int MerkleDepth { get; init; } = DefaultMerkleDepth;

    /// <summary>A time further ahead of a replica's wall clock is refused and reported.</summary>
    public long MaxSkewMicros { get; init; } = 500 * Instant.Millisecond;

    /// <summary>An owner that has not answered a write after this gets a hint kept for it.</summary>
    public long HintAfterMicros { get; init; } = 500 * Instant.Millisecond;

    /// <summary>
    /// What the coordinator's own copy is enough for goes to the other owners this far apart, all of it together; 0: each at once. At most a third of <see cref="HintAfterMicros"/>.
    /// </summary>
    public long GatherMicros { get; init; } = 5 * Instant.Millisecond;

    /// <summary>Hints are sent to their owners this far apart, at most <see cref="HintReplayBytes"/> at a time.</summary>
    public long HintReplayMicros { get; init; } = Instant.Second;

    public int HintReplayBytes { get; init; } = 256 * 1024;

    /// <summary>Bytes of hints that a replica keeps; it takes no more.</summary>
    public long MaxHintBytes { get; init; } = 256L << 20;

    /// <summary>A hint that is older is given up: anti-entropy brings what it held.</summary>
    public long MaxHintAgeMicros { get; init; } = 3 * 3600 * Instant.Second;

    /// <summary>Each peer is compared with this far apart.</summary>
    public long RepairMicros { get; init; } = 60 * Instant.Second;

    /// <summary>Writes that go to one replica together are split above this; a larger one goes alone.</summary>
    public int MaxMessageBytes { get; init; } = 512 * 1024;

    /// <summary>
    /// All that a key has at once, its concurrent values and what is remembered of them, bytes; a write that would make it more is refused. Twice as much goes into one
    /// message of a conditional write.
    /// </summary>
    public int MaxVersionsBytes { get; init; } = 1_900_000;

    /// <summary>What is larger is not sent, and said: the host has no room for it in a frame.</summary>
    public int MaxSendBytes { get; init; } = (4 << 20) - 4_096;

    /// <summary>Bytes of keys in one message of a repair.</summary>
    public int RepairBytes { get; init; } = 256 * 1024;

    /// <summary>How long a deletion is remembered at least; and until every owner of the key has been compared with since.</summary>
    public long GraceMicros { get; init; } = 10L * 24 * 3600 * Instant.Second;

    /// <summary>Deadlines and answers that do not come are looked at this far apart.</summary>
    public long TickMicros { get; init; } = 20 * Instant.Millisecond;

    /// <summary>The trees are built anew from the data this far apart, so that silent damage is found: a week.</summary>
    public long RecountMicros { get; init; } = 7L * 24 * 3600 * Instant.Second;

    /// <summary>An owner that has not answered after this percentile of all answers is asked again, if more answers are needed; 0: only after <see cref="HintAfterMicros"/>.</summary>
    public int SpeculatePercentile { get; init; } = 99;

    /// <summary>Keys of which an acceptor remembers conditional writes that are under way; it promises no more.</summary>
    public int MaxPaxosKeys { get; init; } = 100_000;

    /// <summary>An attempt at a conditional write that is older is finished by whoever has accepted it.</summary>
    public long PaxosFinishMicros { get; init; } = 5 * Instant.Second;

    /// <summary>A promise that is older is forgotten; attempts of its time are refused from then on.</summary>
    public long PaxosKeepMicros { get; init; } = 30 * Instant.Second;

    /// <summary>How long an attempt at a conditional write that met another waits at most before the next, the first time; doubled up to 16 times.</summary>
    public long PaxosBackoffMicros { get; init; } = 4 * Instant.Millisecond;

    /// <summary>What moves in a change of the ring is pulled this many bytes at a time, no sooner after each other than <see cref="StreamMicros"/>.</summary>
    public int StreamBytes { get; init; } = 256 * 1024;

    public long StreamMicros { get; init; } = 20 * Instant.Millisecond;

    /// <summary>While the ring changes, members tell each other how far they are this far apart.</summary>
    public long RingBeatMicros { get; init; } = 250 * Instant.Millisecond;

    public int MaxKeyBytes { get; init; } = 64 * 1024;
    public int MaxValueBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Requests under way at one coordinator; more are refused as overload.</summary>
    public int MaxPendingRequests { get; init; } = 32 * 1024;

    /// <summary>A checkpoint is taken once this many updates, or bytes of them, were applied since the last one.</summary>
    public long CheckpointEntries { get; init; } = 1_000_000;
    public long CheckpointBytes { get; init; } = 32 * 1024 * 1024;

    internal string RegionOf(ReplicaId id) => Places.TryGetValue(id, out ReplicaPlace? place) ? place.Region : "";

    internal string RackOf(ReplicaId id) => Places.TryGetValue(id, out ReplicaPlace? place) ? place.Rack : $"{id}";

    /// <exception cref="ArgumentException">A setting is out of its range, or two contradict each other.</exception>
    public QuorumOptions Validate()
    {
        Within(Replicas, 1, 63, nameof(Replicas));
        Within(Tokens, 1, Ring.TokenRing.MaxTokensPerNode, nameof(Tokens));
        Within(MerkleDepth, 1, 4, nameof(MerkleDepth));
        Within(SpeculatePercentile, 0, 99, nameof(SpeculatePercentile));
        if (PaxosKeepMicros < PaxosFinishMicros)
            throw new ArgumentOutOfRangeException(nameof(PaxosKeepMicros), PaxosKeepMicros, $"must be at least {nameof(PaxosFinishMicros)} ({PaxosFinishMicros})");
        foreach ((long value, string name) in ((long, string)[])
            [
                (MaxSkewMicros, nameof(MaxSkewMicros)), (HintAfterMicros, nameof(HintAfterMicros)), (HintReplayMicros, nameof(HintReplayMicros)), (HintReplayBytes, nameof(HintReplayBytes)),
                (MaxHintAgeMicros, nameof(MaxHintAgeMicros)), (RepairMicros, nameof(RepairMicros)), (RepairBytes, nameof(RepairBytes)), (MaxMessageBytes, nameof(MaxMessageBytes)), (TickMicros, nameof(TickMicros)),
                (MaxVersionsBytes, nameof(MaxVersionsBytes)), (MaxSendBytes, nameof(MaxSendBytes)), (MaxKeyBytes, nameof(MaxKeyBytes)), (MaxValueBytes, nameof(MaxValueBytes)), (MaxPendingRequests, nameof(MaxPendingRequests)),
                (RecountMicros, nameof(RecountMicros)), (MaxPaxosKeys, nameof(MaxPaxosKeys)), (PaxosFinishMicros, nameof(PaxosFinishMicros)), (PaxosKeepMicros, nameof(PaxosKeepMicros)),
                (PaxosBackoffMicros, nameof(PaxosBackoffMicros)), (StreamBytes, nameof(StreamBytes)), (StreamMicros, nameof(StreamMicros)), (RingBeatMicros, nameof(RingBeatMicros)),
                (CheckpointEntries, nameof(CheckpointEntries)), (CheckpointBytes, nameof(CheckpointBytes)),
            ])
            Within(value, 1, long.MaxValue, name);
        ArgumentOutOfRangeException.ThrowIfNegative(MaxHintBytes);
        Within(GatherMicros, 0, HintAfterMicros / 3, nameof(GatherMicros));
        long least = MaxHintAgeMicros + 4 * MaxSkewMicros;
        if (GraceMicros < least)
            throw new ArgumentOutOfRangeException(nameof(GraceMicros), GraceMicros, $"must be at least {nameof(MaxHintAgeMicros)} + 4 {nameof(MaxSkewMicros)} ({least}), or hints bring back what was deleted");
        if (Read.Kind is ConsistencyKind.Default or ConsistencyKind.Any || Write.Kind is ConsistencyKind.Default or ConsistencyKind.Serial)
            throw new ArgumentException($"the group must say what reads and writes wait for; it says {Read} and {Write}");
        if (Resolution == Resolution.Merge && Merge is null)
            throw new ArgumentException($"with {nameof(Resolution)} {Resolution}, {nameof(Merge)} must say how");
        return this;
    }

    private static void Within(long value, long least, long most, string name)
    {
        if (value < least || value > most)
            throw new ArgumentOutOfRangeException(name, value, most == long.MaxValue ? $"must be at least {least}" : $"must be {least} to {most}");
    }
}
