using Akka.Dispatch.SysMsg;

namespace Akka.Actor;

/// <summary>Whom the actor watches, and who watches it.</summary>
public sealed partial class ActorCell
{
    // The message to be told when the watched actor is gone; null stands for Terminated.
    private Dictionary<IActorRef, object> _watching;
    private HashSet<IActorRef> _watchedBy;

    // Those whose Terminated waits in the mailbox: an Unwatch in between takes it back.
    private HashSet<IActorRef> _terminatedQueued;

    public IActorRef Watch(IActorRef subject) => WatchFor(subject, null);

    public IActorRef WatchWith(IActorRef subject, object message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return WatchFor(subject, message);
    }

    private IActorRef WatchFor(IActorRef subject, object message)
    {
        var target = (IInternalActorRef)subject;
        if (target.Equals(Self)) return target;
        _watching ??= [];
        if (_watching.TryGetValue(target, out object before))
        {
            if (!Equals(before, message))
                throw new InvalidOperationException($"{Self} already watches {target} with another message; unwatch it first.");
            return target;
        }

        _watching.Add(target, message);
        target.SendSystemMessage(new Watch(target, _self));
        return target;
    }

    public IActorRef Unwatch(IActorRef subject)
    {
        var target = (IInternalActorRef)subject;
        if (_watching?.Remove(target) == true) target.SendSystemMessage(new Unwatch(target, _self));
        _terminatedQueued?.Remove(target);
        return target;
    }

    private void ReceiveTerminated(Terminated terminated)
    {
        if (_terminatedQueued?.Remove(terminated.ActorRef) == true) _actor.InvokeAroundReceive(_behavior, terminated);
    }

    private void WatchedActorTerminated(DeathWatchNotification gone)
    {
        if (_watching?.Remove(gone.Actor, out object message) == true && _waiting != Waiting.ToTerminate)
        {
            if (message is null)
            {
                (_terminatedQueued ??= []).Add(gone.Actor);
                message = new Terminated(gone.Actor, gone.ExistenceConfirmed, gone.AddressTerminated);
            }

            Self.Tell(message, gone.Actor);
        }

        HandleChildTerminated(gone.Actor);
    }

    private void AddWatcher(IInternalActorRef watchee, IInternalActorRef watcher)
    {
        if (watchee.Equals(Self) && !watcher.Equals(Self)) (_watchedBy ??= []).Add(watcher);
    }

    private void RemoveWatcher(IInternalActorRef watchee, IInternalActorRef watcher)
    {
        if (watchee.Equals(Self)) _watchedBy?.Remove(watcher);
    }

    private void TellWatchersWeDied()
    {
        if (_watchedBy is null) return;
        foreach (IActorRef watcher in _watchedBy)
        {
            if (!watcher.Equals(Parent))
                ((IInternalActorRef)watcher).SendSystemMessage(new DeathWatchNotification(Self, existenceConfirmed: true, addressTerminated: false));
        }

        _watchedBy = null;
    }

    private void UnwatchAll()
    {
        foreach (IActorRef subject in _watching?.Keys.ToList() ?? [])
            ((IInternalActorRef)subject).SendSystemMessage(new Unwatch((IInternalActorRef)subject, _self));
        _watching = null;
        _terminatedQueued = null;
    }
}
