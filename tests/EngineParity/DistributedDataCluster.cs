using Akka.Actor;
using Akka.Cluster;
using Akka.DistributedData;

namespace ActorRepl.EngineParity;

/// <summary>A cluster on loopback with a replicator on every node.</summary>
internal sealed class DistributedDataCluster : IAsyncDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private const string Name = "ddata";

    private const string Settings = """
        akka {
          actor.provider = cluster
          extensions = ["Akka.DistributedData.DistributedDataProvider, Akka.DistributedData"]
          actor {
            serializers.parity-script = "ActorRepl.EngineParity.ScriptDataSerializer, ActorRepl.EngineParity"
            serialization-bindings {
              "ActorRepl.EngineParity.ScriptData, ActorRepl.EngineParity" = parity-script
              "ActorRepl.EngineParity.ScriptDelta, ActorRepl.EngineParity" = parity-script
            }
          }
          cluster {
            log-info = off
            downing-provider-class = ""
            periodic-tasks-initial-delay = 100 ms
            gossip-interval = 200 ms
            leader-actions-interval = 200 ms
            unreachable-nodes-reaper-interval = 200 ms
            failure-detector {
              heartbeat-interval = 200 ms
              expected-response-after = 200 ms
              acceptable-heartbeat-pause = 2 s
            }
            distributed-data {
              gossip-interval = 500 ms
              notify-subscribers-interval = 100 ms
            }
          }
        }
        """;

    private readonly List<NetworkNode> _nodes = [];

    public NetworkNode this[int node] => _nodes[node];

    /// <summary>A cluster whose nodes see each other and whose replicators count each other.</summary>
    public static async Task<DistributedDataCluster> StartAsync(int nodes, string config = "", bool behindProxies = false)
    {
        var cluster = new DistributedDataCluster();
        try
        {
            for (int i = 0; i < nodes; i++)
                await cluster.JoinAsync(config, behindProxies);
            for (int i = 0; i < nodes; i++)
                await cluster.CountAsync(i, nodes);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Adds a node.</summary>
    public async Task JoinAsync(string config = "", bool behindProxy = false)
    {
        config += "\n" + Settings;
        var node = behindProxy ? NetworkNode.StartBehind(new CutOff(), Name, config) : NetworkNode.Start(Name, config);
        _nodes.Add(node);
        var cluster = Cluster.Get(node.System);
        cluster.Join(_nodes[0].Address);
        await Eventually.TrueAsync(() => cluster.IsUp, () => $"{node.Address} is not up: {string.Join(", ", cluster.State.Members)}");
    }

    /// <summary>Waits until the node's replicator counts so many replicas.</summary>
    public async Task CountAsync(int node, int replicas)
    {
        int counted = 0;
        await EventuallyAsync(
            async () => (counted = (await AskAsync<ReplicaCount>(node, Dsl.GetReplicaCount)).N) == replicas,
            () => $"{this[node].Address} counts {counted} replicas, not {replicas}");
    }

    public UniqueAddress Address(int node) => Cluster.Get(this[node].System).SelfUniqueAddress;

    public IActorRef Replicator(int node) => DistributedData.Get(this[node].System).Replicator;

    public Task<T> AskAsync<T>(int node, object message) => Replicator(node).Ask<T>(message, TimeSpan.FromSeconds(20));

    public Task<UpdateSuccess> UpdateAsync<T>(int node, Key<T> key, T initial, Func<T, T> modify, IWriteConsistency? consistency = null)
        where T : IReplicatedData => AskAsync<UpdateSuccess>(node, Dsl.Update(key, initial, consistency ?? WriteLocal.Instance, modify));

    /// <summary>The value in this node's replica; null if there is none.</summary>
    public async Task<T?> LocalAsync<T>(int node, Key<T> key) where T : class, IReplicatedData =>
        await AskAsync<object>(node, Dsl.Get(key, ReadLocal.Instance)) is GetSuccess success ? success.Get(key) : null;

    /// <summary>Waits until every one of the nodes has a value that fits.</summary>
    public async Task AgreeAsync<T>(Key<T> key, Func<T, bool> fits, params int[] nodes) where T : class, IReplicatedData
    {
        foreach (int node in nodes)
        {
            T? value = null;
            await EventuallyAsync(
                async () => (value = await LocalAsync(node, key)) is not null && fits(value),
                () => $"{this[node].Address} has {value} under '{key.Id}'");
        }
    }

    public static async Task EventuallyAsync(Func<Task<bool>> condition, Func<string> what)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await condition())
        {
            if (limit.IsCancellationRequested)
                throw new TimeoutException(what());
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
    }
}
