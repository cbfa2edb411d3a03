using System.Collections.Concurrent;
using Akka.Actor.Internal;
using Akka.Dispatch;
using Akka.Dispatch.SysMsg;
using Akka.Event;

namespace Akka.Actor;

/// <summary>Creates and resolves references. Which one a system has is the setting akka.actor.provider.</summary>
public interface IActorRefProvider
{
    IInternalActorRef RootGuardian { get; }
    LocalActorRef Guardian { get; }
    LocalActorRef SystemGuardian { get; }
    IActorRef DeadLetters { get; }
    IActorRef IgnoreRef { get; }
    ActorPath RootPath { get; }
    Settings Settings { get; }
    IInternalActorRef TempContainer { get; }

    /// <summary>Ends when the root guardian has stopped.</summary>
    Task TerminationTask { get; }

    /// <summary>The address of this system as others know it.</summary>
    Address DefaultAddress { get; }

    IActorRef RootGuardianAt(Address address);
    void Init(ActorSystemImpl system);
    ActorPath TempPath();
    void RegisterTempActor(IInternalActorRef actorRef, ActorPath path);
    void UnregisterTempActor(ActorPath path);
    FutureActorRef<T> CreateFutureRef<T>(TaskCompletionSource<T> tcs);

    IInternalActorRef ActorOf(ActorSystemImpl system, Props props, IInternalActorRef supervisor, ActorPath path,
        bool systemService, Deploy deploy, bool lookupDeploy, bool async);

    /// <summary>The actor at the path; if there is none, a reference that leads to the dead letters.</summary>
    IActorRef ResolveActorRef(string path);

    /// <inheritdoc cref="ResolveActorRef(string)"/>
    IActorRef ResolveActorRef(ActorPath actorPath);

    /// <summary>The address under which a system at the given address can reach this one, or null.</summary>
    Address GetExternalAddressFor(Address address);
}

/// <summary>The provider of a system without network; the others build on it.</summary>
public sealed class LocalActorRefProvider : IActorRefProvider
{
    private readonly RootActorPath _rootPath;
    private readonly EventStream _eventStream;
    private readonly ActorPath _tempNode;
    private readonly ConcurrentDictionary<string, IInternalActorRef> _extraNames = new();
    private readonly TaskCompletionSource _terminated = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TempActors _temp;
    private long _tempNumber;
    private IInternalActorRef _rootGuardian;

    public LocalActorRefProvider(string systemName, Settings settings, EventStream eventStream)
    {
        Settings = settings;
        _eventStream = eventStream;
        _rootPath = new RootActorPath(new Address("akka", systemName));
        _tempNode = _rootPath / "temp";
        _temp = new TempActors(this, _tempNode);
        DeadLetters = new DeadLetterActorRef(this, _rootPath / "deadLetters", eventStream);
        IgnoreRef = new IgnoreActorRef(this, _rootPath / "ignore");
        _extraNames["temp"] = _temp;
        _extraNames["deadLetters"] = (IInternalActorRef)DeadLetters;
    }

    public IInternalActorRef RootGuardian => _rootGuardian;
    public LocalActorRef Guardian { get; private set; }
    public LocalActorRef SystemGuardian { get; private set; }
    public IActorRef DeadLetters { get; }
    public IActorRef IgnoreRef { get; }
    public ActorPath RootPath => _rootPath;
    public Settings Settings { get; }
    public IInternalActorRef TempContainer => _temp;
    public Task TerminationTask => _terminated.Task;
    public Address DefaultAddress => _rootPath.Address;
    public EventStream EventStream => _eventStream;

    public void Init(ActorSystemImpl system)
    {
        MessageDispatcher dispatcher = system.Dispatchers.Lookup(Dispatchers.InternalDispatcherId);
        var above = new RootGuardianSupervisor(_rootPath, this, _terminated, system);
        _rootGuardian = new RootGuardianActorRef(system, Props.Create<RootGuardian>(), dispatcher, above, _rootPath, ExtraName);
        _rootGuardian.Start();
        SupervisorStrategy strategy = SupervisorStrategyConfigurator.CreateConfigurator(Settings.SupervisorStrategyClass).Create();
        SystemGuardian = CreateGuardian(system, "system", Props.Create<SystemGuardian>(), dispatcher);
        Guardian = CreateGuardian(system, "user", Props.Create<UserGuardian>().WithSupervisorStrategy(strategy), dispatcher);
        SystemGuardian.Tell(new RootGuardian.WatchGuardian(Guardian), ActorRefs.NoSender);
        _rootGuardian.Tell(new RootGuardian.WatchGuardian(SystemGuardian), ActorRefs.NoSender);
    }

    private LocalActorRef CreateGuardian(ActorSystemImpl system, string name, Props props, MessageDispatcher dispatcher)
    {
        var children = ((LocalActorRef)_rootGuardian).Cell.Children;
        var guardian = (LocalActorRef)children.Add(name, () => new LocalActorRef(system, props, dispatcher, _rootGuardian, _rootPath / name));
        guardian.Start();
        return guardian;
    }

    private IInternalActorRef ExtraName(string name) => _extraNames.GetValueOrDefault(name);

    /// <summary>Makes a reference findable below the root that is no child of the root guardian.</summary>
    public void RegisterExtraName(string name, IInternalActorRef actor) => _extraNames.TryAdd(name, actor);

    public IActorRef RootGuardianAt(Address address) => address == _rootPath.Address ? _rootGuardian : DeadLetters;

    public IInternalActorRef ActorOf(ActorSystemImpl system, Props props, IInternalActorRef supervisor, ActorPath path,
        bool systemService, Deploy deploy, bool lookupDeploy, bool async) =>
        new LocalActorRef(system, props, system.Dispatchers.Lookup(props.Dispatcher), supervisor, path);

    public ActorPath TempPath() => new ChildActorPath(_tempNode, GeneratedName.Of(Interlocked.Increment(ref _tempNumber)), 0);
    public void RegisterTempActor(IInternalActorRef actorRef, ActorPath path) => _temp.Add(path.Name, actorRef);
    public void UnregisterTempActor(ActorPath path) => _temp.Remove(path.Name);
    public FutureActorRef<T> CreateFutureRef<T>(TaskCompletionSource<T> tcs) => new(tcs, this);

    public IActorRef ResolveActorRef(string path) =>
        ActorPath.TryParse(path, out ActorPath parsed) && parsed.Address == _rootPath.Address ? ResolveActorRef(parsed) : DeadLetters;

    public IActorRef ResolveActorRef(ActorPath path)
    {
        if (path.Root != _rootPath) return DeadLetters;
        return Resolve(path);
    }

    /// <summary>Resolves the names of a path, whatever its address.</summary>
    internal IInternalActorRef Resolve(ActorPath path)
    {
        if (path.Depth == 0) return _rootGuardian;
        var found = (IInternalActorRef)_rootGuardian.GetChild(path.Elements);
        bool right = !found.IsNobody() && (path.Uid == 0 || found.Path.Uid == path.Uid);
        return right ? found : new EmptyLocalActorRef(this, (_rootPath / path.Elements).WithUid(path.Uid), _eventStream);
    }

    public Address GetExternalAddressFor(Address address) => address == _rootPath.Address ? address : null;
}
