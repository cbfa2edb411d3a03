using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Hosting.Node;

/// <summary>The client as the host's services get it: refuses until the node has started, then passes everything on.</summary>
internal sealed class LateClient : IReplicationClient
{
    private volatile IReplicationClient? _client;

    private volatile IReadOnlyList<GroupInfo> _declared = [];

    public IReadOnlyList<GroupInfo> Groups => _client?.Groups ?? _declared;

    /// <summary>The node's groups are known, and it has not started: it may have to wait for others.</summary>
    public void Starting(IReadOnlyList<GroupInfo> groups) => _declared = groups;

    public void Started(IReplicationClient client) => _client = client;

    public ValueTask<ReadOnlyMemory<byte>> ExecuteAsync(
        string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default) =>
        Client.ExecuteAsync(group, key, command, options, cancellation);

    public ValueTask<ReadOnlyMemory<byte>> ExecuteOnShardAsync(
        string group, int shard, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default) =>
        Client.ExecuteOnShardAsync(group, shard, command, options, cancellation);

    public ValueTask<ReadOnlyMemory<byte>> QueryAsync(
        string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default) =>
        Client.QueryAsync(group, key, query, options, cancellation);

    public ValueTask<ReadOnlyMemory<byte>> QueryShardAsync(
        string group, int shard, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default) =>
        Client.QueryShardAsync(group, shard, query, options, cancellation);

    public void Send(string group, int shard, RequestKind kind, ReadOnlySpan<byte> payload, IOutcomeReceiver receiver, RequestOptions? options = null) =>
        Client.Send(group, shard, kind, payload, receiver, options);

    public Task<ShardMembers> MembersAsync(string group, int shard, CancellationToken cancellation = default) =>
        Client.MembersAsync(group, shard, cancellation);

    public Task ChangeMembersAsync(string group, int shard, Membership members, RequestOptions? options = null, CancellationToken cancellation = default) =>
        Client.ChangeMembersAsync(group, shard, members, options, cancellation);

    public Task TransferAsync(string group, int shard, ReplicaId to = default, CancellationToken cancellation = default) =>
        Client.TransferAsync(group, shard, to, cancellation);

    public IReplicationSession OpenSession(string group, string? token = null) => Client.OpenSession(group, token);

    private IReplicationClient Client => _client
        ?? throw ReplicationException.Of(new Rejection(RejectReason.Unavailable), "the node has not started yet");
}
