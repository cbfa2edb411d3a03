using Akka.Actor;
using Akka.Event;

namespace Akka.Dispatch.SysMsg;

/// <summary>A message of the engine to an actor: handled before all others, also while the actor is suspended.</summary>
public interface ISystemMessage : INoSerializationVerificationNeeded;

/// <inheritdoc cref="ISystemMessage"/>
public abstract class SystemMessage : ISystemMessage
{
    public override string ToString() => "<" + GetType().Name + ">";
}

/// <summary>Create the actor's instance.</summary>
public sealed class Create : SystemMessage;

/// <summary>Replace the actor's instance by a new one.</summary>
public sealed class Recreate(Exception cause) : SystemMessage
{
    public Exception Cause { get; } = cause;
}

/// <summary>Stop handling messages.</summary>
public sealed class Suspend : SystemMessage;

/// <summary>Go on handling messages; the cause is given if the actor itself had failed.</summary>
public sealed class Resume(Exception causedByFailure) : SystemMessage
{
    public Exception CausedByFailure { get; set; } = causedByFailure;
}

/// <summary>Stop the actor and its children.</summary>
public sealed class Terminate : SystemMessage, IPossiblyHarmful, IDeadLetterSuppression;

/// <summary>A child failed; its parent decides what becomes of it.</summary>
public sealed class Failed(IActorRef child, Exception cause, long uid) : SystemMessage
{
    public IActorRef Child { get; } = child;
    public Exception Cause { get; } = cause;
    public long Uid { get; } = uid;
    public override string ToString() => $"<Failed>: {Child} ({Uid}) {Cause.GetType().Name}: {Cause.Message}";
}

/// <summary>The watcher wants to know when the watchee stops.</summary>
public class Watch(IInternalActorRef watchee, IInternalActorRef watcher) : SystemMessage
{
    public IInternalActorRef Watchee { get; } = watchee;
    public IInternalActorRef Watcher { get; } = watcher;
    public override string ToString() => $"<Watch>: {Watcher} wants to watch {Watchee}";
}

/// <summary>The watcher no longer wants to know.</summary>
public sealed class Unwatch(IInternalActorRef watchee, IInternalActorRef watcher) : SystemMessage
{
    public IInternalActorRef Watchee { get; } = watchee;
    public IInternalActorRef Watcher { get; } = watcher;
    public override string ToString() => $"<Unwatch>: {Watcher} no longer watches {Watchee}";
}

/// <summary>A watched actor, or a child, is gone.</summary>
public sealed class DeathWatchNotification(IActorRef actor, bool existenceConfirmed, bool addressTerminated)
    : SystemMessage, IDeadLetterSuppression
{
    public IActorRef Actor { get; } = actor;
    public bool ExistenceConfirmed { get; } = existenceConfirmed;
    public bool AddressTerminated { get; } = addressTerminated;
    public override string ToString() => $"<DeathWatchNotification>: {Actor}";
}

/// <summary>A piece of an asynchronous handler to run in its actor.</summary>
internal sealed class ActorTask(ActorTaskScheduler scheduler, Task task) : SystemMessage
{
    public ActorTaskScheduler Scheduler { get; } = scheduler;
    public Task Task { get; } = task;
}

/// <summary>An asynchronous handler has ended.</summary>
internal sealed class ActorTaskDone(ActorTaskScheduler scheduler, Exception failure) : SystemMessage
{
    public ActorTaskScheduler Scheduler { get; } = scheduler;
    public Exception Failure { get; } = failure;
}

/// <summary>Asks the system guardian to tell the sender before it stops.</summary>
public sealed class RegisterTerminationHook
{
    private RegisterTerminationHook() { }
    public static RegisterTerminationHook Instance { get; } = new();
}

/// <summary>The user's actors are gone: finish, and answer <see cref="TerminationHookDone"/>.</summary>
public sealed class TerminationHook
{
    private TerminationHook() { }
    public static TerminationHook Instance { get; } = new();
}

/// <summary>The system guardian need wait no longer for the sender.</summary>
public sealed class TerminationHookDone
{
    private TerminationHookDone() { }
    public static TerminationHookDone Instance { get; } = new();
}
