using ActorRepl.Actors.Control;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using Akka.Actor;

namespace ActorRepl.Actors.Supervision;

/// <summary>
/// One group on this node: a supervisor for each shard that has or had a replica here, and the group's router. A
/// supervisor stays when its replica leaves: its path is how other nodes find the next one.
/// </summary>
internal sealed class GroupSupervisor(
    ReplicationSettings settings, NodeLocator locator, ShardViews? views, GroupDefinition group, NodeMemory memory, RouterTable routers) : UntypedActor
{
    public static Props Props(
        ReplicationSettings settings, NodeLocator locator, ShardViews? views, GroupDefinition group, NodeMemory memory, RouterTable routers) =>
        Akka.Actor.Props.Create(() => new GroupSupervisor(settings, locator, views, group, memory, routers)).WithDispatcher(settings.Dispatcher);

    protected override void PreStart()
    {
        foreach (HostedShard replica in memory.State.Hosted.Where(hosted => hosted.Group == group.Name && hosted.Shard < group.Shards))
            SupervisorOf(replica.Shard).Tell(new StartHosting(replica), Self);
        Context.ActorOf(GroupRouter.Props(settings, locator, group, routers), Names.Router);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case HandOverLeadership:
                foreach (IActorRef child in Context.GetChildren())
                    child.Forward(message);
                break;
            case StartHosting start:
                SupervisorOf(start.Replica.Shard).Forward(message);
                break;
            case StopHosting stop:
                SupervisorOf(stop.Replica.Shard).Forward(message);
                break;
        }
    }

    private IActorRef SupervisorOf(int shard) => Context.Child(Names.Shard(shard)) is { } known && !known.IsNobody()
        ? known
        : Context.ActorOf(ShardSupervisor.Props(settings, locator, views, group, shard), Names.Shard(shard));
}
