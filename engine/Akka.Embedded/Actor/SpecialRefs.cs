using System.Collections.Concurrent;
using Akka.Actor.Internal;
using Akka.Dispatch.SysMsg;
using Akka.Event;

namespace Akka.Actor;

/// <summary>A reference to a local actor that is not there: what it is told becomes a dead letter.</summary>
public class EmptyLocalActorRef(IActorRefProvider provider, ActorPath path, EventStream eventStream) : MinimalActorRef
{
    public override ActorPath Path { get; } = path;
    public override IActorRefProvider Provider { get; } = provider;
    public override bool IsTerminated => true;

    public override void SendSystemMessage(ISystemMessage message)
    {
        // Who starts to watch it learns at once that it is gone.
        if (message is Watch watch && watch.Watchee.Equals(this) && !watch.Watcher.Equals(this))
            watch.Watcher.SendSystemMessage(new DeathWatchNotification(watch.Watchee, existenceConfirmed: false, addressTerminated: false));
    }

    protected override void TellInternal(object message, IActorRef sender)
    {
        if (message is DeadLetter) Publish((DeadLetter)message);
        else if (!SpecialHandle(message, sender)) Publish(new DeadLetter(message, sender ?? Provider.DeadLetters, this));
    }

    /// <summary>Answers what even an actor that is not there must answer.</summary>
    protected virtual bool SpecialHandle(object message, IActorRef sender)
    {
        if (message is Identify identify)
        {
            sender?.Tell(new ActorIdentity(identify.MessageId, null), ActorRefs.NoSender);
            return true;
        }

        if (message is not ActorSelectionMessage selection) return false;
        if (selection.Message is Identify wanted) sender?.Tell(new ActorIdentity(wanted.MessageId, null), ActorRefs.NoSender);
        else Publish(new DeadLetter(selection.Message, sender ?? Provider.DeadLetters, this));
        return true;
    }

    private protected void Publish(DeadLetter letter) =>
        eventStream.Publish(letter.Message is IDeadLetterSuppression quiet ? new SuppressedDeadLetter(quiet, letter.Sender, letter.Recipient) : letter);
}

/// <summary>Where messages go that have nowhere to go.</summary>
public class DeadLetterActorRef(IActorRefProvider provider, ActorPath path, EventStream eventStream) : EmptyLocalActorRef(provider, path, eventStream);

/// <summary>Forgets what it is told.</summary>
internal sealed class IgnoreActorRef(IActorRefProvider provider, ActorPath path) : MinimalActorRef
{
    public override ActorPath Path { get; } = path;
    public override IActorRefProvider Provider { get; } = provider;
}

/// <summary>The references below "/temp": the answers awaited by Ask.</summary>
internal sealed class TempActors(IActorRefProvider provider, ActorPath path) : MinimalActorRef
{
    private readonly ConcurrentDictionary<string, IInternalActorRef> _children = new();

    public override ActorPath Path { get; } = path;
    public override IActorRefProvider Provider { get; } = provider;
    public override IInternalActorRef Parent => Provider.RootGuardian;
    public void Add(string name, IInternalActorRef actor) => _children[name] = actor;
    public void Remove(string name) => _children.TryRemove(name, out _);

    public override IActorRef GetChild(IReadOnlyList<string> name) =>
        name.FirstOrDefault(element => element.Length > 0) is not { } first ? this
        : _children.TryGetValue(first, out IInternalActorRef child) ? child : ActorRefs.Nobody;
}

/// <summary>The reference an Ask sends along; its first message is the answer.</summary>
public class FutureActorRef<T> : MinimalActorRef
{
    private readonly TaskCompletionSource<T> _result;
    private readonly Lock _gate = new();
    private ActorPath _path;
    private bool _done;

    internal FutureActorRef(TaskCompletionSource<T> result, IActorRefProvider provider)
    {
        _result = result;
        Provider = provider;
    }

    public override IActorRefProvider Provider { get; }

    /// <summary>The path; only once it is asked for can the reference be found by it.</summary>
    public override ActorPath Path
    {
        get
        {
            lock (_gate)
            {
                if (_path is not null) return _path;
                _path = Provider.TempPath();
                if (!_done) Provider.RegisterTempActor(this, _path);
                return _path;
            }
        }
    }

    protected override void TellInternal(object message, IActorRef sender)
    {
        switch (message)
        {
            case Status.Failure failure:
                _result.TrySetException(failure.Cause ?? new TaskCanceledException("Task cancelled by remote or failing actor."));
                break;
            case T answer:
                _result.TrySetResult(answer);
                break;
            case null:
                _result.TrySetResult(default);
                break;
            default:
                _result.TrySetException(new ArgumentException($"Received message of type [{message.GetType()}] - Ask expected message of type [{typeof(T)}]"));
                break;
        }
    }

    /// <summary>The answer has come, or is no longer awaited.</summary>
    internal void Close()
    {
        lock (_gate)
        {
            _done = true;
            if (_path is not null) Provider.UnregisterTempActor(_path);
        }
    }
}
