using Akka.Actor;
using Akka.Actor.Internal;
using Akka.Event;
using Akka.Remote;

namespace Akka.Cluster;

/// <summary>The provider of a system that is a node of a cluster (akka.actor.provider = cluster).</summary>
public class ClusterActorRefProvider(string systemName, Settings settings, EventStream eventStream)
    : RemoteActorRefProvider(systemName, settings, eventStream)
{
    public override void Init(ActorSystemImpl system)
    {
        base.Init(system);
        Cluster.Get(system);
    }

    protected override IActorRef CreateRemoteWatcher(ActorSystemImpl system)
    {
        var detector = CreateRemoteWatcherFailureDetector(system);
        return system.SystemActorOf(Props.Create(() => new ClusterRemoteWatcher(this, detector)), Akka.Remote.RemoteWatcher.Name);
    }
}

/// <summary>
/// Death watch in a cluster: whether a member is gone is for the cluster to say. When one is removed, all that is watched
/// there counts as terminated; one that was downed is cut off, for it may still run.
/// </summary>
internal sealed class ClusterRemoteWatcher(ClusterActorRefProvider provider, DefaultFailureDetectorRegistry<Address> detector)
    : RemoteWatcher(
        detector,
        provider.RemoteSettings.WatchHeartBeatInterval,
        provider.RemoteSettings.WatchUnreachableReaperInterval,
        provider.RemoteSettings.WatchHeartbeatExpectedResponseAfter)
{
    private readonly HashSet<Address> _members = [];

    protected override void PreStart() => Self.Tell(ClusterIsThere.Instance);
    protected override bool IsHeartbeated(Address address) => !_members.Contains(address);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ClusterIsThere:
                var cluster = Cluster.Get(Context.System);
                cluster.Subscribe(Self, ClusterEvent.InitialStateAsEvents, typeof(ClusterEvent.IMemberEvent));
                break;
            case ClusterEvent.MemberRemoved removed when !IsSelf(removed.Member):
                _members.Remove(removed.Member.Address);
                if (removed.PreviousStatus == MemberStatus.Down)
                    provider.Quarantine(removed.Member.Address, removed.Member.UniqueAddress.Uid);
                base.OnReceive(new NodeTerminated(removed.Member.Address, removed.Member.UniqueAddress.Uid));
                break;
            case ClusterEvent.IMemberEvent changed:
                if (!IsSelf(changed.Member))
                    _members.Add(changed.Member.Address);
                break;
            default:
                base.OnReceive(message);
                break;
        }
    }

    private bool IsSelf(Member member) => member.Address == provider.DefaultAddress;

    private sealed class ClusterIsThere
    {
        public static readonly ClusterIsThere Instance = new();
    }
}
