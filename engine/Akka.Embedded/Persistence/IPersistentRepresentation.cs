using Akka.Actor;
using Akka.Persistence.Serialization;

namespace Akka.Persistence.Serialization
{
    /// <summary>Marks what Akka.Persistence's own message serializer is bound to.</summary>
    public interface IMessage;
}

namespace Akka.Persistence
{
    /// <summary>An event as the journal sees it: the payload and what identifies it.</summary>
    public interface IPersistentRepresentation : IMessage
    {
        object Payload { get; }

        /// <summary>Hint for the event's type, empty if there is none.</summary>
        string Manifest { get; }
        string PersistenceId { get; }

        /// <summary>Position in the stream of <see cref="PersistenceId"/>; the first is 1.</summary>
        long SequenceNr { get; }

        /// <summary>Identifies the incarnation of the actor that wrote the event; the replay filter tells writers apart by it.</summary>
        string WriterGuid { get; }
        bool IsDeleted { get; }

        /// <summary>Sender of the command that led to the event; null once the event was stored.</summary>
        IActorRef Sender { get; }

        /// <summary>When the event was stored, in UTC ticks (100 ns); 0 if the journal does not say.</summary>
        long Timestamp { get; }

        IPersistentRepresentation WithPayload(object payload);

        IPersistentRepresentation WithManifest(string manifest);

        IPersistentRepresentation WithTimestamp(long timestamp);

        IPersistentRepresentation Update(long sequenceNr, string persistenceId, bool isDeleted, IActorRef sender, string writerGuid);
    }

    /// <summary>One element of <see cref="WriteMessages"/>: an <see cref="AtomicWrite"/>, or an event that is only passed through.</summary>
    public interface IPersistentEnvelope
    {
        object Payload { get; }
        IActorRef Sender { get; }

        /// <summary>Number of replies the envelope leads to.</summary>
        int Size { get; }
    }
}
