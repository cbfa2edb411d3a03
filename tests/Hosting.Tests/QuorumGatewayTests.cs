using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Quorum;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Hosting.Tests;

/// <summary>What gateways make of the requests of a key-value machine for a quorum group.</summary>
public sealed class QuorumGatewayTests
{
    private readonly OneKey _group = new();
    private readonly GatewayClient _gateway;

    public QuorumGatewayTests() => _gateway = new GatewayClient(_group, new KeyValueOptions());

    [Fact]
    public async Task A_value_that_is_set_is_one_request_that_replaces_and_is_the_first()
    {
        await _gateway.ExecuteOnShardAsync("kv", 0, new KeyValuePayload().Set("k"u8, "2"u8).ToArray());
        QuorumRequest put = Assert.Single(_group.Asked);
        Assert.Equal((QuorumOperation.Put, true, true, 0), (put.Operation, put.Replace, put.First, put.Context.Length));
        Assert.NotEqual(Guid.Empty, put.Id);
        Assert.Equal("2", Encoding.ASCII.GetString(KeyValueEntry.Of(put.Value).Value.Span));
    }

    [Fact]
    public async Task A_value_is_not_set_where_it_cannot_be_known_what_it_follows()
    {
        _group.Refuse = new Rejection(RejectReason.NoQuorum);
        NoQuorumException refused = await Assert.ThrowsAsync<NoQuorumException>(async () => await _gateway.ExecuteOnShardAsync("kv", 0, new KeyValuePayload().Set("k"u8, "2"u8).ToArray()));
        Assert.False(refused.OutcomeUnknown);
    }

    [Fact]
    public async Task A_value_whose_coordinator_was_lost_is_sent_again_under_its_id_and_said_to_be()
    {
        _group.LoseWrites = 1;
        await _gateway.ExecuteOnShardAsync("kv", 0, new KeyValuePayload().Set("k"u8, "2"u8).ToArray());
        Assert.Equal([true, false], _group.Asked.Select(asked => asked.First));
        Assert.Equal(_group.Asked[0].Id, _group.Asked[1].Id);
    }

    [Fact]
    public async Task An_increment_whose_coordinator_was_lost_and_whose_condition_no_longer_holds_is_not_made_again()
    {
        _group.LoseWrites = 1;
        _group.Applied = false;
        ReplicationException unknown = await Assert.ThrowsAnyAsync<ReplicationException>(
            async () => await _gateway.ExecuteOnShardAsync("kv", 0, new KeyValuePayload().IncrementBy("n"u8, 1).ToArray()));
        Assert.True(unknown.OutcomeUnknown);
        Assert.Equal([QuorumOperation.Get, QuorumOperation.CompareAndSet, QuorumOperation.CompareAndSet], _group.Asked.Select(asked => asked.Operation));
        Assert.Equal(_group.Asked[1].Id, _group.Asked[2].Id);
    }

    /// <summary>A quorum group that answers every read alike.</summary>
    private sealed class OneKey : IReplicationClient
    {
        public List<QuorumRequest> Asked { get; } = [];

        public QuorumReply Found { get; set; } = new(default, []);

        public Rejection? Refuse { get; set; }

        /// <summary>So many writes are lost with their coordinators.</summary>
        public int LoseWrites { get; set; }

        public bool Applied { get; set; } = true;

        public IReadOnlyList<GroupInfo> Groups { get; } = [new GroupInfo("kv", "quorum", 1, 3)];

        public void Send(string group, int shard, RequestKind kind, ReadOnlySpan<byte> payload, IOutcomeReceiver receiver, RequestOptions? options = null)
        {
            QuorumRequest asked = QuorumRequest.Decode(payload.ToArray());
            Asked.Add(asked);
            if (Refuse is { } why)
                receiver.OnFailure(ReplicationException.Of(why));
            else if (asked.IsWrite && LoseWrites-- > 0)
                receiver.OnFailure(ReplicationException.Of(new Rejection(RejectReason.Unavailable, OutcomeUnknown: true)));
            else
                receiver.OnResult((asked.IsWrite ? new QuorumReply(default, []) : Found).ToBytes());
        }

        public ValueTask<ReadOnlyMemory<byte>> ExecuteAsync(
            string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default) => throw new NotSupportedException();

        public ValueTask<ReadOnlyMemory<byte>> ExecuteOnShardAsync(
            string group, int shard, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default)
        {
            Asked.Add(QuorumRequest.Decode(command));
            if (LoseWrites-- > 0)
                throw ReplicationException.Of(new Rejection(RejectReason.Unavailable, OutcomeUnknown: true));
            return ValueTask.FromResult<ReadOnlyMemory<byte>>(new QuorumReply(default, [], Applied).ToBytes());
        }

        public ValueTask<ReadOnlyMemory<byte>> QueryAsync(
            string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default) => throw new NotSupportedException();

        public ValueTask<ReadOnlyMemory<byte>> QueryShardAsync(
            string group, int shard, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default)
        {
            Asked.Add(QuorumRequest.Decode(query));
            return ValueTask.FromResult<ReadOnlyMemory<byte>>(Found.ToBytes());
        }

        public Task<ShardMembers> MembersAsync(string group, int shard, CancellationToken cancellation = default) => throw new NotSupportedException();

        public Task ChangeMembersAsync(string group, int shard, Membership members, RequestOptions? options = null, CancellationToken cancellation = default) => throw new NotSupportedException();

        public Task TransferAsync(string group, int shard, ReplicaId to = default, CancellationToken cancellation = default) => throw new NotSupportedException();

        public IReplicationSession OpenSession(string group, string? token = null) => throw new NotSupportedException();
    }
}
