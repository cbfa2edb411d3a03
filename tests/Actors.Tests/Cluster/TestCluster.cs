using ActorRepl.Actors.Client;
using ActorRepl.Actors.Control;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Raft;
using Akka.Actor;
using Akka.Configuration;
using ReplicaReport = ActorRepl.Actors.Messages.ReplicaReport;

namespace ActorRepl.Actors.Tests.Cluster;

/// <summary>Nodes of a cluster in this process: an actor system each, over loopback remoting.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    private readonly TestClusterOptions _options;
    private readonly TestNode?[] _nodes;
    private readonly NodeInfo[] _infos;

    private TestCluster(TestClusterOptions options)
    {
        _options = options;
        _nodes = new TestNode?[options.Nodes];
        _infos = [.. FreePorts.Take(options.Nodes).Select((port, i) =>
            new NodeInfo(new ReplicaId(i + 1), $"node-{i + 1}", new Address("akka.tcp", "test", "127.0.0.1", port)))];
    }

    private int Founders => _options.Founders ?? _options.Nodes;

    public IEnumerable<TestNode> Running => _nodes.OfType<TestNode>();

    public TestNode this[int node] => _nodes[node - 1] ?? throw new InvalidOperationException($"node {node} is down");

    public static async Task<TestCluster> StartAsync(TestClusterOptions? options = null)
    {
        var cluster = new TestCluster(options ?? new TestClusterOptions());
        for (int node = 1; node <= cluster.Founders; node++)
            await cluster.StartNodeAsync(node);
        return cluster;
    }

    public async Task<TestNode> StartNodeAsync(int node)
    {
        NodeInfo self = _infos[node - 1];
        Config config = ConfigurationFactory.ParseString($$"""
            akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = {{self.Address.Port}} }
            """)
            .WithFallback(_options.Config(node))
            .WithFallback(TestClusterOptions.Base)
            .WithFallback(RuntimeConfig.Reference);
        var system = ActorSystem.Create("test", config);
        var settings = new ReplicationSettings
        {
            Cluster = "test",
            Self = self.Id,
            Nodes = node <= Founders ? _infos[..Founders] : [self],
            Founders = [.. _infos[..Founders].Select(info => info.Id)],
            Groups = [_options.Group],
        };
        settings = _options.Change(settings.WithConfig(system.Settings.Config));
        if (node > Founders && settings.NodeState.Load() is null)
            settings.NodeState.Save((await ClusterJoin.AskAsync(system, _infos[0].Address, Wait.Long)).Encode());
        ReplicationRuntime runtime = await ReplicationRuntime.StartAsync(system, settings);
        return _nodes[node - 1] = new TestNode(self.Id, system, runtime);
    }

    /// <summary>Ends a node without any farewell of the replicas.</summary>
    public async Task TerminateAsync(int node)
    {
        TestNode gone = this[node];
        _nodes[node - 1] = null;
        await gone.System.Terminate();
    }

    /// <summary>The node that leads a shard, once the running nodes that hold it agree.</summary>
    public async Task<TestNode> LeaderAsync(int shard = 0, Func<ReplicaId, bool>? wanted = null)
    {
        TestNode? leader = null;
        await Wait.UntilAsync(
            async () =>
            {
                var reports = (await Task.WhenAll(Running.Select(node => node.Runtime.LocalReplicasAsync()))).SelectMany(all => all).Where(report => report.Shard == shard).ToArray();
                ReplicaReport? leading = reports.SingleOrDefault(report => report.Status?.Role == "leader" && report.Status.Term == reports.Max(r => r.Status?.Term ?? 0));
                leader = leading is null ? null : Running.SingleOrDefault(node => node.Id == leading.Node);
                return leader is not null && (wanted?.Invoke(leader.Id) ?? true);
            },
            $"shard {shard} has a leader");
        return leader!;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (TestNode node in Running)
            await node.System.Terminate();
    }
}

internal sealed record TestNode(ReplicaId Id, ActorSystem System, ReplicationRuntime Runtime)
{
    public IReplicationClient Client => Runtime.Client;

    /// <summary>False: refused, as it is while that replica has not been heard of, or follows too slowly.</summary>
    public async Task<bool> IsTransferredAsync(ReplicaId to)
    {
        try
        {
            await Client.TransferAsync(KeyValue.Group, 0, to);
            return true;
        }
        catch (ReplicationException refused) when (refused.Rejection is { Reason: RejectReason.NoQuorum, OutcomeUnknown: false })
        {
            return false;
        }
    }

    public async Task<bool> ControlAnswersAsync()
    {
        try
        {
            await Client.QueryShardAsync(
                ControlGroup.Own, 0, ControlCodec.Encode(new ControlQuery.StateSince(0)), new RequestOptions { Timeout = TimeSpan.FromMilliseconds(500) });
            return true;
        }
        catch (ReplicationException)
        {
            return false;
        }
    }
}

internal sealed record TestClusterOptions
{
    public static readonly Config Base = ConfigurationFactory.ParseString("""
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          log-dead-letters = off
          log-dead-letters-during-shutdown = off
          actor.provider = remote
          remote {
            log-remote-lifecycle-events = off
            retry-gate-closed-for = 100ms
            dot-netty.tcp.maximum-frame-size = 4 MiB
          }
          persistence {
            journal.plugin = "akka.persistence.journal.inmem"
            snapshot-store.plugin = "akka.persistence.snapshot-store.inmem"
          }
        }
        """);

    /// <summary>A busy machine is no lost leader; one whose node is gone is challenged at once all the same.</summary>
    public static readonly RaftOptions Raft = RaftOptions.Default with
    {
        ElectionMinMicros = Instant.Second, ElectionMaxMicros = 2 * Instant.Second, FirstReplicaLeadsFirst = true,
    };

    public int Nodes { get; init; } = 3;

    /// <summary>The nodes that found the cluster; the others are started by the test and join. Null: all.</summary>
    public int? Founders { get; init; }

    public GroupDefinition Group { get; init; } = new()
    {
        Name = KeyValue.Group,
        Protocol = new RaftFactory(Raft),
        Machine = () => new KeyValueMachine(),
        Shards = 1,
        Replicas = 3,
    };

    public Func<int, Config> Config { get; init; } = _ => Akka.Configuration.Config.Empty;

    public Func<ReplicationSettings, ReplicationSettings> Change { get; init; } = settings => settings;
}
