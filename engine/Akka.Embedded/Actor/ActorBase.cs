using Akka.Actor.Internal;
using Akka.Event;

namespace Akka.Actor;

/// <summary>The base of all actors.</summary>
public abstract class ActorBase : IInternalActor
{
    private readonly ActorCell _cell;

    protected ActorBase()
    {
        _cell = ActorCell.Current
            ?? throw new ActorInitializationException($"{GetType()} is an actor: create it by ActorOf(Props.Create(...)), not by 'new'.");
    }

    IActorContext IInternalActor.ActorContext => _cell;

    protected IActorRef Self => _cell.Self;

    /// <summary>Who sent the message being handled; the dead letters if it was sent by none.</summary>
    protected IActorRef Sender => _cell.Sender;

    protected static IActorContext Context => CurrentCell;

    internal static ActorCell CurrentCell => ActorCell.Current
        ?? throw new NotSupportedException("There is no active ActorContext, this is most likely due to use of async operations from within this actor.");

    protected static Receive EmptyReceive { get; } = _ => false;

    internal Receive InitialBehavior => Receive;
    internal bool InvokeAroundReceive(Receive receive, object message) => AroundReceive(receive, message);
    internal SupervisorStrategy OwnSupervisorStrategy() => SupervisorStrategy();

    /// <summary>Handles a message; false hands it to <see cref="Unhandled"/>.</summary>
    protected abstract bool Receive(object message);

    /// <summary>Wraps each call of the current behaviour.</summary>
    protected virtual bool AroundReceive(Receive receive, object message)
    {
        if (receive(message)) return true;
        Unhandled(message);
        return false;
    }

    /// <summary>Publishes what was not handled; an unhandled <see cref="Terminated"/> ends this actor too.</summary>
    protected virtual void Unhandled(object message)
    {
        if (message is Terminated terminated) throw new DeathPactException(terminated.ActorRef);
        Context.System.EventStream.Publish(new UnhandledMessage(message, Sender, Self));
    }

    protected void Become(Receive receive) => _cell.Become(receive);
    protected void BecomeStacked(Receive receive) => _cell.BecomeStacked(receive);
    protected void UnbecomeStacked() => _cell.UnbecomeStacked();
    protected void SetReceiveTimeout(TimeSpan? timeout) => _cell.SetReceiveTimeout(timeout);

    /// <summary>How this actor handles failures of its children.</summary>
    protected virtual SupervisorStrategy SupervisorStrategy() => Akka.Actor.SupervisorStrategy.DefaultStrategy;

    /// <summary>Called before the first message.</summary>
    protected virtual void PreStart() { }

    /// <summary>Called after the last message.</summary>
    protected virtual void PostStop() { }

    /// <summary>Called on the failed instance before it is replaced: by default stops the children and calls <see cref="PostStop"/>.</summary>
    protected virtual void PreRestart(Exception reason, object message)
    {
        foreach (IActorRef child in Context.GetChildren().ToList())
        {
            Context.Unwatch(child);
            Context.Stop(child);
        }

        PostStop();
    }

    /// <summary>Called on the new instance: by default calls <see cref="PreStart"/>.</summary>
    protected virtual void PostRestart(Exception reason) => PreStart();

    public virtual void AroundPreStart() => PreStart();

    public virtual void AroundPreRestart(Exception cause, object message)
    {
        _cell.CancelTimers();
        PreRestart(cause, message);
    }

    public virtual void AroundPostRestart(Exception cause, object message) => PostRestart(cause);

    public virtual void AroundPostStop()
    {
        _cell.CancelTimers();
        PostStop();
    }
}

/// <summary>An actor with one method for all messages.</summary>
public abstract class UntypedActor : ActorBase
{
    protected new static IUntypedActorContext Context => CurrentCell;

    protected override bool Receive(object message)
    {
        OnReceive(message);
        return true;
    }

    protected abstract void OnReceive(object message);

    protected void Become(UntypedReceive receive) => Context.Become(receive);
    protected void BecomeStacked(UntypedReceive receive) => Context.BecomeStacked(receive);
    protected void RunTask(Action action) => Akka.Dispatch.ActorTaskScheduler.RunTask(action);

    /// <summary>Runs the action as part of this actor; no other message is handled until it has ended.</summary>
    protected void RunTask(Func<Task> action) => Akka.Dispatch.ActorTaskScheduler.RunTask(action);
}
