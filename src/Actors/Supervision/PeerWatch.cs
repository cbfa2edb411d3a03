using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Settings;
using Akka.Actor;
using Akka.Cluster;
using Akka.Remote;

namespace ActorRepl.Actors.Supervision;

/// <summary>
/// Turns what transport and cluster believe of the other nodes into <see cref="PeerChanged"/>: hints, never proof.
/// </summary>
internal sealed class PeerWatch(ReplicationSettings settings) : UntypedActor
{
    private readonly Dictionary<Address, NodeInfo> _nodes = settings.Nodes
        .Where(node => node.Id != settings.Self)
        .GroupBy(node => node.Address)
        .ToDictionary(nodes => nodes.Key, nodes => nodes.First());

    public static Props Props(ReplicationSettings settings) =>
        Akka.Actor.Props.Create(() => new PeerWatch(settings)).WithDispatcher(settings.Dispatcher);

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
        if (_nodes.TryGetValue(address, out NodeInfo? node))
            Context.System.EventStream.Publish(new PeerChanged(node.Id, up));
    }
}
