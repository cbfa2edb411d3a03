using Akka.Actor;

namespace Akka.DistributedData.Replication;

internal sealed partial class Replicator
{
    private readonly Dictionary<string, Subscription> _subscriptions = [];

    private void OnSubscribe(Subscribe subscribe)
    {
        if (!_subscriptions.TryGetValue(subscribe.Key.Id, out Subscription subscription))
            _subscriptions.Add(subscribe.Key.Id, subscription = new Subscription(subscribe.Key));
        if (!subscription.Subscribers.Contains(subscribe.Subscriber)) subscription.New.Add(subscribe.Subscriber);
        Context.Watch(subscribe.Subscriber);
    }

    private void OnUnsubscribe(Unsubscribe unsubscribe)
    {
        Remove(unsubscribe.Key.Id, unsubscribe.Subscriber);
        if (!_subscriptions.Values.Any(subscription => subscription.Has(unsubscribe.Subscriber))) Context.Unwatch(unsubscribe.Subscriber);
    }

    private void OnTerminated(IActorRef subscriber)
    {
        foreach (string key in _subscriptions.Keys.ToArray()) Remove(key, subscriber);
    }

    private void Remove(string key, IActorRef subscriber)
    {
        if (!_subscriptions.TryGetValue(key, out Subscription subscription)) return;
        subscription.Subscribers.Remove(subscriber);
        subscription.New.Remove(subscriber);
        if (subscription.Subscribers.Count + subscription.New.Count == 0) _subscriptions.Remove(key);
    }

    /// <summary>Tells who subscribed since the last time of the value as it is, and the others if it has changed.</summary>
    private void OnFlushChanges()
    {
        foreach ((string key, Subscription subscription) in _subscriptions)
        {
            if (subscription.HasChanged) Notify(key, subscription, subscription.Subscribers);
            Notify(key, subscription, subscription.New);
            subscription.Subscribers.UnionWith(subscription.New);
            subscription.New.Clear();
            subscription.HasChanged = false;
        }
    }

    private void Notify(string key, Subscription subscription, HashSet<IActorRef> subscribers)
    {
        if (subscribers.Count == 0 || EnvelopeOf(key) is not { } envelope) return;
        object message = envelope.IsDeleted ? new DataDeleted(subscription.Key) : new Changed(subscription.Key, envelope.Data);
        foreach (IActorRef subscriber in subscribers) subscriber.Tell(message);
    }

    private sealed class Subscription(IKey key)
    {
        public IKey Key { get; } = key;
        public HashSet<IActorRef> Subscribers { get; } = [];

        /// <summary>Those who have not been told of the value yet.</summary>
        public HashSet<IActorRef> New { get; } = [];
        public bool HasChanged { get; set; }
        public bool Has(IActorRef subscriber) => Subscribers.Contains(subscriber) || New.Contains(subscriber);
    }
}
