using Akka.Actor;
using Akka.Dispatch.SysMsg;
using Akka.Event;

namespace Akka.Remote;

/// <summary>
/// Death watch across systems. It watches each remote actor once for all local watchers, says so again whenever the peer
/// may have missed it, and heartbeats the peers it depends on: one that is silent too long is quarantined, and every
/// watcher of an actor there gets Terminated.
/// </summary>
public class RemoteWatcher : UntypedActor
{
    /// <summary>Its name below /system.</summary>
    internal const string Name = "remote-watcher";
    private readonly IFailureDetectorRegistry<Address> _failureDetector;
    private readonly TimeSpan _heartbeatInterval;
    private readonly TimeSpan _expectedResponseAfter;
    private readonly Dictionary<IInternalActorRef, HashSet<IInternalActorRef>> _watchers = [];
    private readonly Dictionary<Address, Node> _nodes = [];
    private readonly RemoteActorRefProvider _provider;
    private ICancelable _ticks;

    public RemoteWatcher(
        IFailureDetectorRegistry<Address> failureDetector,
        TimeSpan heartbeatInterval,
        TimeSpan unreachableReaperInterval,
        TimeSpan heartbeatExpectedResponseAfter)
    {
        _failureDetector = failureDetector;
        // One tick serves both: a look at the failure detector costs nothing next to a heartbeat.
        _heartbeatInterval = heartbeatInterval < unreachableReaperInterval ? heartbeatInterval : unreachableReaperInterval;
        _expectedResponseAfter = heartbeatExpectedResponseAfter;
        _provider = (RemoteActorRefProvider)((ExtendedActorSystem)Context.System).Provider;
    }

    protected ILoggingAdapter Log { get; } = Context.GetLogger();

    public static Props Props(
        IFailureDetectorRegistry<Address> failureDetector,
        TimeSpan heartbeatInterval,
        TimeSpan unreachableReaperInterval,
        TimeSpan heartbeatExpectedResponseAfter) =>
        Actor.Props.Create(() =>
            new RemoteWatcher(failureDetector, heartbeatInterval, unreachableReaperInterval, heartbeatExpectedResponseAfter));

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case WatchRemote watch: AddWatch(watch.Watchee, watch.Watcher); break;
            case UnwatchRemote unwatch: RemoveWatch(unwatch.Watchee, unwatch.Watcher); break;
            case Terminated terminated: Notify((IInternalActorRef)terminated.ActorRef, terminated.ExistenceConfirmed, terminated.AddressTerminated); break;
            case Heartbeat: Sender.Tell(new HeartbeatRsp(AddressUidExtension.Uid(Context.System))); break;
            case HeartbeatRsp response: OnHeartbeatRsp(Sender.Path.Address, response.AddressUid); break;
            case HeartbeatTick: SendHeartbeats(); break;
            case ExpectedFirstHeartbeat expected:
                // Silence counts from the first heartbeat sent, even if none was ever answered.
                if (_nodes.ContainsKey(expected.From) && !_failureDetector.IsMonitoring(expected.From))
                    _failureDetector.Heartbeat(expected.From);
                break;
            case PeerIsBack back: OnPeerIsBack(back); break;
            case NodeTerminated node: AddressTerminated(node.Address, node.Uid); break;
            default:
                Unhandled(message);
                break;
        }
    }

    protected override void PostStop() => _ticks?.Cancel();

    /// <summary>True if this watcher itself must find out whether the node is up.</summary>
    protected virtual bool IsHeartbeated(Address address) => true;

    private void AddWatch(IInternalActorRef watchee, IInternalActorRef watcher)
    {
        if (!_watchers.TryGetValue(watchee, out var watchers))
        {
            _watchers.Add(watchee, watchers = []);
            var address = watchee.Path.Address;
            if (!_nodes.TryGetValue(address, out var node))
                _nodes.Add(address, node = new Node { Uid = _provider.UidOf(address) });
            node.Watchees.Add(watchee);
            Context.Watch(watchee);
        }
        watchers.Add(watcher);
        _ticks ??= Context.System.Scheduler.ScheduleTellRepeatedlyCancelable(
            _heartbeatInterval, _heartbeatInterval, Self, HeartbeatTick.Instance, Self);
    }

    private void RemoveWatch(IInternalActorRef watchee, IInternalActorRef watcher)
    {
        if (_watchers.TryGetValue(watchee, out var watchers) && watchers.Remove(watcher) && watchers.Count == 0)
        {
            Forget(watchee);
            Context.Unwatch(watchee);
        }
    }

    private void Notify(IInternalActorRef watchee, bool existenceConfirmed, bool addressTerminated)
    {
        if (!_watchers.TryGetValue(watchee, out var watchers))
            return;
        Forget(watchee);
        foreach (var watcher in watchers)
            watcher.SendSystemMessage(new DeathWatchNotification(watchee, existenceConfirmed, addressTerminated));
    }

    private void Forget(IInternalActorRef watchee)
    {
        _watchers.Remove(watchee);
        var address = watchee.Path.Address;
        if (!_nodes.TryGetValue(address, out var node) || !node.Watchees.Remove(watchee) || node.Watchees.Count > 0)
            return;
        _nodes.Remove(address);
        _failureDetector.Remove(address);
        if (_nodes.Count == 0)
        {
            _ticks?.Cancel();
            _ticks = null;
        }
    }

    private void OnHeartbeatRsp(Address from, int uid)
    {
        if (!_nodes.TryGetValue(from, out var node))
            return;
        _failureDetector.Heartbeat(from);
        if (node.Uid != uid)
            OnPeerIsBack(new PeerIsBack(from, uid));
    }

    /// <summary>A peer that lost the watch, or is a new incarnation, answers at once for actors it does not have.</summary>
    private void OnPeerIsBack(PeerIsBack back)
    {
        if (!_nodes.TryGetValue(back.Address, out var node))
            return;
        node.Uid = back.Uid;
        foreach (var watchee in node.Watchees)
            watchee.SendSystemMessage(new Watch(watchee, (IInternalActorRef)Self));
    }

    private void SendHeartbeats()
    {
        foreach (var (address, node) in _nodes.ToArray())
        {
            if (!IsHeartbeated(address))
                continue;
            if (!_failureDetector.IsAvailable(address))
            {
                Log.Warning("Remote system [{0}] with UID [{1}] is silent: actors watched there count as terminated", address, node.Uid);
                _provider.Quarantine(address, node.Uid);
                AddressTerminated(address, node.Uid);
                continue;
            }
            if (!node.Heartbeated)
            {
                node.Heartbeated = true;
                Context.System.Scheduler.ScheduleTellOnce(
                    _expectedResponseAfter, Self, new ExpectedFirstHeartbeat(address), Self);
            }
            _provider.ResolveActorRef(new RootActorPath(address) / "system" / Self.Path.Name).Tell(Heartbeat.Instance, Self);
        }
    }

    private void AddressTerminated(Address address, int? uid)
    {
        if (!_nodes.TryGetValue(address, out var node))
            return;
        // What is watched on a later incarnation at the same address is not concerned.
        if (uid is not null && node.Uid is not null && uid != node.Uid)
            return;
        foreach (var watchee in node.Watchees.ToArray())
        {
            Context.Unwatch(watchee);
            Notify(watchee, existenceConfirmed: true, addressTerminated: true);
        }
    }

    /// <summary>What is watched at one address.</summary>
    private sealed class Node
    {
        public HashSet<IInternalActorRef> Watchees { get; } = [];
        public int? Uid { get; set; }
        public bool Heartbeated { get; set; }
    }

    /// <summary>Asks a remote watcher whether it is there.</summary>
    public sealed class Heartbeat : IUrgentMessage
    {
        private Heartbeat() { }
        public static Heartbeat Instance { get; } = new();
    }

    /// <summary>It is, in this incarnation.</summary>
    public class HeartbeatRsp(int addressUid) : IUrgentMessage
    {
        public int AddressUid { get; } = addressUid;
    }

    /// <summary>A local actor starts to watch a remote one.</summary>
    internal sealed record WatchRemote(IInternalActorRef Watchee, IInternalActorRef Watcher);

    /// <summary>A local actor no longer watches a remote one.</summary>
    internal sealed record UnwatchRemote(IInternalActorRef Watchee, IInternalActorRef Watcher);

    /// <summary>A connection with the peer is open again; what was sent before may be lost.</summary>
    internal sealed record PeerIsBack(Address Address, int Uid);

    /// <summary>That incarnation of the node is known to be gone.</summary>
    internal sealed record NodeTerminated(Address Address, int Uid);

    private sealed record HeartbeatTick
    {
        public static readonly HeartbeatTick Instance = new();
    }

    /// <summary>From now on the node's silence counts.</summary>
    private sealed record ExpectedFirstHeartbeat(Address From);
}
