using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

internal enum SerialStage : byte
{
    /// <summary>For its turn, or for the next attempt.</summary>
    Waiting = 1,

    Preparing = 2,
    Proposing = 3,

    /// <summary>A write brings what was decided to the owners.</summary>
    Committing = 4,
}

/// <summary>A conditional write or a Serial read, which is a proposer of single-key Paxos.</summary>
/// <param name="request">Null: nobody asks, an attempt of somebody else is to be finished.</param>
internal sealed class SerialOperation(long token, long requestId, ReadOnlyMemory<byte> key, KeyOwners owners, ConsistencyLevel level, QuorumRequest? request, long deadline)
    : Operation(token, requestId, key, owners, level, deadline)
{
    public QuorumRequest? Request => request;
    public bool IsWrite => request is { IsConditional: true };

    public SerialStage Stage { get; set; } = SerialStage.Waiting;

    /// <summary>Of the attempt that is under way: answers to earlier ones have another token.</summary>
    public long RoundToken { get; set; }
    public Ballot Ballot { get; set; }

    /// <summary>No lower round has hope.</summary>
    public long AtLeast { get; set; }

    /// <summary>Owners that have promised, or accepted, in this attempt.</summary>
    public ulong Agreed { get; set; }

    /// <summary>Owners that have not: they know a higher one.</summary>
    public ulong Refused { get; set; }

    /// <summary>All that was read with the promises, merged.</summary>
    public KeyVersions Merged { get; set; } = KeyVersions.Empty;

    /// <summary>The highest attempt of anybody that some owner has accepted.</summary>
    public PaxosState? Highest { get; set; }

    public KeyVersions Proposal { get; set; } = KeyVersions.Empty;

    /// <summary>What is proposed is another's.</summary>
    public bool Finishes { get; set; }

    /// <summary>What is proposed is its own write; if it neither changes nor finishes anything, what there is.</summary>
    public bool Changes { get; set; }

    /// <summary>Nothing is to be changed: it waits whether all owners have nothing under way, which spares the second phase.</summary>
    public bool WaitsForAll { get; set; }

    /// <summary>Its own proposal has left, and may be finished by anybody from now on.</summary>
    public bool MayBeDone { get; set; }

    /// <summary>When its first proposal was written, by its value's time, µs.</summary>
    public long ProposedAt { get; set; } = long.MaxValue;

    public int Attempts { get; set; }
    public long RetryAt { get; set; }

    // Answers of the quorums of another ring are of no use: the attempt begins again.
    protected override void Move(KeyOwners from, KeyOwners to) => Agreed = Refused = 0;
}
