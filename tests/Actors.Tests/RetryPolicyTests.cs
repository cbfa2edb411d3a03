using ActorRepl.Actors.Client;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Raft;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;

namespace ActorRepl.Actors.Tests;

/// <summary>What the client sends again, how often, and until when; a probe stands for the router.</summary>
public sealed class RetryPolicyTests : TestKit
{
    private static readonly RetryPolicy Fast = new() { Backoff = TimeSpan.FromMilliseconds(1), MaxBackoff = TimeSpan.FromMilliseconds(5) };

    private readonly TestProbe _router;
    private readonly ReplicationClient _client;

    public RetryPolicyTests()
    {
        var group = new GroupDefinition { Name = KeyValue.Group, Protocol = new RaftFactory(), Machine = () => new KeyValueMachine(), Shards = 1, Replicas = 1 };
        var settings = new ReplicationSettings { Cluster = "test", Self = new(1), Nodes = [new NodeInfo(new(1), "one", new Address("akka", Sys.Name, "127.0.0.1", 1))], Groups = [group] };
        var routers = new RouterTable(settings.Groups);
        _router = CreateTestProbe();
        routers.Register(KeyValue.Group, 0, _router);
        _client = new ReplicationClient(settings, routers, new TaskCompletionSource().Task);
    }

    [Fact]
    public async Task Without_a_policy_a_refusal_is_told_at_once()
    {
        Task<ReadOnlyMemory<byte>> asked = Command(null);
        Refuse(RejectReason.Overloaded);
        await Assert.ThrowsAsync<OverloadedException>(() => asked);
        _router.ExpectNoMsg(TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public async Task What_passes_by_itself_is_sent_again_until_it_is_served()
    {
        Task<ReadOnlyMemory<byte>> asked = Command(Fast);
        foreach (RejectReason why in (RejectReason[])[RejectReason.Overloaded, RejectReason.Unavailable, RejectReason.NotLeader, RejectReason.NoQuorum, RejectReason.Dropped])
            Refuse(why);
        Next().Complete("done"u8.ToArray(), default);
        Assert.Equal("done"u8.ToArray(), (await asked).ToArray());
    }

    [Theory]
    [InlineData(RejectReason.Invalid, false)]
    [InlineData(RejectReason.StorageUnavailable, false)]
    [InlineData(RejectReason.Conflict, false)]
    [InlineData(RejectReason.NoQuorum, true)]
    public async Task What_would_be_refused_again_or_may_have_been_done_is_not(RejectReason why, bool unknown)
    {
        Task<ReadOnlyMemory<byte>> asked = Command(Fast);
        Refuse(why, unknown);
        ReplicationException told = await Assert.ThrowsAnyAsync<ReplicationException>(() => asked);
        Assert.Equal((why, unknown), (told.Rejection.Reason, told.OutcomeUnknown));
        _router.ExpectNoMsg(TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public async Task A_query_and_a_command_that_does_no_harm_twice_are_sent_again_after_an_unknown_outcome()
    {
        Task<ReadOnlyMemory<byte>> command = Command(Fast with { EvenIfUnknown = true });
        Refuse(RejectReason.NoQuorum, unknown: true);
        Next().Complete(default, default);
        await command;
        Task<ReadOnlyMemory<byte>> query = _client.QueryAsync(KeyValue.Group, default, "q"u8.ToArray(), new RequestOptions { Retry = Fast }).AsTask();
        Refuse(RejectReason.NoQuorum, unknown: true);
        Next().Complete(default, default);
        await query;
    }

    [Fact]
    public async Task Once_an_attempt_may_have_been_done_nothing_is_said_to_be_certain()
    {
        Task<ReadOnlyMemory<byte>> command = Command(Fast with { EvenIfUnknown = true, Attempts = 2 });
        Refuse(RejectReason.NoQuorum, unknown: true);
        Refuse(RejectReason.Overloaded);
        OverloadedException told = await Assert.ThrowsAsync<OverloadedException>(() => command);
        Assert.True(told.OutcomeUnknown);
        Assert.False(told.IsTransient);
        var keys = new KeyValueClient(_client, KeyValue.Group);
        var again = new RequestOptions { Retry = Fast with { EvenIfUnknown = true } };
        await Assert.ThrowsAsync<ArgumentException>(() => keys.PutAsync("k"u8.ToArray(), "v"u8.ToArray(), ifVersion: 3, options: again).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(() => keys.DeleteAsync("k"u8.ToArray(), ifVersion: 3, options: again).AsTask());
    }

    [Fact]
    public async Task A_call_that_is_cancelled_before_it_is_sent_is_not_overtaken_by_its_end()
    {
        using var cancel = new CancellationTokenSource();
        Task<ReadOnlyMemory<byte>> asked = _client.QueryAsync(KeyValue.Group, default, "q"u8.ToArray(), new RequestOptions { Timeout = TimeSpan.FromSeconds(30) }, cancel.Token).AsTask();
        await cancel.CancelAsync();
        Call call = Next();
        Assert.IsType<CancelCall>(_router.ReceiveOne(TimeSpan.FromSeconds(10)));
        call.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
    }

    [Fact]
    public async Task Attempts_and_the_deadline_end_it()
    {
        Task<ReadOnlyMemory<byte>> three = Command(Fast with { Attempts = 3 });
        for (int i = 0; i < 3; i++)
            Refuse(RejectReason.Overloaded);
        await Assert.ThrowsAsync<OverloadedException>(() => three);
        _router.ExpectNoMsg(TimeSpan.FromMilliseconds(100));

        Task<ReadOnlyMemory<byte>> late = Command(Fast with { AttemptTimeout = TimeSpan.FromMilliseconds(40) }, TimeSpan.FromMilliseconds(200));
        int attempts = 0;
        while (!late.IsCompleted)
        {
            if (_router.ReceiveOne(TimeSpan.FromMilliseconds(20)) is not Call call)
                continue;
            Assert.InRange(call.TimeoutMillis, 1, 40);
            await Task.Delay(call.TimeoutMillis);
            call.Fail(new Rejection(RejectReason.NoQuorum));
            attempts++;
        }

        await Assert.ThrowsAsync<NoQuorumException>(() => late);
        Assert.InRange(attempts, 1, 6);
    }

    [Fact]
    public async Task A_cancelled_call_is_not_sent_again()
    {
        using var cancel = new CancellationTokenSource();
        Task<ReadOnlyMemory<byte>> asked = Command(Fast with { Backoff = TimeSpan.FromSeconds(5), MaxBackoff = TimeSpan.FromSeconds(5) }, TimeSpan.FromSeconds(30), cancel.Token);
        Refuse(RejectReason.Overloaded);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);

        // The router may be told that nobody waits for the first attempt any more; there is no second.
        while (_router.ReceiveOne(TimeSpan.FromMilliseconds(100)) is { } told)
            Assert.IsType<CancelCall>(told);
    }

    [Fact]
    public async Task A_policy_that_makes_no_sense_is_refused_and_pauses_grow_to_their_bound()
    {
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Command(Fast with { Jitter = 2 }));
        var policy = new RetryPolicy { Jitter = 0.5 };
        Assert.Equal([25, 50, 100, 800, 1000, 1000], ((int[])[1, 2, 3, 6, 7, 1000]).Select(attempt => policy.PauseAfter(attempt, 0).TotalMilliseconds));
        Assert.Equal(12.5, policy.PauseAfter(1, 1).TotalMilliseconds);
    }

    private Task<ReadOnlyMemory<byte>> Command(RetryPolicy? policy, TimeSpan? timeout = null, CancellationToken cancellation = default) =>
        _client.ExecuteAsync(KeyValue.Group, default, "c"u8.ToArray(), new RequestOptions { Retry = policy, Timeout = timeout }, cancellation).AsTask();

    private Call Next() => Assert.IsAssignableFrom<Call>(_router.ReceiveOne(TimeSpan.FromSeconds(10)));

    private void Refuse(RejectReason why, bool unknown = false) => Next().Fail(new Rejection(why, unknown));
}
