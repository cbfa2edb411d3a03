using Akka.Actor;
using Akka.Dispatch.SysMsg;

namespace Akka.Remote;

/// <summary>Marks references to actors of another system.</summary>
public interface IRemoteRef : IActorRefScope;

/// <summary>A reference to an actor of another system: what it is told is serialized and sent, at most once, in order.</summary>
public class RemoteActorRef : InternalActorRefBase, IRemoteRef
{
    private readonly Remoting _remoting;

    internal RemoteActorRef(Remoting remoting, ActorPath path)
    {
        _remoting = remoting;
        Path = path;
        Association = remoting.AssociationTo(path.Address);
    }

    public override ActorPath Path { get; }
    public override IActorRefProvider Provider => _remoting.Provider;
    public override bool IsLocal => false;
    public override bool IsTerminated => false;

    public override IInternalActorRef Parent =>
        Path.Parent is { } parent ? new RemoteActorRef(_remoting, parent) : ActorRefs.Nobody;

    public Address LocalAddressToUse => _remoting.DefaultAddress;
    internal Association Association { get; }

    public override IActorRef GetChild(IReadOnlyList<string> name)
    {
        var path = Path;
        foreach (string element in name)
            path = element switch
            {
                ".." => path.Parent ?? path,
                "" => path,
                _ => path / element,
            };
        return new RemoteActorRef(_remoting, path);
    }

    /// <summary>True if death watch between these two goes through the remote watcher, which watches once for all.</summary>
    public bool IsWatchIntercepted(IActorRef watchee, IActorRef watcher) =>
        !watcher.Equals(_remoting.Provider.RemoteWatcher) && watchee.Equals(this);

    public override void SendSystemMessage(ISystemMessage message)
    {
        switch (message)
        {
            case Watch watch when IsWatchIntercepted(watch.Watchee, watch.Watcher):
                _remoting.Provider.RemoteWatcher.Tell(new RemoteWatcher.WatchRemote(watch.Watchee, watch.Watcher), ActorRefs.NoSender);
                break;
            case Unwatch unwatch when IsWatchIntercepted(unwatch.Watchee, unwatch.Watcher):
                _remoting.Provider.RemoteWatcher.Tell(new RemoteWatcher.UnwatchRemote(unwatch.Watchee, unwatch.Watcher), ActorRefs.NoSender);
                break;
            default:
                _remoting.SendSystem(message, this);
                break;
        }
    }

    // Without remote deployment nobody here supervises this actor.
    public override void Start() { }

    public override void Suspend() { }

    public override void Resume(Exception causedByFailure = null) { }

    public override void Restart(Exception cause) { }

    // No frame stops an actor: whatever came in on a port could end the system. A PoisonPill is a message like any other.
    public override void Stop() => throw new NotSupportedException($"{Path} is of another system and cannot be stopped from here: there is no remote deployment; send it a PoisonPill");
    protected override void TellInternal(object message, IActorRef sender) => _remoting.Send(message, sender, this);
}
