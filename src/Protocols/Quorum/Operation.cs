using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Protocols.Quorum;

/// <summary>Something that a coordinator waits for answers to.</summary>
internal abstract class Operation(long token, long requestId, ReadOnlyMemory<byte> key, IReadOnlyList<ReplicaId> owners, Consistency level, long deadline)
{
    public long Token { get; } = token;
    public long RequestId { get; } = requestId;
    public ReadOnlyMemory<byte> Key { get; } = key;
    public IReadOnlyList<ReplicaId> Owners { get; } = owners;
    public Consistency Level { get; } = level;
    public long Deadline { get; } = deadline;

    /// <summary>The client has its answer, or waits no more.</summary>
    public bool IsAnswered { get; set; }

    /// <summary>What was asked is asked again then, of those who have not answered.</summary>
    public long AskAgainAt { get; set; }
    public long AskAgainAfter { get; set; }
}

/// <summary>A write on its way to the owners of its key.</summary>
internal sealed class WriteOperation(
    long token, long requestId, ReadOnlyMemory<byte> key, IReadOnlyList<ReplicaId> owners, IReadOnlyList<ReplicaId> standIns, Consistency level, int durable, long deadline)
    : Operation(token, requestId, key, owners, level, deadline)
{
    /// <summary>Set once it is known what is written.</summary>
    public KeyVersions Versions { get; set; } = KeyVersions.Empty;

    public int Durable { get; } = durable;
    public IReadOnlyList<ReplicaId> StandIns { get; } = standIns;

    /// <summary>Owners that have it on their disk.</summary>
    public HashSet<ReplicaId> Acked { get; } = [];

    /// <summary>Owners for which somebody keeps a hint, durably.</summary>
    public HashSet<ReplicaId> Hinted { get; } = [];

    public long HintsAt { get; set; }
    public bool HintsSent { get; set; }

    public IEnumerable<ReplicaId> Missing => Owners.Where(owner => !Acked.Contains(owner));
}

/// <summary>A read, and the repair that it leads to.</summary>
internal sealed class ReadOperation(long token, long requestId, ReadOnlyMemory<byte> key, IReadOnlyList<ReplicaId> owners, Consistency level, long deadline)
    : Operation(token, requestId, key, owners, level, deadline)
{
    public Dictionary<ReplicaId, KeyVersions> Answers { get; } = [];

    /// <summary>All that was answered, merged.</summary>
    public KeyVersions Merged { get; set; } = KeyVersions.Empty;

    /// <summary>Enough have answered: <see cref="Merged"/> is what the client gets, once enough have it.</summary>
    public bool IsDecided { get; set; }

    /// <summary>What the client gets.</summary>
    public KeyVersions Result { get; set; } = KeyVersions.Empty;

    /// <summary>Those who have the result on their disk.</summary>
    public HashSet<ReplicaId> Has { get; } = [];

    /// <summary>Those who were sent it.</summary>
    public HashSet<ReplicaId> Repaired { get; } = [];
}

/// <summary>A hint on its way to its owner.</summary>
internal sealed record HintDelivery(ReplicaId Owner, ReadOnlyMemory<byte> Key, KeyVersions Versions, long GiveUpAt);
