using System.Collections.Immutable;
using Akka.Actor;
using Akka.Remote;

namespace Akka.Cluster;

/// <inheritdoc cref="Cluster"/>
public class ClusterExtension : ExtensionIdProvider<Cluster>
{
    public override Cluster CreateExtension(ExtendedActorSystem system) => new(system);
}

/// <summary>This node's part in the cluster. Membership is what nodes agree on; being reachable is what some suspect or not.</summary>
public class Cluster : IExtension
{
    private readonly IActorRef _daemon;
    private readonly TaskCompletionSource<Done> _exiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Done> _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ClusterEvent.CurrentClusterState _state = new();
    private volatile bool _terminated;

    internal Cluster(ExtendedActorSystem system)
    {
        System = system;
        if (system.Provider is not ClusterActorRefProvider provider)
            throw new Configuration.ConfigurationException(
                $"actor system '{system.Name}' needs akka.actor.provider = cluster to be in a cluster; it is '{system.Settings.Config.GetString("akka.actor.provider")}'");
        Settings = new ClusterSettings(system.Settings.Config, system.Name);
        SelfUniqueAddress = new UniqueAddress(provider.Transport.DefaultAddress, AddressUidExtension.Uid(system));
        FailureDetector = new DefaultFailureDetectorRegistry<Address>(() =>
            FailureDetectorLoader.Load(Settings.FailureDetectorImplementationClass, Settings.FailureDetectorConfig, system));
        _daemon = system.SystemActorOf(Props.Create(() => new ClusterCore(this)), "cluster");
        AddShutdownTasks(CoordinatedShutdown.Get(system));
    }

    public ExtendedActorSystem System { get; }
    public ClusterSettings Settings { get; }
    public UniqueAddress SelfUniqueAddress { get; }
    public DefaultFailureDetectorRegistry<Address> FailureDetector { get; }
    public Address SelfAddress => SelfUniqueAddress.Address;
    public ImmutableHashSet<string> SelfRoles => Settings.Roles;

    /// <summary>True once this node has left, was removed, or its daemon has stopped.</summary>
    public bool IsTerminated => _terminated;
    public bool IsUp => SelfMember.Status == MemberStatus.Up;

    /// <summary>The cluster as last seen here.</summary>
    public ClusterEvent.CurrentClusterState State => _state;

    /// <summary>This node as a member; in status removed while it is none.</summary>
    public Member SelfMember =>
        _state.Members.FirstOrDefault(m => m.UniqueAddress == SelfUniqueAddress)
        ?? new Member(SelfUniqueAddress, Member.NotYetUp, MemberStatus.Removed, Settings.Roles);

    public static Cluster Get(ActorSystem system) => system.WithExtension<Cluster, ClusterExtension>();

    /// <summary>Joins the cluster the node at the address is in; its own address forms a new one.</summary>
    public void Join(Address address) => _daemon.Tell(new ClusterCore.JoinCommand(Qualified(address)));

    /// <summary>Joins; the task ends when this node is up.</summary>
    /// <exception cref="ClusterJoinFailedException">Cancelled, or the node stopped, before it was up.</exception>
    public Task JoinAsync(Address address, CancellationToken token = default) => WhenUp(() => Join(address), token);

    /// <summary>Joins through the first of these that answers. The first in the list forms the cluster if none other has one.</summary>
    public void JoinSeedNodes(IEnumerable<Address> seedNodes) =>
        _daemon.Tell(new ClusterCore.JoinSeedsCommand([.. seedNodes.Select(Qualified)]));

    /// <inheritdoc cref="JoinAsync"/>
    public Task JoinSeedNodesAsync(IEnumerable<Address> seedNodes, CancellationToken token = default) =>
        WhenUp(() => JoinSeedNodes(seedNodes), token);

    /// <summary>Lets the node leave in an orderly way.</summary>
    public void Leave(Address address) => _daemon.Tell(new ClusterCore.LeaveCommand(Qualified(address)));

    /// <summary>Lets this node leave; the task ends when it is removed.</summary>
    public Task LeaveAsync() => LeaveAsync(CancellationToken.None);

    /// <inheritdoc cref="LeaveAsync()"/>
    public Task LeaveAsync(CancellationToken cancellationToken)
    {
        if (_terminated)
            return Task.CompletedTask;
        Leave(SelfAddress);
        return _stopped.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Declares that the node will not come back: it is removed, and only a new incarnation can join.</summary>
    public void Down(Address address) => _daemon.Tell(new ClusterCore.DownCommand(Qualified(address)));

    public void Subscribe(IActorRef subscriber, params Type[] to) =>
        Subscribe(subscriber, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsSnapshot, to);

    /// <summary>Tells the subscriber of events of these types, after what is already so.</summary>
    public void Subscribe(IActorRef subscriber, ClusterEvent.SubscriptionInitialStateMode initialStateMode, params Type[] to)
    {
        if (to.Length == 0) throw new ArgumentException("at least one event type is needed", nameof(to));
        if (to.FirstOrDefault(type => !typeof(ClusterEvent.IClusterDomainEvent).IsAssignableFrom(type)) is { } wrong)
            throw new ArgumentException($"{wrong} is no {nameof(ClusterEvent.IClusterDomainEvent)}", nameof(to));
        _daemon.Tell(new ClusterCore.SubscribeCommand(subscriber, initialStateMode, [.. to]));
    }

    public void Unsubscribe(IActorRef subscriber) => Unsubscribe(subscriber, null);
    public void Unsubscribe(IActorRef subscriber, Type to) => _daemon.Tell(new ClusterCore.UnsubscribeCommand(subscriber, to));
    public void SendCurrentClusterState(IActorRef receiver) => _daemon.Tell(new ClusterCore.SendStateCommand(receiver));

    /// <summary>Runs the callback once this node is up; at once if it is.</summary>
    public void RegisterOnMemberUp(Action callback) => Register(MemberStatus.Up, callback);

    /// <summary>Runs the callback once this node is removed; at once if it is.</summary>
    public void RegisterOnMemberRemoved(Action callback)
    {
        if (_terminated) callback();
        else Register(MemberStatus.Removed, callback);
    }

    /// <summary>The path others reach a local actor at.</summary>
    public ActorPath RemotePathOf(IActorRef actorRef) =>
        actorRef.Path.Address.HasGlobalScope ? actorRef.Path : new RootActorPath(SelfAddress) / actorRef.Path.Elements;

    internal IActorRef PeerAt(Address address) =>
        System.Provider.ResolveActorRef(new RootActorPath(address) / "system" / "cluster");

    internal void Publish(ClusterEvent.CurrentClusterState state) => _state = state;

    /// <summary>The others have agreed that this node leaves.</summary>
    internal void SelfExiting()
    {
        _exiting.TrySetResult(Done.Instance);
        _ = CoordinatedShutdown.Get(System).Run(CoordinatedShutdown.ClusterLeavingReason.Instance);
    }

    /// <summary>The daemon has stopped.</summary>
    internal void Stopped()
    {
        if (_terminated)
            return;
        _terminated = true;
        _exiting.TrySetResult(Done.Instance);
        _stopped.TrySetResult(Done.Instance);
        if (Settings.RunCoordinatedShutdownWhenDown)
            _ = CoordinatedShutdown.Get(System).Run(CoordinatedShutdown.ClusterDowningReason.Instance);
    }

    private void AddShutdownTasks(CoordinatedShutdown shutdown)
    {
        shutdown.AddTask(CoordinatedShutdown.PhaseClusterLeave, "leave", () =>
        {
            if (_terminated || SelfMember.Status is MemberStatus.Removed or MemberStatus.Down)
                return Task.FromResult(Done.Instance);
            Leave(SelfAddress);
            return _exiting.Task;
        });
        shutdown.AddTask(CoordinatedShutdown.PhaseClusterExitingDone, "exiting-completed", async () =>
        {
            if (!_terminated)
                await _daemon.Ask(new ClusterCore.ExitingDone(), shutdown.Timeout(CoordinatedShutdown.PhaseClusterExitingDone))
                    .ConfigureAwait(false);
            return Done.Instance;
        });
        shutdown.AddTask(CoordinatedShutdown.PhaseClusterShutdown, "wait-shutdown", () =>
        {
            System.Stop(_daemon);
            return _stopped.Task;
        });
    }

    private void Register(MemberStatus status, Action callback) =>
        System.SystemActorOf(Props.Create(() => new SelfStatusListener(this, status, callback)));

    private async Task WhenUp(Action join, CancellationToken token)
    {
        var up = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        RegisterOnMemberUp(() => up.TrySetResult());
        join();
        try
        {
            var first = await Task.WhenAny(up.Task, _stopped.Task).WaitAsync(token).ConfigureAwait(false);
            if (first != up.Task)
                throw new ClusterJoinFailedException($"{SelfAddress} stopped before it was up");
        }
        catch (OperationCanceledException)
        {
            throw new ClusterJoinFailedException($"{SelfAddress} was not up when the join was cancelled");
        }
    }

    /// <summary>Addresses given without host mean this node.</summary>
    private Address Qualified(Address address) =>
        address.HasLocalScope && address.System == SelfAddress.System ? SelfAddress : address;

    /// <summary>Waits for this node to reach a status, calls back once, and stops.</summary>
    private sealed class SelfStatusListener : ReceiveActor
    {
        private readonly Cluster _cluster;
        private readonly MemberStatus _status;
        private readonly Action _callback;
        private bool _reached;

        public SelfStatusListener(Cluster cluster, MemberStatus status, Action callback)
        {
            _cluster = cluster;
            _status = status;
            _callback = callback;
            Receive<ClusterEvent.IMemberEvent>(e => Check(e.Member));
            Receive<Terminated>(_ => Context.Stop(Self));
        }

        protected override void PreStart()
        {
            // A cluster that ended before this was asked tells nothing any more.
            Context.Watch(_cluster._daemon);
            _cluster.Subscribe(Self, ClusterEvent.InitialStateAsEvents, typeof(ClusterEvent.IMemberEvent));
        }

        // A system that ends may stop this actor before it hears that its node was removed.
        protected override void PostStop()
        {
            if (_reached || _status == MemberStatus.Removed)
                _callback();
        }

        private void Check(Member member)
        {
            if (member.UniqueAddress != _cluster.SelfUniqueAddress || member.Status != _status)
                return;
            _reached = true;
            Context.Stop(Self);
        }
    }
}
