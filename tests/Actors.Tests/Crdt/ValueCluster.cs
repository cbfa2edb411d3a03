using ActorRepl.Actors.Crdt;
using ActorRepl.Actors.Settings;
using ActorRepl.Actors.Tests.Cluster;
using Akka.Actor;
using Akka.Cluster;
using Akka.Configuration;
using Akka.DistributedData;

namespace ActorRepl.Actors.Tests.Crdt;

/// <summary>Nodes on loopback that all hold the same values.</summary>
internal sealed class ValueCluster : IAsyncDisposable
{
    private const string Fast = """
        akka {
          loglevel = ERROR
          stdout-loglevel = OFF
          actor.provider = cluster
          log-dead-letters = off
          coordinated-shutdown.exit-clr = off
          remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 }
          extensions = ["Akka.DistributedData.DistributedDataProvider, Akka.DistributedData"]
          cluster {
            log-info = off
            downing-provider-class = ""
            periodic-tasks-initial-delay = 100 ms
            gossip-interval = 100 ms
            leader-actions-interval = 100 ms
            distributed-data {
              gossip-interval = 500 ms
              notify-subscribers-interval = 100 ms
              pruning-interval = 300 ms
              max-pruning-dissemination = 1 s
            }
          }
        }
        """;

    private readonly List<ActorSystem> _systems = [];

    public IReadOnlyList<ActorSystem> Systems => _systems;

    public static async Task<ValueCluster> StartAsync(int nodes)
    {
        var cluster = new ValueCluster();
        for (int i = 0; i < nodes; i++)
            cluster._systems.Add(ActorSystem.Create("values", ConfigurationFactory.ParseString(Fast).WithFallback(RuntimeConfig.Reference)));
        foreach (ActorSystem system in cluster._systems)
            Akka.Cluster.Cluster.Get(system).Join(((ExtendedActorSystem)cluster._systems[0]).Provider.DefaultAddress);
        for (int i = 0; i < nodes; i++)
            await cluster.CountAsync(i, nodes);
        return cluster;
    }

    public ClusterValues this[int node] => new(_systems[node]);

    public UniqueAddress Address(int node) => Akka.Cluster.Cluster.Get(_systems[node]).SelfUniqueAddress;

    /// <summary>Waits until the node's replicator counts so many replicas.</summary>
    public Task CountAsync(int node, int replicas) => Wait.UntilAsync(
        async () => (await DistributedData.Get(_systems[node]).Replicator.Ask<ReplicaCount>(Dsl.GetReplicaCount, Wait.Long)).N == replicas, $"node {node} counts {replicas} replicas");

    /// <summary>Waits until the value fits at each node.</summary>
    public async Task AgreeAsync<T>(Func<ClusterValues, ClusterValue<T>> of, Func<T, bool> fits, string what, params int[] nodes) where T : class, IReplicatedData<T>
    {
        foreach (int node in nodes)
            await Wait.UntilAsync(async () => fits(await of(this[node]).GetAsync()), $"{what} at node {node}");
    }

    public async Task LeaveAsync(int node)
    {
        await Akka.Cluster.Cluster.Get(_systems[node]).LeaveAsync().WaitAsync(Wait.Long);
        await _systems[node].Terminate().WaitAsync(Wait.Long);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ActorSystem system in _systems)
            await system.Terminate().WaitAsync(Wait.Long);
    }
}
