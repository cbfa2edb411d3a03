using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Tests;

/// <summary>Three nodes in one process: what a user of the client notices.</summary>
public sealed class ClusterTests
{
    [Fact]
    public async Task What_one_node_writes_every_node_reads()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster[1].Client.SetAsync("a", "1");
        foreach (TestNode node in cluster.Running)
            Assert.Equal("1", await node.Client.GetAsync("a"));
    }

    [Fact]
    public async Task Every_node_reads_what_was_written_before_from_its_own_replica()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        for (int i = 0; i < 20; i++)
        {
            await cluster[1 + i % 3].Client.SetAsync("a", $"{i}");
            foreach (TestNode node in cluster.Running)
                Assert.Equal($"{i}", await node.Client.GetAsync("a", RequestKind.FollowerRead));
        }
    }

    [Fact]
    public async Task A_read_of_bounded_staleness_is_no_older_than_it_says()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        for (int i = 0; i < 10; i++)
        {
            await cluster[1].Client.SetAsync("a", $"{i}");
            foreach (TestNode node in cluster.Running)
                Assert.Equal($"{i}", KeyValue.Text(await BoundedAsync(node, TimeSpan.Zero)));
        }

        await Assert.ThrowsAsync<ArgumentException>(async () => await BoundedAsync(cluster[1], null));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await BoundedAsync(cluster[1], TimeSpan.FromSeconds(-1)));
    }

    [Theory]
    [InlineData(RequestKind.Read)]
    [InlineData(RequestKind.FollowerRead)]
    [InlineData(RequestKind.BoundedRead)]
    public async Task Whoever_takes_outcomes_without_a_task_reads_in_every_way(RequestKind kind)
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster[1].Client.SetAsync("a", "1");
        RequestOptions? options = kind == RequestKind.BoundedRead ? new RequestOptions { MaxStaleness = TimeSpan.Zero } : null;
        foreach (TestNode node in cluster.Running)
        {
            var outcome = new Outcome();
            node.Client.Send(KeyValue.Group, 0, kind, KeyValue.Get("a"), outcome, options);
            Assert.Equal("1", KeyValue.Text(await outcome.Told.Task.WaitAsync(TimeSpan.FromSeconds(20))));
        }

        Assert.Throws<ArgumentException>(() => cluster[1].Client.Send(KeyValue.Group, 0, RequestKind.BoundedRead, default, new Outcome()));
        Assert.Throws<ArgumentException>(() => cluster[1].Client.Send(KeyValue.Group, 0, RequestKind.Transfer, default, new Outcome()));
    }

    private sealed class Outcome : IOutcomeReceiver
    {
        public TaskCompletionSource<ReadOnlyMemory<byte>> Told { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void OnResult(ReadOnlyMemory<byte> result) => Told.TrySetResult(result);

        public void OnFailure(Exception failure) => Told.TrySetException(failure);
    }

    private static async Task<ReadOnlyMemory<byte>> BoundedAsync(TestNode node, TimeSpan? maxStaleness) => await node.Client.QueryAsync(
        KeyValue.Group, KeyValue.Bytes("a"), KeyValue.Get("a"), new RequestOptions { ReadKind = RequestKind.BoundedRead, MaxStaleness = maxStaleness });

    [Fact]
    public async Task Another_replica_takes_over_when_the_leader_goes_and_nothing_acknowledged_is_lost()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode leader = await cluster.LeaderAsync();
        TestNode other = cluster.Running.First(node => node.Id != leader.Id);
        for (int i = 0; i < 100; i++)
            await other.Client.SetAsync($"k{i}", $"v{i}");

        await cluster.TerminateAsync(leader.Id.Value);

        await other.Client.OpenSession(KeyValue.Group).ExecuteAsync(KeyValue.Bytes("after"), KeyValue.Set("after", "1"));
        for (int i = 0; i < 100; i++)
            Assert.Equal($"v{i}", await other.Client.GetAsync($"k{i}"));
    }

    [Fact]
    public async Task Without_a_majority_a_write_is_refused_by_its_deadline_as_no_quorum()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await cluster[1].Client.SetAsync("a", "1");
        await cluster.TerminateAsync(2);
        await cluster.TerminateAsync(3);

        long start = Environment.TickCount64;
        var refused = await Assert.ThrowsAnyAsync<ReplicationException>(
            () => cluster[1].Client.SetAsync("a", "2", TimeSpan.FromSeconds(1)));
        Assert.Contains(refused.Rejection.Reason, new[] { RejectReason.NoQuorum, RejectReason.Unavailable });
        Assert.InRange(Environment.TickCount64 - start, 0, 3_000);
    }

    [Fact]
    public async Task No_write_through_another_node_fails_while_the_leaders_node_hands_over_and_stops()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode leader = await cluster.LeaderAsync();
        TestNode other = cluster.Running.First(node => node.Id != leader.Id);
        using var enough = new CancellationTokenSource();
        Task[] writers = [.. Enumerable.Range(0, 16).Select(writer => WriteAsync(other, $"w{writer}", enough.Token))];
        await other.Client.SetAsync("before", "1");

        Assert.True(await leader.Runtime.HandOverAsync(Wait.Long));
        await leader.Runtime.StopAsync(Wait.Long);

        await other.Client.SetAsync("after", "1");
        await enough.CancelAsync();
        await Task.WhenAll(writers);
    }

    [Fact]
    public async Task A_request_that_comes_after_the_replica_has_stopped_is_refused_and_nothing_of_it_is_done()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestNode gone = cluster[3];
        TestNode other = cluster[1];
        ActorPath supervisor = gone.Runtime.Settings.RootPath(gone.Runtime.Settings.SelfNode) / KeyValue.Group / "shard-0";
        await gone.Runtime.StopAsync(Wait.Long);

        var request = new RoutedRequest(7, RequestKind.Command, 1_000, KeyValue.Set("a", "1"));
        IActorRef stopped = ((ExtendedActorSystem)other.System).Provider.ResolveActorRef(supervisor);
        ReplyBatch? refused = null;
        // Messages between nodes may be lost, so it is asked again.
        await Wait.UntilAsync(async () => (refused = await AskAsync()) is not null, "the request is refused");

        async Task<ReplyBatch?> AskAsync()
        {
            try
            {
                return await stopped.Ask<ReplyBatch>(new RequestBatch(KeyValue.Group, 0, 1, [request]), TimeSpan.FromSeconds(1));
            }
            catch (AskTimeoutException)
            {
                return null;
            }
        }

        Assert.Equal((KeyValue.Group, 0, gone.Id, true), (refused!.Group, refused.Shard, refused.From, refused.ReplicaDown));
        RoutedReply reply = Assert.Single(refused.Replies);
        Assert.Equal((7, RejectReason.Unavailable, false), (reply.Id, reply.Rejection!.Value.Reason, reply.Rejection.Value.OutcomeUnknown));
    }

    private static async Task WriteAsync(TestNode node, string key, CancellationToken until)
    {
        for (int i = 0; !until.IsCancellationRequested; i++)
            await node.Client.SetAsync(key, $"{i}");
    }
}
