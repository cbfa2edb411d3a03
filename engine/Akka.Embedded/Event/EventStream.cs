using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Actor.Internal;

namespace Akka.Event;

/// <summary>Tells each event to those who subscribed to its class, a base of it or an interface of it.</summary>
public class LoggingBus
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<Type, IActorRef[]> _subscribers = new();
    private List<(IActorRef Subscriber, Type Channel)> _subscriptions = [];

    public LogLevel LogLevel { get; private set; } = LogLevel.InfoLevel;

    /// <summary>Which loggers were started, so that they can be told of another level.</summary>
    private readonly List<IActorRef> _loggers = [];

    public virtual bool Subscribe(IActorRef subscriber, Type classifier)
    {
        ArgumentNullException.ThrowIfNull(subscriber);
        lock (_gate)
        {
            if (_subscriptions.Any(each => each.Channel == classifier && each.Subscriber.Equals(subscriber))) return false;
            _subscriptions = [.. _subscriptions, (subscriber, classifier)];
            _subscribers.Clear();
            return true;
        }
    }

    public virtual bool Unsubscribe(IActorRef subscriber) => Remove(each => each.Subscriber.Equals(subscriber));

    public virtual bool Unsubscribe(IActorRef subscriber, Type classifier) =>
        Remove(each => each.Channel == classifier && each.Subscriber.Equals(subscriber));

    public virtual void Publish(object @event)
    {
        if (@event is LogEvent log && log.LogLevel() < LogLevel) return;
        if (!_subscribers.TryGetValue(@event.GetType(), out IActorRef[] subscribers)) subscribers = SubscribersOf(@event.GetType());
        foreach (IActorRef subscriber in subscribers) subscriber.Tell(@event, ActorRefs.NoSender);
    }

    private IActorRef[] SubscribersOf(Type type)
    {
        lock (_gate)
        {
            return _subscribers[type] =
                [.. _subscriptions.Where(each => each.Channel.IsAssignableFrom(type)).Select(each => each.Subscriber).Distinct()];
        }
    }

    private bool Remove(Predicate<(IActorRef Subscriber, Type Channel)> which)
    {
        lock (_gate)
        {
            var kept = _subscriptions.Where(each => !which(each)).ToList();
            bool removed = kept.Count < _subscriptions.Count;
            _subscriptions = kept;
            _subscribers.Clear();
            return removed;
        }
    }

    /// <summary>Events below this level are no longer published.</summary>
    public void SetLogLevel(LogLevel logLevel)
    {
        LogLevel = logLevel;
        foreach (IActorRef logger in _loggers) SubscribeLogger(logger);
    }

    /// <summary>Prints events of the level and above until the loggers have started.</summary>
    public void StartStdoutLogger(Settings config)
    {
        SetLogLevel(Logging.LogLevelFor(config.StdoutLogLevel));
        AddLogger(StandardOutLogger.Instance);
    }

    internal void AddLogger(IActorRef logger)
    {
        _loggers.Add(logger);
        SubscribeLogger(logger);
    }

    internal void RemoveLogger(IActorRef logger)
    {
        _loggers.Remove(logger);
        Unsubscribe(logger);
    }

    private void SubscribeLogger(IActorRef logger)
    {
        foreach (LogLevel level in Enum.GetValues<LogLevel>())
        {
            if (level >= LogLevel) Subscribe(logger, level.ClassFor());
            else Unsubscribe(logger, level.ClassFor());
        }
    }
}

/// <summary>The event stream of a system.</summary>
public class EventStream(bool debug) : LoggingBus
{
    private IActorRef _unsubscriber;

    internal bool LogsSubscriptions { get; } = debug;

    public override bool Subscribe(IActorRef subscriber, Type channel)
    {
        bool added = base.Subscribe(subscriber, channel);
        if (added && subscriber is not MinimalActorRef) _unsubscriber?.Tell(new Unsubscriber.Register(subscriber), ActorRefs.NoSender);
        return added;
    }

    /// <summary>From now on, subscribers that stop are unsubscribed.</summary>
    internal void StartUnsubscriber(ActorSystemImpl system) =>
        _unsubscriber = system.SystemActorOf(Props.Create(() => new Unsubscriber(this)), "eventStreamUnsubscriber");

    private sealed class Unsubscriber(EventStream stream) : ActorBase
    {
        protected override bool Receive(object message)
        {
            if (message is Register register) Context.Watch(register.Subscriber);
            else if (message is Terminated terminated) stream.Unsubscribe(terminated.ActorRef);
            return true;
        }

        internal sealed record Register(IActorRef Subscriber) : INoSerializationVerificationNeeded;
    }
}

/// <summary>Subscribing by type parameter.</summary>
public static class EventStreamExtensions
{
    public static bool Subscribe<TChannel>(this EventStream eventStream, IActorRef subscriber) => eventStream.Subscribe(subscriber, typeof(TChannel));
    public static bool Unsubscribe<TChannel>(this EventStream eventStream, IActorRef subscriber) => eventStream.Unsubscribe(subscriber, typeof(TChannel));
}
