using System.Collections.Immutable;
using Akka.Actor;

namespace Akka.Persistence.Journal;

/// <summary>
/// Lets replies to write requests leave in the order of the requests, whatever the order in which the writes complete.
/// Slots are reserved by the journal's own thread and completed by any.
/// </summary>
internal sealed class ReplySequence
{
    private readonly Queue<Slot> _slots = new();

    /// <summary>Takes the next place in the order for a request with that many atomic writes.</summary>
    public Slot Reserve(WriteMessages request, int writeCount)
    {
        var slot = new Slot(this, request, writeCount);
        lock (_slots) _slots.Enqueue(slot);
        return slot;
    }

    // Sending under the lock keeps the order; it is only an enqueue.
    private void SendReady()
    {
        lock (_slots)
        {
            while (_slots.TryPeek(out Slot first) && first.IsComplete)
            {
                _slots.Dequeue();
                first.Send();
            }
        }
    }

    /// <summary>The place of one request, and its outcome once there is one.</summary>
    public sealed class Slot(ReplySequence sequence, WriteMessages request, int writeCount)
    {
        private Exception _failure;
        private Exception _rejection;
        private IImmutableList<Exception> _results;

        public bool IsComplete { get; private set; }

        /// <summary>The store answered: null for every write stored, else one entry a write.</summary>
        public void Complete(IImmutableList<Exception> results)
        {
            if (results is not null && results.Count != writeCount)
                _failure = new InvalidOperationException($"WriteMessagesAsync returned {results.Count} results for {writeCount} atomic writes.");
            else
                _results = results;
            Done();
        }

        /// <summary>The store failed; what it kept is unknown.</summary>
        public void Fail(Exception cause)
        {
            _failure = cause;
            Done();
        }

        /// <summary>No event was given to the store.</summary>
        public void Reject(Exception cause)
        {
            _rejection = cause;
            Done();
        }

        private void Done()
        {
            lock (sequence._slots) IsComplete = true;
            sequence.SendReady();
        }

        internal void Send()
        {
            IActorRef actor = request.PersistentActor;
            actor.Tell(_failure is null ? WriteMessagesSuccessful.Instance : new WriteMessagesFailed(_failure, writeCount), ActorRefs.NoSender);
            int writes = 0;
            foreach (IPersistentEnvelope envelope in request.Messages)
            {
                if (envelope is AtomicWrite write)
                {
                    Exception rejection = _rejection ?? _results?[writes];
                    writes++;
                    for (int i = 0; i < write.Size; i++)
                    {
                        IPersistentRepresentation @event = write.EventAt(i);
                        actor.Tell(ReplyTo(@event, rejection), @event.Sender);
                    }
                }
                else
                {
                    actor.Tell(new LoopMessageSuccess(envelope.Payload, request.ActorInstanceId), envelope.Sender);
                }
            }
        }

        private object ReplyTo(IPersistentRepresentation @event, Exception rejection)
        {
            if (_failure is not null) return new WriteMessageFailure(@event, _failure, request.ActorInstanceId);
            if (rejection is not null) return new WriteMessageRejected(@event, rejection, request.ActorInstanceId);
            return new WriteMessageSuccess(@event, request.ActorInstanceId);
        }
    }
}
