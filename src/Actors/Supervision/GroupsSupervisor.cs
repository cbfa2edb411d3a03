using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using Akka.Actor;

namespace ActorRepl.Actors.Supervision;

/// <summary>The top of a node's runtime: all groups, and the watch over the other nodes.</summary>
internal sealed class GroupsSupervisor(ReplicationSettings settings, RouterTable routers) : UntypedActor
{
    public static Props Props(ReplicationSettings settings, RouterTable routers) =>
        Akka.Actor.Props.Create(() => new GroupsSupervisor(settings, routers)).WithDispatcher(settings.Dispatcher);

    protected override void PreStart()
    {
        Context.ActorOf(PeerWatch.Props(settings));
        foreach (GroupDefinition group in settings.Groups)
            Context.ActorOf(GroupSupervisor.Props(settings, group, routers), group.Name);
    }

    protected override void OnReceive(object message)
    {
        if (message is not HandOverLeadership)
            return;
        foreach (IActorRef child in Context.GetChildren())
            child.Forward(message);
    }
}
