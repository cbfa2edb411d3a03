using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using Akka.Actor;

namespace ActorRepl.Actors.Tests;

/// <summary>Entries that a protocol takes out of its log.</summary>
public sealed class LostEntriesTests
{
    private readonly FailingStore _store = new();

    [Fact]
    public async Task They_are_kept_and_told_of()
    {
        await using TestCluster cluster = await StartAsync();
        IActorRef listener = cluster[1].System.ActorOf(Props.Create(() => new EventListener(_store.Told)));
        cluster[1].System.EventStream.Subscribe(listener, typeof(ReplicaEvent));
        await cluster[1].Client.ExecuteOnShardAsync(KeyValue.Group, 0, ViewingProtocol.Lose("x"));
        LostEntries lost = Assert.Single(_store.Inner.Kept);
        Assert.Equal((KeyValue.Group, 0, new ReplicaId(1), 7, 3, 1, "another took over"), (lost.Group, lost.Shard, lost.Node, lost.FirstIndex, lost.FirstTerm, lost.Count, lost.Why));
        await Wait.UntilAsync(() => _store.Told.Any(what => what.Contains("1 entries, 7 to 7 of epoch 3, are lost: another took over", StringComparison.Ordinal)), "it is told");
    }

    [Fact]
    public async Task A_replica_that_cannot_keep_them_does_not_go_on_and_starts_again_from_its_log()
    {
        await using TestCluster cluster = await StartAsync();
        _store.Fails = true;
        await Assert.ThrowsAnyAsync<Client.ReplicationException>(() => cluster[1].Client.ExecuteOnShardAsync(KeyValue.Group, 0, ViewingProtocol.Lose("x")).AsTask());
        await Wait.UntilAsync(async () => (await cluster[1].Runtime.LocalReplicasAsync()).Single() is { Starts: > 1, Health: ReplicaHealth.Running }, "it starts again");
        _store.Fails = false;
        await cluster[1].Client.ExecuteOnShardAsync(KeyValue.Group, 0, ViewingProtocol.Lose("x"));
        Assert.Single(_store.Inner.Kept);
    }

    private Task<TestCluster> StartAsync() => TestCluster.StartAsync(new TestClusterOptions
    {
        Nodes = 1,
        Group = new GroupDefinition { Name = KeyValue.Group, Protocol = new ViewingProtocol(), Machine = () => new KeyValueMachine(), Shards = 1, Replicas = 1 },
        Change = settings => settings with { Lost = _store },
    });

    private sealed class FailingStore : ILostEntriesStore
    {
        private volatile bool _fails;

        public MemoryLostEntriesStore Inner { get; } = new();

        public System.Collections.Concurrent.ConcurrentQueue<string> Told { get; } = new();

        public bool Fails { get => _fails; set => _fails = value; }

        public string Keep(LostEntries lost) => Fails ? throw new IOException("the disk is full") : Inner.Keep(lost);
    }
}
