using Akka.Actor;

namespace Akka.TestKit;

/// <summary>A message as a test actor got it.</summary>
public abstract class MessageEnvelope
{
    public abstract object Message { get; }
    public abstract IActorRef Sender { get; }
}

/// <inheritdoc/>
public class RealMessageEnvelope(object message, IActorRef sender) : MessageEnvelope
{
    public override object Message { get; } = message;
    public override IActorRef Sender { get; } = sender;
    public override string ToString() => $"<{Message ?? "null"}> from {Sender}";
}

/// <summary>No message.</summary>
public sealed class NullMessageEnvelope : MessageEnvelope
{
    public static NullMessageEnvelope Instance = new();
    private NullMessageEnvelope() { }
    public override object Message => throw new IllegalActorStateException("last receive did not dequeue a message");
    public override IActorRef Sender => throw new IllegalActorStateException("last receive did not dequeue a message");
    public override string ToString() => "<null>";
}

/// <summary>Puts what it gets into the queue that expectations read.</summary>
internal sealed class InternalTestActor(TestQueue queue) : ActorBase
{
    private Func<object, bool> _ignores;

    protected override bool Receive(object message)
    {
        switch (message)
        {
            case SetIgnore set: _ignores = set.Ignores; return true;
            case WatchFor watch: Context.Watch(watch.Actor); return true;
            case UnwatchFor unwatch: Context.Unwatch(unwatch.Actor); return true;
        }

        if (_ignores?.Invoke(message) != true) queue.Add(new RealMessageEnvelope(message, Sender));
        return true;
    }

    internal sealed record SetIgnore(Func<object, bool> Ignores) : INoSerializationVerificationNeeded;

    internal sealed record WatchFor(IActorRef Actor) : INoSerializationVerificationNeeded;

    internal sealed record UnwatchFor(IActorRef Actor) : INoSerializationVerificationNeeded;
}

/// <summary>The messages a test actor has got and no expectation has read.</summary>
internal sealed class TestQueue
{
    private readonly LinkedList<MessageEnvelope> _messages = [];
    private readonly SemaphoreSlim _count = new(0);

    public bool HasMessages => _count.CurrentCount > 0;

    public void Add(MessageEnvelope message)
    {
        lock (_messages) _messages.AddLast(message);
        _count.Release();
    }

    public void PutBack(MessageEnvelope message)
    {
        lock (_messages) _messages.AddFirst(message);
        _count.Release();
    }

    /// <summary>The oldest message, or null after the timeout. If <paramref name="blocks"/>, the task has completed on return.</summary>
    public async ValueTask<MessageEnvelope> Take(TimeSpan timeout, bool blocks, CancellationToken cancellation)
    {
        bool there = blocks
            ? _count.Wait(timeout, cancellation)
            : await _count.WaitAsync(timeout, cancellation).ConfigureAwait(false);
        if (!there) return null;
        lock (_messages)
        {
            MessageEnvelope first = _messages.First.Value;
            _messages.RemoveFirst();
            return first;
        }
    }
}
