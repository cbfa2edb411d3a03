using Akka.Event;

namespace Akka.Actor;

/// <summary>A message the engine handles itself before the actor sees it.</summary>
public interface IAutoReceivedMessage;

/// <summary>A message that an actor of an unknown sender should not be given.</summary>
public interface IPossiblyHarmful;

/// <summary>A message that need not be serializable, as it never leaves the process.</summary>
public interface INoSerializationVerificationNeeded;

/// <summary>A message that does not count against the receive timeout.</summary>
public interface INotInfluenceReceiveTimeout;

/// <summary>A message that holds another.</summary>
public interface IWrappedMessage
{
    object Message { get; }
}

/// <summary>A message with its sender.</summary>
public readonly struct Envelope(object message, IActorRef sender)
{
    public Envelope(object message, IActorRef sender, ActorSystem system) : this(message, sender ?? system.DeadLetters) { }

    public object Message { get; } = message;
    public IActorRef Sender { get; } = sender;
    public override string ToString() => "<" + Message + "> from " + (Sender is null ? "NoSender" : Sender.ToString());
}

/// <summary>Stops the actor when it comes to this message.</summary>
public sealed class PoisonPill : IAutoReceivedMessage, IPossiblyHarmful, IDeadLetterSuppression
{
    private PoisonPill() { }
    public static PoisonPill Instance { get; } = new();
    public override string ToString() => "<PoisonPill>";
}

/// <summary>Makes the actor fail with <see cref="ActorKilledException"/>.</summary>
public sealed class Kill : IAutoReceivedMessage
{
    private Kill() { }
    public static Kill Instance { get; } = new();
    public override string ToString() => "<Kill>";
}

/// <summary>Asks an actor for its reference; the answer is <see cref="ActorIdentity"/>.</summary>
public sealed class Identify(object messageId) : IAutoReceivedMessage, INotInfluenceReceiveTimeout
{
    public object MessageId { get; } = messageId;
    public override string ToString() => $"<Identify>: {MessageId}";
}

/// <summary>The answer to <see cref="Identify"/>; the subject is null if no such actor is there.</summary>
public sealed class ActorIdentity(object messageId, IActorRef subject)
{
    public object MessageId { get; } = messageId;
    public IActorRef Subject { get; } = subject;
    public override string ToString() => $"<ActorIdentity>: {Subject} - MessageId={MessageId}";
}

/// <summary>The watched actor is gone.</summary>
public sealed class Terminated(IActorRef actorRef, bool existenceConfirmed, bool addressTerminated)
    : IAutoReceivedMessage, IPossiblyHarmful, IDeadLetterSuppression, INoSerializationVerificationNeeded, IEquatable<Terminated>
{
    public IActorRef ActorRef { get; } = actorRef;

    /// <summary>False if it is not known that the actor ever was.</summary>
    public bool ExistenceConfirmed { get; } = existenceConfirmed;

    /// <summary>True if its whole node is gone.</summary>
    public bool AddressTerminated { get; } = addressTerminated;

    public bool Equals(Terminated other) =>
        other is not null && Equals(ActorRef, other.ActorRef) && ExistenceConfirmed == other.ExistenceConfirmed
        && AddressTerminated == other.AddressTerminated;

    public override bool Equals(object obj) => Equals(obj as Terminated);
    public override int GetHashCode() => HashCode.Combine(ActorRef, ExistenceConfirmed, AddressTerminated);
    public override string ToString() => $"<Terminated>: {ActorRef} - ExistenceConfirmed={ExistenceConfirmed}";
}

/// <summary>No message came for the time set by SetReceiveTimeout.</summary>
public class ReceiveTimeout : IPossiblyHarmful
{
    private ReceiveTimeout() { }
    public static ReceiveTimeout Instance { get; } = new();
    public override string ToString() => "<ReceiveTimeout>";
}

/// <summary>How an operation ended.</summary>
public abstract class Status
{
    /// <summary>It succeeded.</summary>
    public sealed class Success(object status) : Status
    {
        public static readonly Success Instance = new(null);
        public readonly object Status = status;
        public override string ToString() => Status is null ? "Success" : $"Success: {Status}";
    }

    /// <summary>It failed; an Ask answered with this throws the cause.</summary>
    public sealed class Failure(Exception cause, object state) : Status
    {
        public readonly Exception Cause = cause;
        public readonly object State = state;
        public Failure(Exception cause) : this(cause, null) { }
        public override string ToString() => $"Failure: {Cause}" + (State is null ? "" : $", State: {State}");
    }
}
