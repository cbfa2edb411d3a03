using ActorRepl.Actors.Client;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Hosting.Tests.Support;

/// <summary>A group whose shards are key-value machines in this process, with a journal of what it was asked and ways to refuse.</summary>
internal sealed class FakeReplicationClient(int shards = 4, KeyValueOptions? options = null) : IReplicationClient
{
    private readonly KeyValueMachine[] _machines = [.. Enumerable.Range(0, shards).Select(_ => new KeyValueMachine(options))];
    private long Wall => DateTimeOffset.UtcNow.Add(LeaderAhead).ToUnixTimeMilliseconds() * 1000;

    private readonly Lock _lock = new();
    private long _index;

    public IReadOnlyList<GroupInfo> Groups { get; init; } = [new GroupInfo("kv", "raft", shards, 3)];

    /// <summary>How far the clock of the shards' leaders is ahead of the one of this process, and so of a gateway in it.</summary>
    public TimeSpan LeaderAhead { get; set; }

    /// <summary>How far the clock of the replicas is ahead of their leaders', where reads do not ask the leader.</summary>
    public TimeSpan FollowerAhead { get; set; }

    /// <summary>Every request in order: kind, shard, and how many operations.</summary>
    public List<(bool Query, int Shard, int Operations)> Requests { get; } = [];

    /// <summary>How many requests there were of a kind.</summary>
    public int Count(bool query)
    {
        lock (_lock)
            return Requests.Count(request => request.Query == query);
    }

    /// <summary>What the requests that were sent ask for, in order.</summary>
    public List<WriteConcern> Concerns { get; } = [];

    /// <summary>What the reads that were sent ask for, in order.</summary>
    public List<(RequestKind Kind, ReadFrom From, TimeSpan? MaxStaleness)> Reads { get; } = [];

    /// <summary>Asked before each request with its shard; what it returns is thrown.</summary>
    public Func<int, Exception?> Refuse { get; set; } = _ => null;

    /// <summary>Awaited before each request is carried out.</summary>
    public Func<int, Task> Before { get; set; } = _ => Task.CompletedTask;

    /// <summary>Awaited before each command is carried out.</summary>
    public Func<int, Task> BeforeCommand { get; set; } = _ => Task.CompletedTask;

    public ValueTask<ReadOnlyMemory<byte>> ExecuteAsync(
        string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default) =>
        ExecuteOnShardAsync(group, Groups[0].ShardOf(key.Span), command, options, cancellation);

    public async ValueTask<ReadOnlyMemory<byte>> ExecuteOnShardAsync(
        string group, int shard, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        await EnterAsync(query: false, shard, command);
        await BeforeCommand(shard);
        lock (_lock)
            return _machines[shard].Apply(new AppliedCommand(++_index, Wall, command)).ToArray();
    }

    public ValueTask<ReadOnlyMemory<byte>> QueryAsync(
        string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default) =>
        QueryShardAsync(group, Groups[0].ShardOf(key.Span), query, options, cancellation);

    public async ValueTask<ReadOnlyMemory<byte>> QueryShardAsync(
        string group, int shard, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default)
    {
        lock (_lock)
            Reads.Add((options?.ReadKind ?? RequestKind.Read, options?.ReadFrom ?? default, options?.MaxStaleness));
        return await AnswerAsync(shard, query, options?.ReadFrom ?? default);
    }

    private async Task<ReadOnlyMemory<byte>> AnswerAsync(int shard, ReadOnlyMemory<byte> query, ReadFrom from)
    {
        await EnterAsync(query: true, shard, query);
        TimeSpan ahead = from is ReadFrom.Default or ReadFrom.Primary ? TimeSpan.Zero : FollowerAhead;
        lock (_lock)
            return _machines[shard].Query(query, Wall + (long)ahead.TotalMicroseconds).ToArray();
    }

    public void Send(string group, int shard, RequestKind kind, ReadOnlySpan<byte> payload, IOutcomeReceiver receiver, RequestOptions? options = null)
    {
        lock (_lock)
        {
            Concerns.Add(options?.Concern ?? default);
            if (kind != RequestKind.Command)
                Reads.Add((kind, options?.ReadFrom ?? default, options?.MaxStaleness));
        }

        _ = SendAsync(group, shard, kind, payload.ToArray(), receiver, options?.ReadFrom ?? default);
    }

    /// <summary>Who holds a shard, as its leader says.</summary>
    public Func<int, Membership?> Members { get; set; } = _ => new Membership([new ReplicaId(1), new ReplicaId(2), new ReplicaId(3)]);

    public Task<ShardMembers> MembersAsync(string group, int shard, CancellationToken cancellation = default)
    {
        var leader = new ReplicaId(1);
        return Task.FromResult(new ShardMembers(group, shard, null, leader, new ReplicaStatus("leader", 1, leader, 1, 1, 1, 0, true) { Members = Members(shard) }));
    }

    public Task ChangeMembersAsync(string group, int shard, Membership members, RequestOptions? options = null, CancellationToken cancellation = default) =>
        throw new NotSupportedException();

    public Task TransferAsync(string group, int shard, ReplicaId to = default, CancellationToken cancellation = default) => throw new NotSupportedException();

    public IReplicationSession OpenSession(string group, string? token = null) => throw new NotSupportedException("no test opens a session here");

    private async Task SendAsync(string group, int shard, RequestKind kind, byte[] payload, IOutcomeReceiver receiver, ReadFrom from)
    {
        ReadOnlyMemory<byte> result;
        try
        {
            result = kind == RequestKind.Command ? await ExecuteOnShardAsync(group, shard, payload) : await AnswerAsync(shard, payload, from);
        }
        catch (Exception failure)
        {
            receiver.OnFailure(failure);
            return;
        }

        receiver.OnResult(result);
    }

    private async Task EnterAsync(bool query, int shard, ReadOnlyMemory<byte> payload)
    {
        int operations = 0;
        for (KeyValueOperationReader reader = KeyValueCodec.Operations(payload); reader.Next(out KeyValueOperation operation);)
            operations += operation.Kind == KeyValueOperationKind.AsOf ? 0 : 1;
        lock (_lock)
            Requests.Add((query, shard, operations));
        if (Refuse(shard) is { } refusal)
            throw refusal;
        await Before(shard);
    }
}
