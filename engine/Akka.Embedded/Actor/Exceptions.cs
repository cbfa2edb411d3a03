namespace Akka.Actor;

/// <summary>The base of the engine's own exceptions.</summary>
public abstract class AkkaException : Exception
{
    protected AkkaException() { }
    protected AkkaException(string message, Exception cause = null) : base(message, cause) { }
    protected Exception Cause => InnerException;
}

/// <summary>An actor could not be created: its constructor or PreStart threw.</summary>
public class ActorInitializationException : AkkaException
{
    public ActorInitializationException(string message) : base(message) { }
    public ActorInitializationException(string message, Exception cause) : base(message, cause) { }

    public ActorInitializationException(IActorRef actor, string message, Exception cause = null)
        : base(actor is null ? message : $"{actor}: {message}", cause) => Actor = actor;

    public IActorRef Actor { get; set; }
}

/// <summary>PreRestart threw.</summary>
public class PreRestartException(IActorRef actor, Exception restartException, Exception cause, object optionalMessage)
    : ActorInitializationException(actor, $"PreRestart threw while the actor was restarted because of {cause?.Message}", restartException)
{
    public Exception RestartException { get; } = restartException;
    public object OptionalMessage { get; } = optionalMessage;
}

/// <summary>The new instance, or its PostRestart, threw during a restart.</summary>
public class PostRestartException(IActorRef actor, Exception cause, Exception originalCause)
    : ActorInitializationException(actor, $"the restart because of {originalCause?.Message} failed", cause)
{
    public Exception OriginalCause { get; } = originalCause;
}

/// <summary>The actor received <see cref="Kill"/>.</summary>
public class ActorKilledException(string message) : AkkaException(message);

/// <summary>No actor answered at the path.</summary>
public class ActorNotFoundException(string message, Exception innerException = null) : AkkaException(message, innerException);

/// <summary>An actor did not handle the <see cref="Terminated"/> of an actor it watches.</summary>
public class DeathPactException(IActorRef deadActor) : AkkaException("Monitored actor [" + deadActor + "] terminated")
{
    public IActorRef DeadActor { get; } = deadActor;
}

/// <summary>An actor did what it must not do in its state.</summary>
public class IllegalActorStateException(string message) : AkkaException(message);

/// <summary>The name of an actor is taken, or invalid.</summary>
public class InvalidActorNameException(string message, Exception innerException = null) : AkkaException(message, innerException);

/// <summary>An Ask got no answer in time.</summary>
public class AskTimeoutException(string message) : AkkaException(message);

/// <summary>The stash is full.</summary>
public class StashOverflowException(string message, Exception cause = null) : AkkaException(message, cause);

/// <summary>The scheduler was used after it had been shut down.</summary>
public sealed class SchedulerException(string message) : AkkaException(message);

/// <summary>A logger did not start.</summary>
public class LoggerInitializationException(string message, Exception cause = null) : AkkaException(message, cause);
