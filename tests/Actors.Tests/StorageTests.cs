using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Actors.Tests;

/// <summary>Storage that fails, is full, or has lost something.</summary>
public sealed class StorageTests
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1);

    private readonly JournalFaults _faults = new();

    [Fact]
    public async Task A_replica_whose_journal_fails_comes_back_alone_and_its_siblings_are_not_disturbed()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options(shards: 3));
        TestNode leader = await cluster.LeaderAsync(shard: 1);
        await cluster.LeaderAsync(shard: 0);
        await cluster.LeaderAsync(shard: 2);
        string id = PersistenceIds.Replica("test", leader.Id, KeyValue.Group, 1);

        _faults.Fails = failing => failing == id;
        for (int i = 0; i < 50; i++)
            await WriteWhatMayFailAsync(leader.Client, i);
        await Wait.UntilAsync(async () => (await ReportAsync(leader, 1)).Health == ReplicaHealth.StorageFailed, "the replica is down for its storage");
        foreach (TestNode node in cluster.Running)
            await node.Client.ExecuteOnShardAsync(KeyValue.Group, 1, KeyValue.Set("x", "1"));

        _faults.Fails = _ => false;
        await Wait.UntilAsync(
            async () => await ReportAsync(leader, 1) is { Health: ReplicaHealth.Running, Status.AppliedIndex: > 0 } back && back.Status.Lag == 0,
            "the replica is back");
        Assert.True((await ReportAsync(leader, 1)).Starts > 1);
        Assert.Equal(1, (await ReportAsync(leader, 0)).Starts);
        Assert.Equal(1, (await ReportAsync(leader, 2)).Starts);
    }

    [Fact]
    public async Task While_the_only_replica_is_down_for_its_storage_requests_are_refused_at_once_as_storage_unavailable()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options(nodes: 1) with
        {
            Change = settings => settings with { Replica = settings.Replica with { MinRestart = TimeSpan.FromMilliseconds(700) } },
        });
        IReplicationClient client = cluster[1].Client;
        await client.SetAsync("a", "1");

        _faults.Fails = _ => true;
        var failed = await Assert.ThrowsAnyAsync<ReplicationException>(() => client.SetAsync("a", "2"));
        Assert.True(failed.Rejection.OutcomeUnknown);
        await Wait.UntilAsync(async () => (await ReportAsync(cluster[1], 0)).Health == ReplicaHealth.StorageFailed, "the replica is down");
        // It may just have started again, and then goes down once more by this very write.
        ReplicationException refused = failed;
        await Wait.UntilAsync(
            async () => (refused = await Assert.ThrowsAnyAsync<ReplicationException>(() => client.SetAsync("a", "3"))).Rejection.Reason == RejectReason.StorageUnavailable,
            "requests are refused at once");
        Assert.False(refused.Rejection.OutcomeUnknown);
        Assert.Contains("storage unavailable", refused.Message, StringComparison.Ordinal);

        _faults.Fails = _ => false;
        await Wait.UntilAsync(() => SucceedsAsync(client.SetAsync("a", "4", Short)), "writes return");
        Assert.Equal("4", await client.GetAsync("a"));
    }

    [Fact]
    public async Task A_command_that_waits_for_the_disk_of_a_replica_that_stops_goes_to_the_next_leader()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options());
        TestNode leader = await cluster.LeaderAsync();
        IReplicationClient client = cluster.Running.First(node => node != leader).Client;
        await client.SetAsync("a", "1");
        string id = PersistenceIds.Replica("test", leader.Id, KeyValue.Group, 0);
        var disk = new TaskCompletionSource();
        _faults.DelaysWriting = slow => slow == id ? disk.Task : Task.CompletedTask;
        await client.SetAsync("a", "2"); // the others have it; the leader is still writing it
        Task waiting = client.SetAsync("b", "1");

        Assert.True(await leader.Runtime.HandOverAsync(TimeSpan.FromSeconds(5)));
        Assert.False(waiting.IsCompleted);
        await leader.Runtime.StopAsync(TimeSpan.FromSeconds(5));
        await waiting;
        Assert.Equal("1", await client.GetAsync("b"));
        disk.SetResult();
    }

    [Fact]
    public async Task A_full_disk_refuses_writes_reads_go_on_and_writes_return_with_space()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options(nodes: 1));
        IReplicationClient client = cluster[1].Client;
        await client.SetAsync("a", "1");

        _faults.Refuses = _ => true;
        await FailAsync(client.SetAsync("a", "2", Short));
        var refused = await Assert.ThrowsAnyAsync<ReplicationException>(() => client.SetAsync("b", "1"));
        Assert.Equal((RejectReason.StorageUnavailable, false), (refused.Rejection.Reason, refused.Rejection.OutcomeUnknown));
        Assert.Equal("1", await client.GetAsync("a", RequestKind.StaleRead));
        Assert.NotNull(await client.GetAsync("a", timeout: Short));
        Assert.Equal(ReplicaHealth.StorageFull, (await ReportAsync(cluster[1], 0)).Health);

        _faults.Refuses = _ => false;
        await Wait.UntilAsync(() => SucceedsAsync(client.SetAsync("c", "1", Short)), "writes return");
        Assert.Equal("1", await client.GetAsync("c"));
        Assert.Null(await client.GetAsync("b"));
        Assert.Equal(1, (await ReportAsync(cluster[1], 0)).Starts);
    }

    [Fact]
    public async Task A_leader_whose_disk_is_full_leaves_every_acknowledged_write_readable()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options());
        TestNode leader = await cluster.LeaderAsync();
        TestNode other = cluster.Running.First(node => node.Id != leader.Id);
        await other.Client.SetAsync("a", "1");

        string id = PersistenceIds.Replica("test", leader.Id, KeyValue.Group, 0);
        _faults.Refuses = refused => refused == id;
        await SucceedsAsync(other.Client.SetAsync("b", "1", Short));
        Assert.Equal("1", await other.Client.GetAsync("a"));

        _faults.Refuses = _ => false;
        await Wait.UntilAsync(() => SucceedsAsync(other.Client.SetAsync("c", "1", Short)), "writes return");
        foreach (TestNode node in cluster.Running)
            Assert.Equal("1", await node.Client.GetAsync("c"));
    }

    [Fact]
    public async Task A_replica_with_a_damaged_record_gives_up_its_vote_and_says_so()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(Options());
        TestNode leader = await cluster.LeaderAsync();
        await leader.Client.SetAsync("a", "1");
        TestNode victim = cluster.Running.First(node => node.Id != leader.Id);
        string id = PersistenceIds.Replica("test", victim.Id, KeyValue.Group, 0);

        _faults.Damages = damaged => damaged == id;
        _faults.Fails = failing => failing == id;
        await leader.Client.SetAsync("a", "2");
        await Wait.UntilAsync(async () => (await ReportAsync(victim, 0)).Health == ReplicaHealth.StorageFailed, "the replica stops");
        _faults.Fails = _ => false;

        await Wait.UntilAsync(async () => await ReportAsync(victim, 0) is { Status: { Voter: false } }, "the replica is no voter");
        await leader.Client.SetAsync("a", "3");
        Assert.Equal("3", await victim.Client.GetAsync("a"));
        await Wait.UntilAsync(async () => await victim.Client.GetAsync("a", RequestKind.StaleRead) == "3", "it is rebuilt from its peers");
    }

    [Fact]
    public async Task A_snapshot_store_that_cannot_be_read_for_a_moment_costs_a_replica_no_vote()
    {
        TestClusterOptions options = Options(nodes: 1);
        await using TestCluster cluster = await TestCluster.StartAsync(options with
        {
            Group = options.Group with { Protocol = new RaftFactory(new RaftOptions { CheckpointEntries = 20 }) },
        });
        IReplicationClient client = cluster[1].Client;
        for (int i = 0; i < 30; i++)
            await client.SetAsync($"k{i}", "v");
        await Wait.UntilAsync(async () => (await ReportAsync(cluster[1], 0)).Status?.CheckpointIndex >= 20, "a checkpoint is saved");

        int refused = 0;
        _faults.CannotLoad = id => id.Contains("/cp/", StringComparison.Ordinal) && Interlocked.Increment(ref refused) <= 2;
        _faults.Fails = _ => true;
        await SucceedsAsync(client.SetAsync("lost", "v", Short));
        _faults.Fails = _ => false;

        await Wait.UntilAsync(async () => refused > 2 && await ReportAsync(cluster[1], 0) is { Status.Voter: true }, "the replica is back with its vote");
        Assert.Equal("v", await client.GetAsync("k0"));
    }

    [Fact]
    public async Task A_checkpoint_that_reaches_the_store_only_after_its_replica_has_failed_takes_no_later_write_away()
    {
        TestClusterOptions options = Options(nodes: 1);
        await using TestCluster cluster = await TestCluster.StartAsync(options with
        {
            Group = options.Group with { Protocol = new RaftFactory(new RaftOptions { CheckpointEntries = 20 }) },
        });
        IReplicationClient client = cluster[1].Client;
        string id = PersistenceIds.Replica("test", cluster[1].Id, KeyValue.Group, 0);
        for (int i = 0; i < 18; i++)
            await client.SetAsync($"k{i}", "v");

        // The next write calls for a checkpoint; the one after it, of which the checkpoint knows, fails while that is being saved.
        var saving = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var mayLand = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int saves = 0, writes = 0;
        _faults.DelaysSaving = saved =>
        {
            if (saved != id)
                return Task.CompletedTask;
            saving.TrySetResult();
            return Interlocked.Increment(ref saves) == 1 ? mayLand.Task : Task.FromException(new IOException("the disk is full"));
        };
        _faults.DelaysWriting = _ => Interlocked.Increment(ref writes) == 1
            ? Task.Delay(200)
            : Task.WhenAny(saving.Task, Task.Delay(500));
        _faults.Fails = _ => writes > 1;
        Task first = SucceedsAsync(client.SetAsync("first", "v", Short));
        await Wait.UntilAsync(() => writes > 0, "the first is being written");
        await SucceedsAsync(client.SetAsync("second", "v", Short));
        await first;
        _faults.DelaysWriting = _ => Task.CompletedTask;
        _faults.Fails = _ => false;
        await Wait.UntilAsync(() => SucceedsAsync(client.SetAsync("after", "1", Short)), "writes return");
        mayLand.SetResult();

        _faults.Fails = _ => true;
        await SucceedsAsync(client.SetAsync("lost", "v", Short));
        _faults.Fails = _ => false;
        await Wait.UntilAsync(() => SucceedsAsync(client.SetAsync("again", "1", Short)), "writes return once more");
        Assert.Equal("1", await client.GetAsync("after"));
    }

    private TestClusterOptions Options(int nodes = 3, int shards = 1)
    {
        var options = new TestClusterOptions { Nodes = nodes, Config = _ => _faults.Config };
        return options with { Group = options.Group with { Shards = shards, Replicas = nodes } };
    }

    private static async Task WriteWhatMayFailAsync(IReplicationClient client, int i)
    {
        foreach (int shard in new[] { 0, 1, 2 })
            await SucceedsAsync(client.ExecuteOnShardAsync(KeyValue.Group, shard, KeyValue.Set($"k{i}", "v"), new RequestOptions { Timeout = Short }).AsTask());
    }

    private static async Task<bool> SucceedsAsync(Task request)
    {
        try
        {
            await request;
            return true;
        }
        catch (ReplicationException)
        {
            return false;
        }
    }

    private static async Task FailAsync(Task request) => Assert.False(await SucceedsAsync(request), "the request was to be refused");

    private static async Task<ReplicaReport> ReportAsync(TestNode node, int shard) =>
        (await node.Runtime.LocalReplicasAsync()).Single(report => report.Shard == shard);
}
