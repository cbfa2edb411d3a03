using System.Collections.Concurrent;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Actors.Verify;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.PrimaryBackup;
using ActorRepl.Protocols.Raft;

namespace ActorRepl.Actors.Tests;

/// <summary>Sessions, read preferences and the comparison of states over a protocol other than Raft.</summary>
public sealed class PrimaryBackupReadTests : IAsyncLifetime
{
    private readonly ConcurrentQueue<KeyValueMachine> _machines = [];
    private TestCluster _cluster = null!;

    public async Task InitializeAsync()
    {
        _cluster = await TestCluster.StartAsync(new TestClusterOptions
        {
            Group = new GroupDefinition { Name = KeyValue.Group, Protocol = new PrimaryBackupFactory(), Machine = NewMachine, Shards = 1, Replicas = 3 },
            Change = settings => settings with { Control = new ControlSettings { Protocol = new RaftFactory(TestClusterOptions.Raft) } },
        });
        await Wait.UntilAsync(async () => (await PrimaryAsync())?.Status is { SyncSet.Count: 3, CommitIndex: > 0 }, "the shard has a primary that all follow");
    }

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_session_reads_its_asynchronous_writes_from_any_backup()
    {
        IReplicationSession session = _cluster[1].Client.OpenSession(KeyValue.Group);
        for (int i = 1; i <= 60; i++)
        {
            await session.ExecuteAsync(KeyValue.Bytes("a"), KeyValue.Set("a", $"{i}"), new RequestOptions { Concern = Ack.Async, Timeout = TimeSpan.FromSeconds(10) });
            IReplicationSession there = _cluster[1 + i % 3].Client.OpenSession(KeyValue.Group, session.Token);
            ReadFrom from = i % 2 == 0 ? ReadFrom.Secondary : ReadFrom.Nearest;
            Assert.Equal($"{i}", KeyValue.Text(await there.QueryAsync(
                KeyValue.Bytes("a"), KeyValue.Get("a"), new RequestOptions { ReadFrom = from, Timeout = TimeSpan.FromSeconds(10) })));
        }
    }

    [Fact]
    public async Task What_no_history_has_is_lost_to_every_preference()
    {
        IReplicationSession session = _cluster[2].Client.OpenSession(KeyValue.Group, "kv:0=0/1000000");
        foreach (ReadFrom from in (ReadFrom[])[ReadFrom.Primary, ReadFrom.Nearest])
        {
            var refused = await Assert.ThrowsAnyAsync<ReplicationException>(async () => await session.QueryAsync(
                KeyValue.Bytes("a"), KeyValue.Get("a"), new RequestOptions { ReadFrom = from, Timeout = TimeSpan.FromSeconds(2) }));
            Assert.True(refused.Rejection.Reason is RejectReason.HistoryLost or RejectReason.TooStale, refused.Message);
        }
    }

    [Fact]
    public async Task Linearizable_reads_from_secondaries_see_every_write_before_them()
    {
        for (int i = 1; i <= 30; i++)
        {
            await _cluster[1].Client.SetAsync("a", $"{i}", TimeSpan.FromSeconds(10));
            ReadOnlyMemory<byte> read = await _cluster[1 + i % 3].Client.QueryAsync(
                KeyValue.Group, KeyValue.Bytes("a"), KeyValue.Get("a"), new RequestOptions { ReadFrom = ReadFrom.Secondary, Timeout = TimeSpan.FromSeconds(10) });
            Assert.Equal($"{i}", KeyValue.Text(read));
        }
    }

    [Fact]
    public async Task States_are_equal_under_load_and_one_that_was_changed_is_named()
    {
        using var stop = new CancellationTokenSource();
        Task load = Task.WhenAll(Enumerable.Range(0, 8).Select(worker => LoadAsync(worker, stop.Token)));
        for (int i = 0; i < 3; i++)
        {
            ShardVerification found = await _cluster[1 + i].Runtime.VerifyAsync(KeyValue.Group, 0, TimeSpan.FromSeconds(20));
            Assert.True(found.IsEqual, $"{found.Problem} {string.Join("; ", found.Replicas)}");
        }

        await stop.CancelAsync();
        await load;
        _machines.ElementAt(2).Apply(new AppliedCommand(0, 0, KeyValue.Set("a", "changed")));
        ShardVerification after = await _cluster[1].Runtime.VerifyAsync(KeyValue.Group, 0, TimeSpan.FromSeconds(20));
        Assert.Single(after.Different);
    }

    private KeyValueMachine NewMachine()
    {
        var machine = new KeyValueMachine();
        _machines.Enqueue(machine);
        return machine;
    }

    private async Task LoadAsync(int worker, CancellationToken stop)
    {
        for (int i = 0; !stop.IsCancellationRequested; i++)
            await _cluster[1 + worker % 3].Client.SetAsync($"{worker}-{i % 50}", $"{i}", TimeSpan.FromSeconds(10));
    }

    private async Task<ReplicaReport?> PrimaryAsync() =>
        (await Task.WhenAll(_cluster.Running.Select(node => node.Runtime.LocalReplicasAsync()))).SelectMany(reports => reports)
            .Where(report => report.Group == KeyValue.Group && report.Status is { } status && status.Leader == report.Node).MaxBy(report => report.Status!.Term);
}
