using Akka.Dispatch;

namespace Akka.Actor;

/// <summary>The handler of an actor's messages; false if the message was not handled.</summary>
public delegate bool Receive(object message);

/// <summary>The handler of an untyped actor's messages.</summary>
public delegate void UntypedReceive(object message);

/// <summary>What can create actors and select them.</summary>
public interface IActorRefFactory
{
    IActorRef ActorOf(Props props, string name = null);
    ActorSelection ActorSelection(ActorPath actorPath);
    ActorSelection ActorSelection(string actorPath);
}

/// <summary>What can watch actors.</summary>
public interface ICanWatch
{
    IActorRef Watch(IActorRef subject);
    IActorRef WatchWith(IActorRef subject, object message);
    IActorRef Unwatch(IActorRef subject);
}

/// <summary>An actor's view of its surroundings. Valid only while the actor handles a message.</summary>
public interface IActorContext : IActorRefFactory, ICanWatch
{
    IActorRef Self { get; }
    Props Props { get; }
    IActorRef Sender { get; }
    ActorSystem System { get; }
    IActorRef Parent { get; }
    MessageDispatcher Dispatcher { get; }
    TimeSpan? ReceiveTimeout { get; }
    void Become(Receive receive);
    void BecomeStacked(Receive receive);
    void UnbecomeStacked();
    IActorRef Child(string name);
    IEnumerable<IActorRef> GetChildren();

    /// <summary>After this time without a message the actor gets <see cref="Akka.Actor.ReceiveTimeout"/>; null turns it off.</summary>
    void SetReceiveTimeout(TimeSpan? timeout);

    void Stop(IActorRef child);
}

/// <summary>The context of an <see cref="UntypedActor"/>.</summary>
public interface IUntypedActorContext : IActorContext
{
    void Become(UntypedReceive receive);
    void BecomeStacked(UntypedReceive receive);
}

/// <summary>What the engine needs of any actor.</summary>
public interface IInternalActor
{
    IActorContext ActorContext { get; }
}

/// <summary>A shorthand for creating actors.</summary>
public static class ActorRefFactoryExtensions
{
    public static IActorRef ActorOf<TActor>(this IActorRefFactory factory, string name = null) where TActor : ActorBase, new() =>
        factory.ActorOf(Props.Create<TActor>(), name);
}
