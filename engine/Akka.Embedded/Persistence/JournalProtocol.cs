using Akka.Actor;
using Akka.Event;

namespace Akka.Persistence;

/// <summary>A message between persistent actors and their plugins; never leaves the node.</summary>
public interface IPersistenceMessage : INoSerializationVerificationNeeded;

/// <summary>A message of the journal protocol.</summary>
public interface IJournalMessage : IPersistenceMessage;

/// <summary>Sent to a journal.</summary>
public interface IJournalRequest : IJournalMessage;

/// <summary>Sent by a journal.</summary>
public interface IJournalResponse : IJournalMessage;

/// <summary>
/// Asks to write <see cref="Messages"/> in order. The journal answers <see cref="WriteMessagesSuccessful"/> or
/// <see cref="WriteMessagesFailed"/>, then one reply an event, to <see cref="PersistentActor"/> in the order of the requests.
/// </summary>
public sealed class WriteMessages(IEnumerable<IPersistentEnvelope> messages, IActorRef persistentActor, int actorInstanceId) : IJournalRequest
{
    public IEnumerable<IPersistentEnvelope> Messages { get; } = messages;
    public IActorRef PersistentActor { get; } = persistentActor;
    /// <summary>Incarnation of the actor; its replies carry it so that a restarted actor ignores those of its predecessor.</summary>
    public int ActorInstanceId { get; } = actorInstanceId;
}

/// <summary>The batch was processed; a reply for each event follows.</summary>
public sealed class WriteMessagesSuccessful : IJournalResponse
{
    private WriteMessagesSuccessful() { }

    public static WriteMessagesSuccessful Instance { get; } = new();
}

/// <summary>The batch failed; a <see cref="WriteMessageFailure"/> for each event follows. Whether events were stored is unknown.</summary>
public sealed class WriteMessagesFailed(Exception cause, int writeCount) : IJournalResponse
{
    public Exception Cause { get; } = cause;
    /// <summary>Number of atomic writes in the batch.</summary>
    public int WriteCount { get; } = writeCount;
}

/// <summary>The event is stored.</summary>
public sealed class WriteMessageSuccess(IPersistentRepresentation persistent, int actorInstanceId) : IJournalResponse
{
    public IPersistentRepresentation Persistent { get; } = persistent;
    public int ActorInstanceId { get; } = actorInstanceId;
}

/// <summary>The event was refused before anything was stored, for instance because it cannot be serialized.</summary>
public sealed class WriteMessageRejected(IPersistentRepresentation persistent, Exception cause, int actorInstanceId) : IJournalResponse
{
    public IPersistentRepresentation Persistent { get; } = persistent;
    public Exception Cause { get; } = cause;
    public int ActorInstanceId { get; } = actorInstanceId;
}

/// <summary>Storing the event failed; whether it is stored is unknown.</summary>
public sealed class WriteMessageFailure(IPersistentRepresentation persistent, Exception cause, int actorInstanceId) : IJournalResponse
{
    public IPersistentRepresentation Persistent { get; } = persistent;
    public Exception Cause { get; } = cause;
    public int ActorInstanceId { get; } = actorInstanceId;
}

/// <summary>Reply to an envelope that is no <see cref="AtomicWrite"/>: an event that was deferred.</summary>
public sealed class LoopMessageSuccess(object message, int actorInstanceId) : IJournalResponse
{
    public object Message { get; } = message;
    public int ActorInstanceId { get; } = actorInstanceId;
}

/// <summary>
/// Asks for the events from <see cref="FromSequenceNr"/> to <see cref="ToSequenceNr"/>, both included, at most <see cref="Max"/>.
/// Answered by a <see cref="ReplayedMessage"/> each, then <see cref="RecoverySuccess"/> or <see cref="ReplayMessagesFailure"/>.
/// </summary>
public sealed class ReplayMessages(long fromSequenceNr, long toSequenceNr, long max, string persistenceId, IActorRef persistentActor) : IJournalRequest
{
    public long FromSequenceNr { get; } = fromSequenceNr;
    public long ToSequenceNr { get; } = toSequenceNr;
    public long Max { get; } = max;
    public string PersistenceId { get; } = persistenceId;
    public IActorRef PersistentActor { get; } = persistentActor;
}

/// <summary>One event of a replay.</summary>
public sealed class ReplayedMessage(IPersistentRepresentation persistent) : IJournalResponse, IDeadLetterSuppression
{
    public IPersistentRepresentation Persistent { get; } = persistent;
}

/// <summary>The replay is complete; carries the highest sequence number ever stored, deleted ones included.</summary>
public sealed class RecoverySuccess(long highestSequenceNr) : IJournalResponse, IDeadLetterSuppression
{
    public long HighestSequenceNr { get; } = highestSequenceNr;
}

/// <summary>The replay failed.</summary>
public sealed class ReplayMessagesFailure(Exception cause) : IJournalResponse, IDeadLetterSuppression
{
    public Exception Cause { get; } = cause;
}

/// <summary>Asks to delete the events up to <see cref="ToSequenceNr"/>, included.</summary>
public sealed class DeleteMessagesTo(string persistenceId, long toSequenceNr, IActorRef persistentActor) : IJournalRequest
{
    public string PersistenceId { get; } = persistenceId;
    public long ToSequenceNr { get; } = toSequenceNr;
    public IActorRef PersistentActor { get; } = persistentActor;
}

/// <summary>The events up to <see cref="ToSequenceNr"/> are deleted.</summary>
public sealed record DeleteMessagesSuccess
{
    public DeleteMessagesSuccess(long toSequenceNr) => ToSequenceNr = toSequenceNr;
    public long ToSequenceNr { get; }
}

/// <summary>Deleting the events up to <see cref="ToSequenceNr"/> failed.</summary>
public sealed class DeleteMessagesFailure(Exception cause, long toSequenceNr) : INoSerializationVerificationNeeded
{
    public Exception Cause { get; } = cause;
    public long ToSequenceNr { get; } = toSequenceNr;
}
