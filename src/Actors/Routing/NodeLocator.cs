using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Routing;

/// <summary>
/// Finds the supervisors of shards on other nodes. Paths carry no UID, so what is found goes on working when that node
/// starts again; an actor in this system is looked up anew for each message. Only actors that stay are ever addressed by
/// path: the receiving side of remoting keeps what a path was resolved to, and an actor that took the place of a stopped
/// one would not be found on every thread.
/// </summary>
internal sealed class NodeLocator(ReplicationSettings settings, NodeDirectory nodes, ActorSystem system)
{
    private readonly IActorRefProvider _provider = ((ExtendedActorSystem)system).Provider;

    public NodeDirectory Nodes => nodes;

    /// <summary>Null: the node is not known.</summary>
    public ICanTell? Supervisor(ReplicaId node, string group, int shard) => Link(node, DirectSupervisor(node, group, shard));

    /// <summary>Likewise, for questions of a person who runs the cluster: no fault put on the link is in their way.</summary>
    public ICanTell? DirectSupervisor(ReplicaId node, string group, int shard) =>
        nodes.Find(node) is { } known ? Find(settings.RootPath(known) / group / Names.Shard(shard)) : null;

    /// <summary>Null: the node is not known.</summary>
    public ICanTell? Controller(ReplicaId node) =>
        Link(node, nodes.Find(node) is { } known ? Find(settings.RootPath(known) / Names.Controller) : null);

    /// <summary>The multiplexer of a node; null: the node is not known.</summary>
    public ICanTell? Multiplexer(ReplicaId node) =>
        Link(node, nodes.Find(node) is { } known ? Find(settings.RootPath(known) / Names.Multiplexer) : null);

    /// <summary>The way back to who sent something.</summary>
    public ICanTell Back(IActorRef sender) => settings.Links is null || sender.Path.Address.HasLocalScope
        ? sender
        : nodes.At(sender.Path.Address).FirstOrDefault() is { } known ? Link(known.Id, sender)! : sender;

    /// <summary>The multiplexer of this node, once its runtime starts.</summary>
    public IActorRef OwnMultiplexer { get; set; } = ActorRefs.Nobody;

    private ICanTell? Link(ReplicaId node, ICanTell? actor) =>
        settings.Links is { } links && actor is not null && node != settings.Self ? links.Over(node, actor) : actor;

    private ICanTell Find(ActorPath path) => path.Address.Equals(_provider.DefaultAddress) || path.Address.HasLocalScope
        ? system.ActorSelection("/" + string.Join('/', path.Elements))
        : _provider.ResolveActorRef(path);
}

/// <summary>Names of actors; paths are how nodes find each other.</summary>
internal static class Names
{
    public const string Replica = "replica";
    public const string Router = "router";
    public const string Hosting = "hosting";
    public const string Controller = "controller";
    public const string Agent = "agent";
    public const string Multiplexer = "multiplexer";

    /// <summary>Beside the runtime's top actor, whose name comes first: it is there before that one.</summary>
    public const string Founding = "-founding";

    public static string Shard(int shard) => $"shard-{shard}";
}
