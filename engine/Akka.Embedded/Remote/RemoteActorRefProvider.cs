using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Actor.Internal;
using Akka.Dispatch.SysMsg;
using Akka.Event;

namespace Akka.Remote;

/// <summary>A provider that also knows actors of other systems.</summary>
public interface IRemoteActorRefProvider : IActorRefProvider
{
    IActorRef RemoteWatcher { get; }
    RemoteTransport Transport { get; }
    RemoteSettings RemoteSettings { get; }

    /// <summary>True if the address is one of this system's.</summary>
    bool HasAddress(Address address);

    /// <summary>Cuts off one incarnation for good; without a UID the address is only gated.</summary>
    void Quarantine(Address address, int? uid);
}

/// <summary>The provider of a system that speaks to others over TCP (akka.actor.provider = remote). There is no remote deployment.</summary>
public class RemoteActorRefProvider : IRemoteActorRefProvider
{
    // References are made anew when the cache was emptied; that is cheaper than to keep it in order.
    private const int MaximumCachedRefs = 20_000;
    private readonly LocalActorRefProvider _local;
    private readonly ConcurrentDictionary<string, RemoteActorRef> _byText = new();
    private readonly ConcurrentDictionary<ActorPath, RemoteActorRef> _byPath = new(SamePathAndUid.Instance);
    private Remoting _remoting;

    public RemoteActorRefProvider(string systemName, Settings settings, EventStream eventStream)
    {
        _local = new LocalActorRefProvider(systemName, settings, eventStream);
        RemoteSettings = new RemoteSettings(settings.Config);
    }

    public RemoteSettings RemoteSettings { get; }
    public RemoteTransport Transport => _remoting;
    public IActorRef RemoteWatcher { get; private set; }
    public IInternalActorRef RootGuardian => _local.RootGuardian;
    public LocalActorRef Guardian => _local.Guardian;
    public LocalActorRef SystemGuardian => _local.SystemGuardian;
    public IActorRef DeadLetters => _local.DeadLetters;
    public IActorRef IgnoreRef => _local.IgnoreRef;
    public ActorPath RootPath => _local.RootPath;
    public Settings Settings => _local.Settings;
    public IInternalActorRef TempContainer => _local.TempContainer;
    public Task TerminationTask => _local.TerminationTask;

    /// <summary>The address others reach this system at.</summary>
    public Address DefaultAddress => _remoting?.DefaultAddress ?? _local.DefaultAddress;

    /// <summary>Starts the guardians, then listens.</summary>
    /// <exception cref="RemoteTransportException">The address cannot be bound.</exception>
    public virtual void Init(ActorSystemImpl system)
    {
        _remoting = new Remoting(system, this);
        _remoting.Start();
        _local.Init(system);
        var remoting = _remoting;
        system.SystemActorOf(Props.Create(() => new RemotingTerminator(remoting)), "remoting-terminator");
        RemoteWatcher = CreateRemoteWatcher(system);
        _remoting.Accept();
    }

    public IInternalActorRef ActorOf(ActorSystemImpl system, Props props, IInternalActorRef supervisor, ActorPath path,
        bool systemService, Deploy deploy, bool lookupDeploy, bool async) =>
        _local.ActorOf(system, props, supervisor, path, systemService, deploy, lookupDeploy, async);

    public IActorRef RootGuardianAt(Address address) =>
        HasAddress(address) ? RootGuardian : RemoteRef(new RootActorPath(address));

    public ActorPath TempPath() => _local.TempPath();
    public void RegisterTempActor(IInternalActorRef actorRef, ActorPath path) => _local.RegisterTempActor(actorRef, path);
    public void UnregisterTempActor(ActorPath path) => _local.UnregisterTempActor(path);
    public FutureActorRef<T> CreateFutureRef<T>(TaskCompletionSource<T> tcs) => new(tcs, this);
    public bool HasAddress(Address address) => address == _local.RootPath.Address || address == _remoting.DefaultAddress;
    public void Quarantine(Address address, int? uid) => _remoting.Quarantine(address, uid);

    public Address GetExternalAddressFor(Address address) =>
        HasAddress(address) ? _local.RootPath.Address : address.HasGlobalScope ? DefaultAddress : null;

    /// <summary>The incarnation last spoken to at the address, or null.</summary>
    internal int? UidOf(Address address) => _remoting.AssociationTo(address).Uid;

    public IActorRef ResolveActorRef(string path)
    {
        if (_byText.TryGetValue(path, out var known))
            return known;
        if (!ActorPath.TryParse(path, out var parsed))
            return DeadLetters;
        var resolved = ResolveActorRef(parsed);
        if (resolved is RemoteActorRef remote && !IsTemporary(parsed))
        {
            if (_byText.Count >= MaximumCachedRefs)
                _byText.Clear();
            _byText[path] = remote;
        }
        return resolved;
    }

    public IActorRef ResolveActorRef(ActorPath actorPath) =>
        HasAddress(actorPath.Address) ? _local.Resolve(actorPath) : RemoteRef(actorPath);

    /// <summary>Starts what watches actors of other systems.</summary>
    protected virtual IActorRef CreateRemoteWatcher(ActorSystemImpl system) =>
        system.SystemActorOf(
            Remote.RemoteWatcher.Props(
                CreateRemoteWatcherFailureDetector(system),
                RemoteSettings.WatchHeartBeatInterval,
                RemoteSettings.WatchUnreachableReaperInterval,
                RemoteSettings.WatchHeartbeatExpectedResponseAfter),
            Remote.RemoteWatcher.Name);

    protected DefaultFailureDetectorRegistry<Address> CreateRemoteWatcherFailureDetector(ActorSystem system) =>
        new(() => FailureDetectorLoader.Load(
            RemoteSettings.WatchFailureDetectorImplementationClass, RemoteSettings.WatchFailureDetectorConfig, system));

    private IActorRef RemoteRef(ActorPath path)
    {
        if (path.Address.HasLocalScope || path.Address.Port is null)
            return DeadLetters;
        if (IsTemporary(path))
            return new RemoteActorRef(_remoting, path);
        if (_byPath.TryGetValue(path, out var known))
            return known;
        if (_byPath.Count >= MaximumCachedRefs)
            _byPath.Clear();
        return _byPath.GetOrAdd(path, static (at, remoting) => new RemoteActorRef(remoting, at), _remoting);
    }

    /// <summary>True for references behind an Ask: each is used once.</summary>
    private static bool IsTemporary(ActorPath path) => path.Depth == 2 && path.Parent.Name == "temp";

    private sealed class SamePathAndUid : IEqualityComparer<ActorPath>
    {
        public static readonly SamePathAndUid Instance = new();

        public bool Equals(ActorPath x, ActorPath y) => x.Uid == y.Uid && x.Equals(y);
        public int GetHashCode(ActorPath obj) => HashCode.Combine(obj, obj.Uid);
    }

    /// <summary>Lets the system end only after what its last actors said has been sent.</summary>
    private sealed class RemotingTerminator : UntypedActor
    {
        private readonly Remoting _remoting;

        public RemotingTerminator(Remoting remoting) => _remoting = remoting;

        protected override void PreStart() =>
            ((ExtendedActorSystem)Context.System).SystemGuardian.Tell(RegisterTerminationHook.Instance, Self);

        protected override void OnReceive(object message)
        {
            switch (message)
            {
                case TerminationHook:
                    _remoting.Shutdown().PipeTo(Self, success: () => TerminationHookDone.Instance);
                    break;
                case TerminationHookDone or Status.Failure:
                    ((ExtendedActorSystem)Context.System).SystemGuardian.Tell(TerminationHookDone.Instance, Self);
                    break;
                default:
                    Unhandled(message);
                    break;
            }
        }
    }
}
