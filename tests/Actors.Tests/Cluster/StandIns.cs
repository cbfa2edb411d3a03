using ActorRepl.Actors.Client;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Machines;
using ActorRepl.Protocols.Raft;
using Akka.Actor;
using Akka.TestKit;

namespace ActorRepl.Actors.Tests.Cluster;

/// <summary>Probes in the places of the supervisors of one shard's replicas, and a real router in front of them.</summary>
internal sealed class StandIns
{
    private readonly TestKitBase _kit;
    private readonly Dictionary<int, TestProbe> _supervisors = [];

    public StandIns(TestKitBase kit, Func<ReplicationSettings, ReplicationSettings>? change = null, IProtocolFactory? protocol = null)
    {
        _kit = kit;
        Asker = kit.CreateTestProbe();
        NodeInfo[] all = [.. Enumerable.Range(1, 4).Select(id => new NodeInfo(new ReplicaId(id), $"node-{id}", new Address("akka", kit.Sys.Name)))];
        NodeInfo[] nodes = all[..3];
        Nodes = new NodeDirectory(nodes);
        Fourth = all[3];
        var group = new GroupDefinition { Name = KeyValue.Group, Protocol = protocol ?? new RaftFactory(), Machine = () => new KeyValueMachine(), Shards = 1, Replicas = 3 };
        var settings = new ReplicationSettings
        {
            Cluster = "test",
            Self = new ReplicaId(1),
            Nodes = nodes,
            Groups = [group],
            RootName = node => node.Id.ToString(),
            Dispatcher = "akka.actor.default-dispatcher",
        };
        settings = change?.Invoke(settings) ?? settings;
        foreach (NodeInfo node in all)
        {
            _supervisors[node.Id.Value] = kit.CreateTestProbe();
            kit.Sys.ActorOf(Props.Create(() => new Step(new[] { KeyValue.Group, Names.Shard(0) }, _supervisors[node.Id.Value])), node.Id.ToString());
        }

        // Actors come into being one after another: messages must not be on their way before all are there.
        foreach (NodeInfo node in all)
            kit.AwaitAssert(() => kit.Sys.ActorSelection($"/user/{node.Id}/{KeyValue.Group}/{Names.Shard(0)}").ResolveOne(TimeSpan.FromSeconds(1)).Wait());
        Router = kit.Sys.ActorOf(ShardRouter.Props(settings, new NodeLocator(settings, Nodes, kit.Sys), group, 0));
    }

    public IActorRef Router { get; }

    /// <summary>Knows three nodes, which hold the shard.</summary>
    public NodeDirectory Nodes { get; }

    /// <summary>A node that is there and that nobody knows yet.</summary>
    public NodeInfo Fourth { get; }

    /// <summary>Gets the answers of all calls.</summary>
    public TestProbe Asker { get; }

    public TestProbe this[int node] => _supervisors[node];

    public void Call(RequestKind kind, string payload, int timeoutMillis = 5_000) =>
        Router.Tell(new AskedCall(kind, KeyValue.Bytes(payload), timeoutMillis, Asker, _kit.TestActor));

    public void Read(ReadFrom from, string payload, RequestKind kind = RequestKind.StaleRead, int timeoutMillis = 5_000) =>
        Router.Tell(new AskedCall(kind, KeyValue.Bytes(payload), timeoutMillis, Asker, _kit.TestActor) { From = from });

    public void Command(string payload, int timeoutMillis = 5_000) => Call(RequestKind.Command, payload, timeoutMillis);

    private sealed class Step : UntypedActor
    {
        private readonly IActorRef _end;

        public Step(string[] names, IActorRef end)
        {
            _end = end;
            if (names.Length == 0)
                return;
            string[] rest = names[1..];
            Context.ActorOf(Props.Create(() => new Step(rest, end)), names[0]);
        }

        protected override void OnReceive(object message) => _end.Forward(message);
    }
}
