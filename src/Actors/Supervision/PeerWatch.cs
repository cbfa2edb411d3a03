using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Settings;
using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;

namespace ActorRepl.Actors.Supervision;

/// <summary>
/// Turns what transport and cluster believe of the other nodes into <see cref="PeerChanged"/>: hints, never proof.
/// </summary>
internal sealed class PeerWatch(ReplicationSettings settings, NodeDirectory nodes) : UntypedActor
{
    public static Props Props(ReplicationSettings settings, NodeDirectory nodes) =>
        Akka.Actor.Props.Create(() => new PeerWatch(settings, nodes)).WithDispatcher(settings.Dispatcher);

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(AssociationEvent));
        if (((ExtendedActorSystem)Context.System).Provider is ClusterActorRefProvider)
        {
            Cluster.Get(Context.System).Subscribe(
                Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, 
                typeof(ClusterEvent.UnreachableMember), typeof(ClusterEvent.ReachableMember), typeof(ClusterEvent.MemberRemoved));
        }
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case DisassociatedEvent gone:
                Publish(gone.RemoteAddress, up: false);
                break;
            case AssociatedEvent here:
                Publish(here.RemoteAddress, up: true);
                break;
            case ClusterEvent.UnreachableMember unreachable:
                Publish(unreachable.Member.Address, up: false);
                break;
            case ClusterEvent.ReachableMember reachable:
                Publish(reachable.Member.Address, up: true);
                break;
            case ClusterEvent.MemberRemoved removed:
                Publish(removed.Member.Address, up: false);
                break;
        }
    }

    private void Publish(Address address, bool up)
    {
        foreach (NodeInfo node in nodes.At(address).Where(node => node.Id != settings.Self))
            Context.System.EventStream.Publish(new PeerChanged(node.Id, up));
    }
}
