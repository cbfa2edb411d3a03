using System.Text;
using ActorRepl.Actors.Client;
using ActorRepl.Hosting.Quorum;
using ActorRepl.Hosting.Tests.Support;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Quorum;

namespace ActorRepl.Hosting.Tests.Quorum;

/// <summary>Commands over several keys of a group without a leader: each key goes its own way, and the error says no more than is certain of all.</summary>
public sealed class ManyKeysTests
{
    private readonly FakeQuorum _group = new();

    [Theory]
    [InlineData("MSET a 1 b 2 c 3")]
    [InlineData("DEL a b c")]
    public async Task Where_some_keys_are_done_nobody_is_told_that_nothing_was(string command)
    {
        _group.Refuse = key => key == "b" ? new Rejection(RejectReason.Overloaded, Detail: "full") : null;
        Assert.StartsWith("-UNKNOWN other keys of the command are done, these are not: BUSY ", await FirstLineOfAsync(command), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_none_is_done_and_one_may_be_the_outcome_is_unknown()
    {
        _group.Refuse = key => key == "a" ? new Rejection(RejectReason.Overloaded, Detail: "full") : new Rejection(RejectReason.NoQuorum, OutcomeUnknown: true);
        Assert.StartsWith("-UNKNOWN ", await FirstLineOfAsync("MSET a 1 b 2"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_none_is_done_that_is_said()
    {
        _group.Refuse = _ => new Rejection(RejectReason.Overloaded, Detail: "full");
        Assert.StartsWith("-BUSY ", await FirstLineOfAsync("MSET a 1 b 2"), StringComparison.Ordinal);
    }

    private async Task<string> FirstLineOfAsync(string command)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync(new GatewayClient(_group, new KeyValueOptions()));
        using RawConnection client = await gateway.ConnectAsync();
        await client.CommandAsync(command.Split(' '));
        return await client.ReadLineAsync();
    }

    /// <summary>Has one value of each key, and does every write that it does not refuse.</summary>
    private sealed class FakeQuorum : IReplicationClient
    {
        public Func<string, Rejection?> Refuse { get; set; } = _ => null;

        public IReadOnlyList<GroupInfo> Groups { get; } = [new GroupInfo("kv", "quorum", 1, 3)];

        public void Send(string group, int shard, RequestKind kind, ReadOnlySpan<byte> payload, IOutcomeReceiver receiver, RequestOptions? options = null)
        {
            ReadOnlyMemory<byte> bytes = payload.ToArray();
            if (QuorumBatch.Is(bytes))
            {
                receiver.OnResult(QuorumBatch.EncodeReplies([.. QuorumBatch.Decode(bytes).Select(Do)]));
                return;
            }

            QuorumPart part = Do(QuorumRequest.Decode(bytes));
            if (part.Reply is { } reply)
                receiver.OnResult(reply.ToBytes());
            else
                receiver.OnFailure(ReplicationException.Of(part.Why));
        }

        private QuorumPart Do(QuorumRequest asked) => asked.IsWrite && Refuse(Encoding.UTF8.GetString(asked.Key.Span)) is { } why
            ? new QuorumPart(null, why)
            : new QuorumPart(new QuorumReply(default, [new KeyValueEntry("there"u8.ToArray(), 1, 0).ToBytes()]), default);

        public ValueTask<ReadOnlyMemory<byte>> ExecuteAsync(
            string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default) =>
            throw new NotSupportedException();

        public ValueTask<ReadOnlyMemory<byte>> ExecuteOnShardAsync(
            string group, int shard, ReadOnlyMemory<byte> command, RequestOptions? options = null, CancellationToken cancellation = default) =>
            throw new NotSupportedException();

        public ValueTask<ReadOnlyMemory<byte>> QueryAsync(
            string group, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default) =>
            throw new NotSupportedException();

        public ValueTask<ReadOnlyMemory<byte>> QueryShardAsync(
            string group, int shard, ReadOnlyMemory<byte> query, RequestOptions? options = null, CancellationToken cancellation = default) =>
            throw new NotSupportedException();

        public Task<ShardMembers> MembersAsync(string group, int shard, CancellationToken cancellation = default) => throw new NotSupportedException();

        public Task ChangeMembersAsync(string group, int shard, Membership members, RequestOptions? options = null, CancellationToken cancellation = default) =>
            throw new NotSupportedException();

        public Task TransferAsync(string group, int shard, ReplicaId to = default, CancellationToken cancellation = default) => throw new NotSupportedException();

        public IReplicationSession OpenSession(string group, string? token = null) => throw new NotSupportedException();
    }
}
