using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Verify;

/// <summary>What one replica's state comes to.</summary>
/// <param name="Sum">Null: it is not known, see <paramref name="Problem"/>.</param>
/// <param name="Problem">Null: nothing is wrong.</param>
public sealed record ReplicaVerification(ReplicaId Node, StateChecksum? Sum, string? Problem)
{
    /// <summary>Of what lies on this replica, where replicas have other keys each and <see cref="Sum"/> says only whether its peers have what it shares with them; null: <see cref="Sum"/>.</summary>
    public StateChecksum? Own { get; init; }
}

/// <summary>The states of a shard's replicas, compared as of one entry of its log.</summary>
/// <param name="At">That entry; the default: there is none, see <paramref name="Problem"/>.</param>
/// <param name="Problem">Why nothing could be compared at all; null: it was.</param>
public sealed record ShardVerification(string Group, int Shard, LogPosition At, ReplicaId Leader, IReadOnlyList<ReplicaVerification> Replicas, string? Problem)
{
    /// <summary>What most replicas have, the leader deciding where as many have one thing as another; null: nobody has told.</summary>
    public StateChecksum? Agreed => Replicas.Where(replica => replica.Sum is not null)
        .GroupBy(replica => replica.Sum!.Value)
        .OrderByDescending(alike => alike.Count()).ThenByDescending(alike => alike.Any(replica => replica.Node == Leader))
        .Select(alike => (StateChecksum?)alike.Key).FirstOrDefault();

    /// <summary>Replicas whose state is another than what is agreed.</summary>
    public IReadOnlyList<ReplicaId> Different => [.. Replicas.Where(replica => replica.Sum is { } sum && sum != Agreed).Select(replica => replica.Node)];

    /// <summary>Replicas that have not told.</summary>
    public IReadOnlyList<ReplicaId> Silent => [.. Replicas.Where(replica => replica.Sum is null).Select(replica => replica.Node)];

    /// <summary>Every replica has told, and all the same.</summary>
    public bool IsEqual => Problem is null && Replicas.Count > 0 && Different.Count == 0 && Silent.Count == 0;
}
