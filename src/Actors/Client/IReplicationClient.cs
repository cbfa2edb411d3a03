using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Placement;

namespace ActorRepl.Actors.Client;

/// <summary>
/// Executes commands and queries on the shards of replication groups, from anywhere in the process. Thread-safe.
/// Calls end by their deadline: with a result, or with a <see cref="ReplicationException"/> that says what is certain, of a type of its
/// own for each reason.
/// </summary>
public interface IReplicationClient
{
    /// <summary>The groups this node knows.</summary>
    IReadOnlyList<GroupInfo> Groups { get; }

    /// <summary>Applies a command on the shard that owns the key; returns once a majority has it on disk and it is applied.</summary>
    ValueTask<ReadOnlyMemory<byte>> ExecuteAsync(
        string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default);

    /// <summary>As above, on a shard by number.</summary>
    ValueTask<ReadOnlyMemory<byte>> ExecuteOnShardAsync(
        string group, int shard, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default);

    /// <summary>Answers a query from the shard that owns the key.</summary>
    ValueTask<ReadOnlyMemory<byte>> QueryAsync(
        string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default);

    /// <summary>As above, on a shard by number.</summary>
    ValueTask<ReadOnlyMemory<byte>> QueryShardAsync(
        string group, int shard, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default);

    /// <summary>
    /// Sends a command or a query to a shard and returns at once; the receiver is told its outcome, exactly once and by the
    /// deadline. Costs the caller no task: for gateways that serve many clients on one thread. The kind is that of a command or
    /// one of those that <see cref="RequestOptions.ReadKind"/> names, and takes its place.
    /// </summary>
    void Send(string group, int shard, RequestKind kind, ReadOnlySpan<byte> payload, IOutcomeReceiver receiver, RequestOptions? options = null);

    /// <summary>Who is to hold a shard, and who does.</summary>
    Task<ShardMembers> MembersAsync(string group, int shard, CancellationToken cancellation = default);

    /// <summary>
    /// Orders who is to hold a shard; completes once they do, or fails when that takes too long (5 minutes unless told), and
    /// the order stands. It goes through the control group.
    /// </summary>
    Task ChangeMembersAsync(string group, int shard, Membership members, RequestOptions? options = null, CancellationToken cancellation = default);

    /// <summary>Has a voter lead a shard, now and whenever it can; none: whoever is best, for now.</summary>
    Task TransferAsync(string group, int shard, ReplicaId to = default, CancellationToken cancellation = default);

    /// <summary>
    /// A session numbers its commands, so that one sent again after an unknown outcome is applied once; its reads see its writes and
    /// never go back, whichever replica answers.
    /// </summary>
    /// <param name="group">The group whose shards it reads and writes.</param>
    /// <param name="token">What the session is to have seen: the <see cref="IReplicationSession.Token"/> of another, of this node or any; null: nothing.</param>
    /// <exception cref="FormatException">The token is none of this group.</exception>
    IReplicationSession OpenSession(string group, string? token = null);
}

/// <summary>
/// Is told what became of a request, on a thread that others wait for: it takes note and returns. It may be told before
/// <see cref="IReplicationClient.Send"/> has returned.
/// </summary>
public interface IOutcomeReceiver
{
    /// <summary>The result is the receiver's to keep.</summary>
    void OnResult(ReadOnlyMemory<byte> result);

    /// <summary>A <see cref="ReplicationException"/>; anything else is a defect, and the outcome unknown.</summary>
    void OnFailure(Exception failure);
}

/// <summary>A group as clients see it.</summary>
public sealed record GroupInfo(string Name, string Protocol, int Shards, int Replicas)
{
    // Null: it is known by its name alone.
    private GroupDefinition? _definition;

    /// <summary>Which part of a key decides its shard.</summary>
    public KeyPlacement KeyPlacement { get; init; } = KeyPlacement.Braces;

    /// <summary>Its replicas have no common log and no state machine: any of them takes writes.</summary>
    public bool IsLeaderless { get; init; }

    /// <summary>Linearizable reads that do not say where they go are answered by any replica.</summary>
    public bool ReadsAnywhere { get; init; }

    /// <summary>A read of this kind is answered by the replica that the group's linearizable reads are asked of, and by no other.</summary>
    public bool IsReadAtPrimary(RequestKind kind, ReadFrom from) =>
        kind == RequestKind.Read && (from == ReadFrom.Primary || (from == ReadFrom.Default && !ReadsAnywhere));

    /// <summary>Why a client cannot ask this of the group, which every request that asks for it would be refused for; null: it can.</summary>
    /// <param name="concern">When commands count as done.</param>
    /// <param name="level">The same, and whose answers reads wait for, of groups without a leader.</param>
    public string? Refusal(in WriteConcern concern, ConsistencyLevel level) => _definition is not { } group || group.Protocol.IsLeaderless ? null
        : !level.IsDefault ? Routing.Levels.Refusal(group, level)
        : concern.IsDefault ? null : Routing.Concerns.Refusal(group, concern);

    /// <summary>The shard that owns a key: see <see cref="ShardHash"/>.</summary>
    public int ShardOf(ReadOnlySpan<byte> key) => ShardHash.ShardOf(key, Shards, KeyPlacement);

    /// <summary>The group as it is declared here.</summary>
    public static GroupInfo Of(GroupDefinition group) =>
        new(group.Name, group.Protocol.Name, group.Shards, group.Replicas) { KeyPlacement = group.KeyPlacement, IsLeaderless = group.Protocol.IsLeaderless, ReadsAnywhere = group.Protocol.ReadsAnywhere, _definition = group };
}

/// <summary>How one request is to be treated; what is left out is the group's default.</summary>
public sealed record RequestOptions
{
    /// <summary>How long the request may take before it is refused; null: <c>actorrepl.request-timeout</c>, 5 s.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>
    /// For queries: <see cref="RequestKind.Read"/> (linearizable, the default), <see cref="RequestKind.FollowerRead"/> (linearizable,
    /// answered by this node's replica if it has one), <see cref="RequestKind.BoundedRead"/>, <see cref="RequestKind.SessionRead"/> or
    /// <see cref="RequestKind.StaleRead"/>.
    /// </summary>
    public RequestKind ReadKind { get; init; } = RequestKind.Read;

    /// <summary>For a bounded read, which needs it, and no other: how old the state may be that it is answered from; whole ms, from 0.</summary>
    public TimeSpan? MaxStaleness { get; init; }

    /// <summary>
    /// For queries: which replicas may answer. A <see cref="RequestKind.Read"/> that others than the primary may answer is as linearizable
    /// as at the primary, and costs a question to it: see docs/reads.md.
    /// </summary>
    public ReadFrom ReadFrom { get; init; }

    /// <summary>For a read of kind <see cref="RequestKind.SessionRead"/>, and no other: what it must see.</summary>
    public LogPosition AtLeast { get; init; }

    /// <summary>
    /// Whether the client sends again what was refused; null: <see cref="RetryPolicy.None"/>. <see cref="Timeout"/> is for all attempts together. Sessions,
    /// <see cref="IReplicationClient.Send"/> and orders have rules of their own and pass it over.
    /// </summary>
    public RetryPolicy? Retry { get; init; }

    /// <summary>
    /// For commands: when they count as done; the default leaves that to the group. What makes no sense, or the group's protocol
    /// cannot do, is refused before anything is sent.
    /// </summary>
    public WriteConcern Concern { get; init; }

    /// <summary>
    /// For groups without a leader: whose answers the request waits for; the default leaves that to the request itself, or to the group. Other groups
    /// refuse one.
    /// </summary>
    public ConsistencyLevel Level { get; init; }

    /// <summary>For queries: the same as a linearizable read of the leader, and of no other.</summary>
    public RequestOptions AtPrimary => this with { ReadKind = RequestKind.Read, ReadFrom = ReadFrom.Primary };
}

/// <summary>
/// Commands of one client, numbered, and its reads. Thread-safe; commands that are under way together may apply in any order, and a
/// read sees what the session had seen when it began.
/// </summary>
public interface IReplicationSession
{
    Guid Id { get; }

    /// <summary>
    /// Applies a command once, however often it has to be sent; tries again by itself until the deadline.
    /// </summary>
    ValueTask<ReadOnlyMemory<byte>> ExecuteAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default);

    /// <summary>
    /// Answers a query from a replica that has all the session has seen of the shard: a <see cref="RequestKind.SessionRead"/>. One that
    /// was lost in a failover is never passed over in silence: <see cref="RejectReason.HistoryLost"/>.
    /// </summary>
    ValueTask<ReadOnlyMemory<byte>> QueryAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default);

    /// <summary>
    /// Applies a command as it would be without a session, neither numbered nor sent again, and notes what it has seen: for sessions that last but
    /// one request, such as those of gateways, whose clients carry the token.
    /// </summary>
    ValueTask<ReadOnlyMemory<byte>> SendAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default);

    /// <summary>What the session has seen, as text without spaces: <see cref="IReplicationClient.OpenSession"/> of any node takes it.</summary>
    string Token { get; }

    /// <summary>Forgets what the session has seen of the shard that owns the key: the way on after <see cref="RejectReason.HistoryLost"/>.</summary>
    void Forget(ReadOnlyMemory<byte> key);
}
