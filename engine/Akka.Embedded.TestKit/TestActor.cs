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

/// <summary>Answers messages on behalf of a test, and says which pilot takes the next.</summary>
public abstract class AutoPilot
{
    public abstract AutoPilot Run(IActorRef sender, object message);
    public static NoAutoPilot NoAutoPilot => NoAutoPilot.Instance;
    public static KeepRunning KeepRunning => KeepRunning.Instance;
}

/// <summary>Answers nothing.</summary>
public sealed class NoAutoPilot : AutoPilot
{
    public static NoAutoPilot Instance = new();
    private NoAutoPilot() { }
    public override AutoPilot Run(IActorRef sender, object message) => this;
}

/// <summary>The same pilot takes the next message.</summary>
public sealed class KeepRunning : AutoPilot
{
    public static KeepRunning Instance = new();
    private KeepRunning() { }
    public override AutoPilot Run(IActorRef sender, object message) => throw new InvalidOperationException("Must not call");
}

/// <summary>A pilot's function.</summary>
public delegate AutoPilot AutoPilotDelegate(IActorRef sender, object message);

/// <summary>A pilot made of a function.</summary>
public sealed class DelegateAutoPilot(AutoPilotDelegate autoPilotDelegate) : AutoPilot
{
    public override AutoPilot Run(IActorRef sender, object message) => autoPilotDelegate(sender, message);
}

/// <summary>Puts what it gets into the queue that expectations read.</summary>
internal sealed class InternalTestActor(TestQueue queue) : ActorBase
{
    private AutoPilot _pilot = AutoPilot.NoAutoPilot;
    private Func<object, bool> _ignores;

    protected override bool Receive(object message)
    {
        switch (message)
        {
            case SetAutoPilot set: _pilot = set.Pilot; return true;
            case SetIgnore set: _ignores = set.Ignores; return true;
            case WatchFor watch: Context.Watch(watch.Actor); return true;
            case UnwatchFor unwatch: Context.Unwatch(unwatch.Actor); return true;
        }

        AutoPilot next = _pilot.Run(Sender, message);
        if (next is not Akka.TestKit.KeepRunning) _pilot = next;
        if (_ignores?.Invoke(message) != true) queue.Add(new RealMessageEnvelope(message, Sender));
        return true;
    }

    internal sealed record SetAutoPilot(AutoPilot Pilot) : INoSerializationVerificationNeeded;

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
