namespace ActorRepl.Protocols.Kernel;

/// <summary>
/// A replica of one shard as a deterministic state machine: takes one input, changes its own fields, lists its effects.
/// It never awaits, locks, reads a clock or rolls a die; randomness comes from the seed it was made with.
/// </summary>
public interface IProtocol
{
    ReplicaId Self { get; }

    /// <summary>What to show an operator; may be read between any two steps.</summary>
    ReplicaStatus Status { get; }

    void Step(Input input, in Instant now, Effects effects);

    /// <summary>Decodes a message of this protocol's own.</summary>
    /// <exception cref="InvalidDataException">The bytes are none.</exception>
    PeerMessage Decode(ReadOnlyMemory<byte> bytes);
}

/// <summary>Makes the replicas of a group's shards. The seed is fresh for each incarnation.</summary>
public interface IProtocolFactory
{
    /// <summary>The protocol's name in configuration and status, such as "raft".</summary>
    string Name { get; }

    /// <summary>
    /// What all replicas of a group must have been told alike, as lines of <c>name = value</c>; empty: nothing. Hosts that differ in it are
    /// told so, and do not run the group.
    /// </summary>
    string Declaration => "";

    /// <summary>
    /// The version of what its replicas have on disk: hard state, updates in the log, checkpoints of its own machine. Raised by a change that an earlier build would read wrongly, or
    /// that this one would: a host does not start on data of another.
    /// </summary>
    int Format => 1;

    /// <summary>
    /// Its replicas ask for entries from before their last checkpoint (<see cref="Effect.ReadRange"/>): the WAL keeps what lies between the last
    /// two checkpoints, as long as there is room.
    /// </summary>
    bool ReadsBack => false;

    /// <summary>Linearizable reads go to the tail of <see cref="ReplicaStatus.Links"/>, and not to the one that leads.</summary>
    bool ReadsAtTail => false;

    /// <summary>
    /// A linearizable read costs no more at another replica than at the one that leads: those that do not say where they go are spread
    /// (<see cref="RequestKind.FollowerRead"/>).
    /// </summary>
    bool ReadsAnywhere => false;

    /// <summary>
    /// Any replica takes any request, and each has a log of its own: requests go to the nearest, their payloads reach the protocol as they were sent, and the
    /// machine is no part of a session. A replica that cannot take one names in <see cref="RejectReason.NotLeader"/> another that can.
    /// </summary>
    bool IsLeaderless => false;

    /// <summary>Every node that holds data is a member of each shard, and the protocol says itself which of them keep what.</summary>
    bool SpansNodes => false;

    /// <summary>Makes the machine that its replicas need, each one of its own; null: they take whatever machine the group has.</summary>
    Func<IStateMachine>? OwnMachine => null;

    /// <summary>Why the protocol cannot acknowledge a command in this way; null: it can. Asked before anything is sent.</summary>
    string? Refusal(in WriteConcern concern) => concern.IsDefault ? null : $"{Name} acknowledges every command in one way";

    /// <summary>
    /// <paramref name="replicas"/> are the shard's first voters; who is to lead first, where that can be chosen, comes first.
    /// A replica that is not among them joins, and so does one that is if <paramref name="joins"/> says that another was
    /// here before it: it takes what a leader sends, and neither votes nor campaigns before the log says that it may.
    /// </summary>
    IProtocol Create(ReplicaId self, IReadOnlyList<ReplicaId> replicas, ulong seed, bool joins = false);
}

/// <summary>A replica's place and progress. Indexes are log indexes, 0 before the first entry.</summary>
public sealed record ReplicaStatus(
    string Role,
    long Term,
    ReplicaId Leader,
    long LastIndex,
    long CommitIndex,
    long AppliedIndex,
    long CheckpointIndex,
    bool Voter)
{
    /// <summary>Per follower, where known (a leader): the last index it has made durable.</summary>
    public IReadOnlyDictionary<ReplicaId, long> Followers { get; init; } = new Dictionary<ReplicaId, long>();

    /// <summary>Who holds the shard as this replica knows it; null: the protocol does not say.</summary>
    public Membership? Members { get; init; }

    /// <summary>While one membership takes the other's place: who was counted before, and still is. Empty otherwise.</summary>
    public IReadOnlyList<ReplicaId> LeavingVoters { get; init; } = [];

    /// <summary>Where the protocol has modes.</summary>
    public ReplicaMode Mode { get; init; }

    /// <summary>Why it is in this mode.</summary>
    public string ModeReason { get; init; } = "";

    /// <summary>While <see cref="Mode"/> is <see cref="ReplicaMode.Recovery"/>.</summary>
    public RecoveryProgress? Recovery { get; init; }

    /// <summary>Those whose acknowledgements count and of whom one may take over; empty: the protocol has no such set.</summary>
    public IReadOnlyList<ReplicaId> SyncSet { get; init; } = [];

    /// <summary>
    /// Of a chain: its links as this replica knows them, from the head, which takes commands and is <see cref="Leader"/>, to the tail, which
    /// answers linearizable reads. Empty: the protocol has no chain.
    /// </summary>
    public IReadOnlyList<ReplicaId> Links { get; init; } = [];

    /// <summary>How far each follower has got (a leader that measures it).</summary>
    public IReadOnlyList<FollowerProgress> Progress { get; init; } = [];

    /// <summary>Commands that this leader has acknowledged with less than was asked for, because too few answered in time.</summary>
    public long DegradedAcks { get; init; }

    /// <summary>Of a ring: how this replica's part of a change goes. Null: the protocol has none.</summary>
    public RingProgress? Ring { get; init; }

    /// <summary>Where replicas repair each other.</summary>
    public RepairProgress? Repair { get; init; }

    /// <summary>Where each member takes changes of its own, and they spread. Null: the protocol has nothing of the kind.</summary>
    public SpreadProgress? Spread { get; init; }

    /// <summary>Entries that are committed as far as this replica knows and not applied here.</summary>
    public long Lag => CommitIndex - AppliedIndex;
}
