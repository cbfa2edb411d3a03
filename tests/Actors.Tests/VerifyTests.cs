using System.Collections.Concurrent;
using ActorRepl.Actors.Client;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Actors.Verify;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;

namespace ActorRepl.Actors.Tests;

/// <summary>Replicas' whole states compared while they work.</summary>
public sealed class VerifyTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly ConcurrentQueue<KeyValueMachine> _machines = [];
    private TestCluster _cluster = null!;

    public async Task InitializeAsync()
    {
        var options = new TestClusterOptions();
        _cluster = await TestCluster.StartAsync(options with { Group = options.Group with { Machine = NewMachine } });
        await _cluster.LeaderAsync();
    }

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task States_are_equal_under_load_as_of_one_entry()
    {
        using var stop = new CancellationTokenSource();
        Task load = Task.WhenAll(Enumerable.Range(0, 8).Select(worker => LoadAsync(worker, stop.Token)));
        long last = 0;
        for (int i = 0; i < 5 || last <= 50; i++)
        {
            ShardVerification found = await _cluster[1 + i % 3].Runtime.VerifyAsync(KeyValue.Group, 0, Patience);
            Assert.True(found.IsEqual, Describe(found));
            Assert.Equal(3, found.Replicas.Count);
            Assert.True(found.At.Index > last, $"{found.At} after {last}");
            last = found.At.Index;
        }

        await stop.CancelAsync();
        await load;
    }

    [Fact]
    public async Task A_replica_whose_state_was_changed_behind_its_back_is_named()
    {
        await _cluster[1].Client.SetAsync("a", "1");
        ShardVerification before = await _cluster[1].Runtime.VerifyAsync(KeyValue.Group, 0, Patience);
        Assert.True(before.IsEqual, Describe(before));

        // Machines are made in the order of the nodes, which start one after another.
        _machines.ElementAt(1).Apply(new AppliedCommand(0, 0, KeyValue.Set("a", "2")));
        ShardVerification after = await _cluster[3].Runtime.VerifyAsync(KeyValue.Group, 0, Patience);
        Assert.Equal([new ReplicaId(2)], after.Different);
        Assert.False(after.IsEqual);
        Assert.Equal(before.Agreed!.Value, after.Agreed!.Value);
    }

    [Fact]
    public async Task A_replica_that_is_down_is_named_as_silent_and_the_others_are_compared()
    {
        TestNode leader = await _cluster.LeaderAsync();
        int down = leader.Id.Value % 3 + 1;
        await _cluster.TerminateAsync(down);
        ShardVerification found = await leader.Runtime.VerifyAsync(KeyValue.Group, 0, Patience);
        Assert.Equal([new ReplicaId(down)], found.Silent);
        Assert.Empty(found.Different);
        Assert.False(found.IsEqual);
    }

    [Fact]
    public async Task What_does_not_exist_is_refused_by_name()
    {
        var group = await Assert.ThrowsAnyAsync<ReplicationException>(() => _cluster[1].Runtime.VerifyAsync("other", 0, Patience));
        Assert.Contains("there is no group 'other'; there are kv", group.Message, StringComparison.Ordinal);
        var shard = await Assert.ThrowsAnyAsync<ReplicationException>(() => _cluster[1].Runtime.VerifyAsync(KeyValue.Group, 1, Patience));
        Assert.Contains("shards 0 to 0, not 1", shard.Message, StringComparison.Ordinal);
    }

    private KeyValueMachine NewMachine()
    {
        var machine = new KeyValueMachine();
        _machines.Enqueue(machine);
        return machine;
    }

    private async Task LoadAsync(int worker, CancellationToken stop)
    {
        IReplicationSession session = _cluster[1 + worker % 3].Client.OpenSession(KeyValue.Group);
        for (int i = 0; !stop.IsCancellationRequested; i++)
            await session.ExecuteAsync(KeyValue.Bytes("k"), KeyValue.Set($"{worker}-{i % 50}", $"{i}"), cancellation: CancellationToken.None);
    }

    private static string Describe(ShardVerification found) => $"{found.Problem} {string.Join("; ", found.Replicas)}";
}
