using ActorRepl.Actors.Client;
using ActorRepl.Actors.Control;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using Akka.Actor;

namespace ActorRepl.Actors.Supervision;

/// <summary>The top of a node's runtime: all groups, what is held of them here, and the watch over the other nodes.</summary>
internal sealed class GroupsSupervisor(
    ReplicationSettings settings, NodeLocator locator, NodeMemory memory, RouterTable routers, ControlFeed feed, ReplicationClient client) : UntypedActor
{
    public static Props Props(
        ReplicationSettings settings, NodeLocator locator, NodeMemory memory, RouterTable routers, ControlFeed feed, ReplicationClient client) =>
        Akka.Actor.Props.Create(() => new GroupsSupervisor(settings, locator, memory, routers, feed, client)).WithDispatcher(settings.Dispatcher);

    protected override void PreStart()
    {
        locator.OwnMultiplexer = Context.ActorOf(MultiplexerActor.Props(settings, locator), Names.Multiplexer);
        Context.ActorOf(PeerWatch.Props(settings, locator));
        ControlClient? control = settings.Control is null ? null : new ControlClient(client);
        ShardViews? views = control is null ? null : new ShardViews(feed, control);
        foreach (GroupDefinition group in settings.Groups)
            Context.ActorOf(GroupSupervisor.Props(settings, locator, views, group, memory, routers), group.Name);
        IActorRef hosting = Context.ActorOf(HostingActor.Props(settings, memory), Names.Hosting);
        if (control is not null)
            StartControl(settings.Control!, control, hosting);
    }

    private void StartControl(ControlSettings control, ControlClient group, IActorRef hosting)
    {
        Context.ActorOf(Controller.Props(settings, control, feed, client, group), Names.Controller);
        Context.ActorOf(ControlAgent.Props(settings, control, feed, locator, memory, routers, hosting), Names.Agent);
        Context.ActorOf(NodeReporter.Props(settings, control, locator, memory), "reporter");
        Context.ActorOf(Registrar.Props(settings, memory.State.Disk, group), "registrar");
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case HandOverLeadership:
                foreach (IActorRef child in Context.GetChildren())
                    child.Forward(message);
                break;
            case GroupRefused refused:
                // Their data stays: the node may have been started with a wrong setting.
                foreach (HostedShard hosted in memory.State.Hosted.Where(hosted => hosted.Group == refused.Group))
                    Context.Child(refused.Group).Tell(new StopHosting(hosted, refused.Why), ActorRefs.NoSender);
                break;
            case StartHosting start:
                Context.Child(start.Replica.Group).Forward(message);
                break;
            case StopHosting stop:
                Context.Child(stop.Replica.Group).Forward(message);
                break;
        }
    }
}
