using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;

namespace ActorRepl.Actors.Supervision;

/// <summary>
/// Tells the multiplexer when transport or cluster believe a node down: hints, never proof. That a node is up it tells itself.
/// </summary>
internal sealed class PeerWatch(ReplicationSettings settings, NodeLocator locator) : UntypedActor
{
    public static Props Props(ReplicationSettings settings, NodeLocator locator) =>
        Akka.Actor.Props.Create(() => new PeerWatch(settings, locator)).WithDispatcher(settings.Dispatcher);

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
        if (((ExtendedActorSystem)Context.System).Provider is ClusterActorRefProvider)
        {
            Cluster.Get(Context.System).Subscribe(
                Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, 
                typeof(ClusterEvent.UnreachableMember), typeof(ClusterEvent.MemberRemoved));
        }
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case DisassociatedEvent gone:
                Doubt(gone.RemoteAddress);
                break;
            case ClusterEvent.UnreachableMember unreachable:
                Doubt(unreachable.Member.Address);
                break;
            case ClusterEvent.MemberRemoved removed:
                Doubt(removed.Member.Address);
                break;
        }
    }

    private void Doubt(Address address)
    {
        foreach (NodeInfo node in locator.Nodes.At(address).Where(node => node.Id != settings.Self))
            locator.OwnMultiplexer.Tell(new NodeDoubted(node.Id), Self);
    }
}
