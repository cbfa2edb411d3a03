using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Redis;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Quorum;

/// <summary>
/// The client that gateways use: for a quorum group it takes the requests of a key-value machine apart, key by key, into reads, writes and conditional writes of
/// that group. Whatever other groups are asked goes through as it is.
/// </summary>
/// <param name="inner">Carries everything out.</param>
/// <param name="limits">Of keys and values, as gateways have them.</param>
internal sealed class GatewayClient(IReplicationClient inner, KeyValueOptions limits) : IReplicationClient
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(5);

    private (IReadOnlyList<GroupInfo> Of, HashSet<string> Names) _quorum = ([], []);

    public IReadOnlyList<GroupInfo> Groups => inner.Groups;

    public ValueTask<ReadOnlyMemory<byte>> ExecuteAsync(
        string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default) =>
        IsQuorum(group) ? RunAsync(group, ShardOf(group, key), RequestKind.Command, command, options, cancellation) : inner.ExecuteAsync(group, key, command, options, cancellation);

    public ValueTask<ReadOnlyMemory<byte>> ExecuteOnShardAsync(
        string group, int shard, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default) =>
        IsQuorum(group) ? RunAsync(group, shard, RequestKind.Command, command, options, cancellation) : inner.ExecuteOnShardAsync(group, shard, command, options, cancellation);

    public ValueTask<ReadOnlyMemory<byte>> QueryAsync(
        string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default) =>
        IsQuorum(group) ? RunAsync(group, ShardOf(group, key), options?.ReadKind ?? RequestKind.Read, query, options, cancellation) : inner.QueryAsync(group, key, query, options, cancellation);

    public ValueTask<ReadOnlyMemory<byte>> QueryShardAsync(
        string group, int shard, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default) =>
        IsQuorum(group) ? RunAsync(group, shard, options?.ReadKind ?? RequestKind.Read, query, options, cancellation) : inner.QueryShardAsync(group, shard, query, options, cancellation);

    public void Send(string group, int shard, RequestKind kind, ReadOnlySpan<byte> payload, IOutcomeReceiver receiver, RequestOptions? options = null)
    {
        if (IsQuorum(group))
            Start(group, shard, kind, payload.ToArray(), receiver, options);
        else
            inner.Send(group, shard, kind, payload, receiver, options);
    }

    public Task<ShardMembers> MembersAsync(string group, int shard, CancellationToken cancellation = default) => inner.MembersAsync(group, shard, cancellation);

    public Task ChangeMembersAsync(string group, int shard, Membership members, RequestOptions? options = null, CancellationToken cancellation = default) =>
        inner.ChangeMembersAsync(group, shard, members, options, cancellation);

    public Task TransferAsync(string group, int shard, ReplicaId to = default, CancellationToken cancellation = default) => inner.TransferAsync(group, shard, to, cancellation);

    public IReplicationSession OpenSession(string group, string? token = null) => IsQuorum(group)
        ? throw Refused($"group '{group}' has no leader, and so no sessions; a read of a majority sees what a majority has acknowledged")
        : inner.OpenSession(group, token);

    /// <summary>The group's own client; null: it is no quorum group.</summary>
    public QuorumClient? Quorum(string group) => IsQuorum(group) ? new QuorumClient(inner, group) : null;

    internal static ReplicationException Refused(string why) => ReplicationException.Of(new Rejection(RejectReason.Invalid, Detail: why));

    private void Start(string group, int shard, RequestKind kind, byte[] payload, IOutcomeReceiver receiver, RequestOptions? options)
    {
        try
        {
            long deadline = Environment.TickCount64 + (long)(options?.Timeout ?? DefaultTimeout).TotalMilliseconds;
            var terms = new KeyTerms(inner, group, shard, LevelOf(kind, options), deadline, limits);
            new KeyRequest(terms, receiver).Start(payload);
        }
        catch (ReplicationException refused)
        {
            receiver.OnFailure(refused);
        }
    }

    private ValueTask<ReadOnlyMemory<byte>> RunAsync(string group, int shard, RequestKind kind, ReadOnlyMemory<byte> payload, RequestOptions? options, CancellationToken cancellation)
    {
        var outcome = new Outcome();
        Start(group, shard, kind, payload.ToArray(), outcome, options);
        return new ValueTask<ReadOnlyMemory<byte>>(outcome.Task.WaitAsync(cancellation));
    }

    /// <summary>What other groups call a kind of read, or an acknowledgement, is a level here.</summary>
    internal static ConsistencyLevel LevelOf(RequestKind kind, RequestOptions? options)
    {
        if (options is { Level.IsDefault: false })
            return options.Level;
        return kind switch
        {
            RequestKind.StaleRead => ConsistencyLevel.One,
            RequestKind.BoundedRead or RequestKind.SessionRead =>
                throw Refused($"a group without a leader knows no {kind}: how fresh an answer is follows from its level ({ConsistencyLevel.Texts})"),
            RequestKind.Command => LevelOf(options?.Concern ?? default),
            _ => default,
        };
    }

    private static ConsistencyLevel LevelOf(in WriteConcern concern) => concern.Level switch
    {
        AckLevel.Default => default,
        AckLevel.Async => ConsistencyLevel.One,
        AckLevel.SemiSync => ConsistencyLevel.Of(Math.Max((byte)1, concern.Backups) + 1),
        AckLevel.Sync => ConsistencyLevel.All,
        _ => ConsistencyLevel.Quorum,
    };

    private int ShardOf(string group, ReadOnlyMemory<byte> key) => inner.Groups.Single(known => known.Name == group).ShardOf(key.Span);

    private bool IsQuorum(string group)
    {
        // Known by name at first, and as they are once the node has started.
        IReadOnlyList<GroupInfo> groups = inner.Groups;
        if (!ReferenceEquals(_quorum.Of, groups))
            _quorum = (groups, [.. groups.Where(known => known.Protocol == "quorum").Select(known => known.Name)]);
        return _quorum.Names.Contains(group);
    }

    private sealed class Outcome : TaskCompletionSource<ReadOnlyMemory<byte>>, IOutcomeReceiver
    {
        public Outcome() : base(TaskCreationOptions.RunContinuationsAsynchronously)
        {
        }

        void IOutcomeReceiver.OnResult(ReadOnlyMemory<byte> result) => SetResult(result);

        void IOutcomeReceiver.OnFailure(Exception failure) => SetException(failure);
    }
}
