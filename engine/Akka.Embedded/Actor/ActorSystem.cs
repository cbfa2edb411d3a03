using Akka.Actor.Internal;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;

namespace Akka.Actor;

/// <summary>A tree of actors with what they share: settings, dispatchers, scheduler, event stream, serialization, extensions.</summary>
public abstract class ActorSystem : IActorRefFactory, IDisposable
{
    public abstract string Name { get; }
    public abstract Settings Settings { get; }
    public abstract Akka.Serialization.Serialization Serialization { get; }
    public abstract EventStream EventStream { get; }
    public abstract IActorRef DeadLetters { get; }
    public abstract IActorRef IgnoreRef { get; }
    public abstract Dispatchers Dispatchers { get; }
    public abstract IScheduler Scheduler { get; }
    public abstract ILoggingAdapter Log { get; }

    /// <summary>Ends when the system has terminated.</summary>
    public abstract Task WhenTerminated { get; }

    public static ActorSystem Create(string name) => Create(name, Config.Empty);
    public static ActorSystem Create(string name, Config config) => Create(name, config, ActorSystemSetup.Empty);
    public static ActorSystem Create(string name, BootstrapSetup setup) => Create(name, ActorSystemSetup.Create(setup));
    public static ActorSystem Create(string name, ActorSystemSetup setup) => Create(name, setup.Get<BootstrapSetup>().Value?.Config.Value ?? Config.Empty, setup);

    private static ActorSystemImpl Create(string name, Config config, ActorSystemSetup setup)
    {
        var system = new ActorSystemImpl(name, config, setup);
        system.Start();
        return system;
    }

    public abstract object GetExtension(IExtensionId extensionId);
    public abstract T GetExtension<T>() where T : class, IExtension;
    public abstract bool HasExtension(Type type);
    public abstract bool HasExtension<T>() where T : class, IExtension;
    public abstract bool TryGetExtension(Type extensionType, out object extension);
    public abstract bool TryGetExtension<T>(out T extension) where T : class, IExtension;
    public abstract object RegisterExtension(IExtensionId extension);

    /// <summary>The code runs once the system's actors have stopped; the last registered first.</summary>
    public abstract void RegisterOnTermination(Action code);

    /// <summary>Stops all actors, then what they share. The returned task is <see cref="WhenTerminated"/>.</summary>
    public abstract Task Terminate();

    public abstract void Stop(IActorRef actor);
    public abstract IActorRef ActorOf(Props props, string name = null);
    public abstract ActorSelection ActorSelection(ActorPath actorPath);
    public abstract ActorSelection ActorSelection(string actorPath);

    /// <summary>Terminates the system without waiting for it.</summary>
    public void Dispose()
    {
        Terminate();
        GC.SuppressFinalize(this);
    }
}

/// <summary>What extensions and the engine's own parts see of a system.</summary>
public abstract class ExtendedActorSystem : ActorSystem
{
    public abstract IActorRefProvider Provider { get; }
    public abstract IInternalActorRef Guardian { get; }
    public abstract IInternalActorRef LookupRoot { get; }
    public abstract IInternalActorRef SystemGuardian { get; }

    /// <summary>Creates an actor below the system guardian.</summary>
    public abstract IActorRef SystemActorOf(Props props, string name = null);

    /// <inheritdoc cref="SystemActorOf(Props, string)"/>
    public abstract IActorRef SystemActorOf<TActor>(string name = null) where TActor : ActorBase, new();
}
