using ActorRepl.Actors.Verify;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Status;

/// <summary>What <c>actorrepl verify --json</c> prints.</summary>
/// <param name="Equal">Every replica of every shard has told, and the same.</param>
public sealed record VerifyReport(string Group, bool Equal, IReadOnlyList<ShardVerifyStatus> Shards);

/// <summary>What <c>/verify</c> of a node says of one shard: the states of its replicas as of one entry of its log.</summary>
/// <param name="Equal">Every replica has told, and the same.</param>
/// <param name="Term">Of the entry; 0: nothing was compared, see <paramref name="Problem"/>.</param>
/// <param name="Index">Of the entry, likewise.</param>
/// <param name="Different">Replicas whose state is another than that of most.</param>
/// <param name="Silent">Replicas that have not told.</param>
/// <param name="Problem">Why nothing could be compared.</param>
public sealed record ShardVerifyStatus(
    int Shard, bool Equal, long Term, long Index, int Leader, IReadOnlyList<int> Different, IReadOnlyList<int> Silent, string? Problem,
    IReadOnlyList<ReplicaVerifyStatus> Replicas)
{
    internal static ShardVerifyStatus Of(ShardVerification found) => new(
        found.Shard, found.IsEqual, found.At.Term, found.At.Index, found.Leader.Value, MemberSet.Numbers(found.Different), MemberSet.Numbers(found.Silent), found.Problem,
        [.. found.Replicas.Select(replica => Of(replica, found.Agreed))]);

    private static ReplicaVerifyStatus Of(ReplicaVerification replica, StateChecksum? agreed) => new(
        replica.Node.Value, Shown(replica)?.ToString(), replica.Sum is not null && replica.Sum == agreed, Shown(replica)?.Items ?? 0, Shown(replica)?.Bytes ?? 0, replica.Problem);

    private static StateChecksum? Shown(ReplicaVerification replica) => replica.Own ?? replica.Sum;
}

/// <param name="Checksum">Of the whole state, 32 hexadecimal digits; null: it is not known, see <paramref name="Problem"/>.</param>
/// <param name="Agrees">It is that of most replicas.</param>
/// <param name="Items">How many things were added up: keys, and what is remembered of sessions.</param>
/// <param name="Bytes">Of all of them.</param>
public sealed record ReplicaVerifyStatus(int Node, string? Checksum, bool Agrees, long Items, long Bytes, string? Problem);
