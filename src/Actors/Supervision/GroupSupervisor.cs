using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using Akka.Actor;

namespace ActorRepl.Actors.Supervision;

/// <summary>One group on this node: a supervisor for each shard that has a replica here, and the group's router.</summary>
internal sealed class GroupSupervisor(ReplicationSettings settings, GroupDefinition group, RouterTable routers) : UntypedActor
{
    public static Props Props(ReplicationSettings settings, GroupDefinition group, RouterTable routers) =>
        Akka.Actor.Props.Create(() => new GroupSupervisor(settings, group, routers)).WithDispatcher(settings.Dispatcher);

    protected override void PreStart()
    {
        for (int shard = 0; shard < group.Shards; shard++)
        {
            if (settings.Hosts(group, shard))
                Context.ActorOf(ShardSupervisor.Props(settings, group, shard), Names.Shard(shard));
        }

        Context.ActorOf(GroupRouter.Props(settings, group, routers), Names.Router);
    }

    protected override void OnReceive(object message)
    {
        if (message is not HandOverLeadership)
            return;
        foreach (IActorRef child in Context.GetChildren())
            child.Forward(message);
    }
}
