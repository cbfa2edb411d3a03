using Akka.Actor.Internal;
using Akka.Dispatch;

namespace Akka.Actor
{
    /// <summary>Messages put aside. Unstashed ones come before all that wait in the mailbox, in the order they were stashed.</summary>
    public interface IStash
    {
        /// <summary>Puts the message being handled aside.</summary>
        void Stash();

        /// <summary>Takes the oldest message back.</summary>
        void Unstash();

        void UnstashAll();
        void UnstashAll(Func<Envelope, bool> predicate);

        /// <summary>Empties the stash and returns what was in it.</summary>
        IEnumerable<Envelope> ClearStash();

        void Prepend(IEnumerable<Envelope> envelopes);
        int Count { get; }
        bool IsEmpty { get; }
        bool NonEmpty { get; }
        bool IsFull { get; }

        /// <summary>How many messages it holds at most; -1 is no limit.</summary>
        int Capacity { get; }
    }

    /// <summary>An actor with a stash, which the engine sets after its constructor.</summary>
    public interface IActorStash
    {
        IStash Stash { get; set; }
    }

    /// <inheritdoc cref="IActorStash"/>
    public interface IWithUnrestrictedStash : IActorStash;

    /// <inheritdoc cref="IActorStash"/>
    public interface IWithStash : IWithUnrestrictedStash, IRequiresMessageQueue<IDequeBasedMessageQueueSemantics>;

    /// <inheritdoc cref="IActorStash"/>
    public interface IWithUnboundedStash : IWithUnrestrictedStash, IRequiresMessageQueue<IUnboundedDequeBasedMessageQueueSemantics>;

    /// <inheritdoc cref="IActorStash"/>
    public interface IWithBoundedStash : IWithUnrestrictedStash, IRequiresMessageQueue<IBoundedDequeBasedMessageQueueSemantics>;

    /// <summary>Makes stashes besides the actor's own.</summary>
    public static class StashFactory
    {
        public static IStash CreateStash<T>(this IActorContext context) where T : ActorBase => CreateStash(context, typeof(T));
        public static IStash CreateStash(this IActorContext context, IActorStash actorInstance) => CreateStash(context, actorInstance.GetType());
        public static IStash CreateStash(this IActorContext context, Type actorType) => new ActorStash((ActorCell)context, -1);
    }
}

namespace Akka.Dispatch
{
    /// <summary>A promise of a mailbox; the engine's one mailbox keeps them all.</summary>
    public interface ISemantics;

    /// <inheritdoc cref="ISemantics"/>
    public interface IDequeBasedMessageQueueSemantics : ISemantics;

    /// <inheritdoc cref="ISemantics"/>
    public interface IUnboundedDequeBasedMessageQueueSemantics : IDequeBasedMessageQueueSemantics;

    /// <inheritdoc cref="ISemantics"/>
    public interface IBoundedDequeBasedMessageQueueSemantics : IDequeBasedMessageQueueSemantics;

    /// <inheritdoc cref="ISemantics"/>
    public interface IUnboundedMessageQueueSemantics : ISemantics;

    /// <summary>What an actor needs of its mailbox.</summary>
    public interface IRequiresMessageQueue<T> where T : ISemantics;
}

namespace Akka.Actor.Internal
{
    internal sealed class ActorStash(ActorCell cell, int capacity) : IStash
    {
        private LinkedList<Envelope> _stashed = [];
        private long _lastStashed;

        public int Count => _stashed.Count;
        public bool IsEmpty => Count == 0;
        public bool NonEmpty => Count > 0;
        public int Capacity { get; } = capacity;
        public bool IsFull => Capacity >= 0 && Count >= Capacity;

        public void Stash()
        {
            object message = cell.CurrentMessage ?? throw new IllegalActorStateException("There is no message to stash.");
            if (_lastStashed == cell.CurrentEnvelopeId)
                throw new IllegalActorStateException($"Can't stash the same message {message} more than once");
            if (IsFull) throw new StashOverflowException($"Couldn't enqueue message {message} to stash of {cell.Self}: it holds {Capacity} already");
            _lastStashed = cell.CurrentEnvelopeId;
            _stashed.AddLast(new Envelope(message, cell.Sender));
        }

        public void Unstash()
        {
            if (_stashed.First is not { } oldest) return;
            _stashed.RemoveFirst();
            cell.Mailbox.EnqueueFirst(oldest.Value);
        }

        public void UnstashAll() => UnstashAll(_ => true);

        public void UnstashAll(Func<Envelope, bool> predicate)
        {
            for (LinkedListNode<Envelope> node = _stashed.Last; node is not null; node = node.Previous)
            {
                if (predicate(node.Value)) cell.Mailbox.EnqueueFirst(node.Value);
            }

            _stashed = [];
        }

        public IEnumerable<Envelope> ClearStash()
        {
            LinkedList<Envelope> stashed = _stashed;
            _stashed = [];
            return stashed;
        }

        public void Prepend(IEnumerable<Envelope> envelopes)
        {
            foreach (Envelope envelope in envelopes.Reverse()) _stashed.AddFirst(envelope);
        }
    }
}
