using System.Diagnostics;
using ActorRepl.Actors.Control;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Replica;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Kernel;
using ActorRepl.Protocols.Multiplex;
using Akka.Actor;
using Akka.Event;

namespace ActorRepl.Actors.Supervision;

/// <summary>
/// Keeps one replica alive: whatever fails stops it, and after a delay that grows a new one recovers from disk. Its path
/// stays, so peers and routers go on writing to it. While it is not running, or none is held here, requests are refused
/// at once.
/// </summary>
internal sealed class ShardSupervisor : UntypedActor
{
    private readonly ReplicationSettings _settings;
    private readonly GroupDefinition _group;
    private readonly int _shard;
    private readonly NodeLocator _locator;
    private readonly ShardViews? _views;
    private readonly Backoff _backoff;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Dictionary<IActorRef, long> _lastBatch = [];

    private IActorRef _replica = ActorRefs.Nobody;
    private HostedShard? _hosted;
    // More than one, if another was started and stopped while the first was still stopping.
    private readonly List<(HostedShard Replica, IActorRef TellWhom)> _leaving = [];
    private string? _whyNot;
    private bool _running;
    private int _starts;
    private long _startedAt;

    // Why the replica stopped last; kept until it runs again.
    private ReplicaFailed? _failure;
    private bool _failureReported;

    public ShardSupervisor(ReplicationSettings settings, NodeLocator locator, ShardViews? views, GroupDefinition group, int shard)
    {
        _settings = settings;
        _group = group;
        _shard = shard;
        _locator = locator;
        _views = views;
        _backoff = new Backoff(settings.Replica.MinRestart, settings.Replica.MaxRestart);
    }

    public static Props Props(ReplicationSettings settings, NodeLocator locator, ShardViews? views, GroupDefinition group, int shard) =>
        Akka.Actor.Props.Create(() => new ShardSupervisor(settings, locator, views, group, shard)).WithDispatcher(settings.Dispatcher);

    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(cause =>
    {
        OnFailure(new ReplicaFailed(Storage: false, cause.Message));
        return Directive.Stop;
    });

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case RequestBatch batch when _running:
                _lastBatch[Sender] = batch.Number;
                _replica.Tell(batch, Sender);
                break;
            case RequestBatch batch:
                Refuse(batch);
                break;
            case PeerEnvelope when _running:
                _replica.Tell(message, ActorRefs.NoSender);
                break;
            case PeerEnvelope:
                // Lost, as on any bad network: the peer sends again.
                break;
            case ArmChecksum or GetChecksum when _running:
                _replica.Tell(message, Sender);
                break;
            case FreezeShard when _running:
                _replica.Tell(message, ActorRefs.NoSender);
                break;
            case FreezeShard freeze:
                freeze.Refuse(WhyDown);
                break;
            case ArmChecksum arm:
                Sender.Tell(new ShardChecksum(_group.Name, _shard, _settings.Self, arm.Mark, default) { Problem = WhyDown }, Self);
                break;
            case GetChecksum get:
                Sender.Tell(new ShardChecksum(_group.Name, _shard, _settings.Self, get.Mark, default) { Problem = WhyDown }, Self);
                break;
            case GetReplicaStatus when _running:
                _replica.Tell(message, Sender);
                break;
            case GetReplicaStatus:
                Sender.Tell(DownReport(), Self);
                break;
            case ReplicaReady when Sender.Equals(_replica):
                _running = true;
                _failure = null;
                _startedAt = Stopwatch.GetTimestamp();
                _locator.OwnMultiplexer.Tell(new ReplicaRuns(Key, _replica), Self);
                break;
            case ReplicaFailed failed when Sender.Equals(_replica):
                OnFailure(failed);
                break;
            case Terminated terminated when terminated.ActorRef.Equals(_replica):
                OnReplicaStopped();
                break;
            case StartAgain when _hosted is not null && _replica.IsNobody():
                StartReplica();
                break;
            case StartHosting start:
                StartHosting(start.Replica);
                break;
            case StopHosting stop when stop.Replica == _hosted:
                _whyNot = stop.Why;
                StopHosting(stop.Replica);
                break;
            case StopHosting stop:
                Sender.Tell(new HostingStopped(stop.Replica), Self);
                break;
            case HandOverLeadership when _running:
                _replica.Tell(message, Sender);
                break;
        }
    }

    // The one before, if it is still stopping, has the name; the new one starts when that is free.
    private void StartHosting(HostedShard replica)
    {
        _hosted = replica;
        _whyNot = null;
        if (_replica.IsNobody())
            StartReplica();
    }

    private void StopHosting(HostedShard replica)
    {
        _running = false;
        _hosted = null;
        _leaving.Add((replica, Sender));
        if (_replica.IsNobody())
            OnLeft();
        else
            Context.Stop(_replica);
    }

    private void OnLeft()
    {
        _failure = null;
        _backoff.Reset();
        foreach ((HostedShard replica, IActorRef tellWhom) in _leaving)
            tellWhom.Tell(new HostingStopped(replica), Self);
        _leaving.Clear();
        Context.System.EventStream.Publish(new ReplicaStatusChanged(DownReport()));
        if (_hosted is not null)
            StartReplica();
    }

    private void StartReplica()
    {
        _failureReported = false;
        _replica = Context.ActorOf(ReplicaActor.Props(new ReplicaContext(_settings, _group, _shard, _locator, _views, _hosted!.Value, ++_starts)), Names.Replica);
        Context.Watch(_replica);
    }

    private void OnReplicaStopped()
    {
        _replica = ActorRefs.Nobody;
        _locator.OwnMultiplexer.Tell(new ReplicaRunsNoMore(Key), Self);
        if (_running && Stopwatch.GetElapsedTime(_startedAt) >= _settings.Replica.RestartReset)
            _backoff.Reset();
        _running = false;
        OnFailure(new ReplicaFailed(Storage: false, "it stopped"));
        foreach ((IActorRef router, long last) in _lastBatch)
            router.Tell(new ReplicaStopped(_group.Name, _shard, _settings.Self, last), Self);
        _lastBatch.Clear();
        if (_leaving.Count > 0)
        {
            OnLeft();
            return;
        }

        Context.System.EventStream.Publish(new ReplicaStatusChanged(DownReport()));

        TimeSpan delay = _backoff.Next();
        _log.Warning("replica {0}/{1} on {2} is down: {3}; it starts again in {4:0} ms", _group.Name, _shard, _settings.Self, _failure!.Reason, delay.TotalMilliseconds);
        Context.System.Scheduler.ScheduleTellOnce(delay, Self, StartAgain.Instance, Self);
    }

    // The first finding of a run counts; what follows is its consequence.
    private void OnFailure(ReplicaFailed failure)
    {
        if (!_failureReported)
            _failure = failure;
        _failureReported = true;
    }

    private void Refuse(RequestBatch batch)
    {
        Rejection why = _failure is { Storage: true } failure
            ? new Rejection(RejectReason.StorageUnavailable, Detail: failure.Reason)
            : new Rejection(RejectReason.Unavailable, Detail: WhyDown);
        RoutedReply[] replies = Array.ConvertAll(batch.Requests, request => new RoutedReply(request.Id, default, why));
        _locator.Back(Sender).Tell(new ReplyBatch(_group.Name, _shard, _settings.Self, ReplicaDown: true, replies), Self);
    }

    private ReplicaReport DownReport()
    {
        ReplicaHealth health = _failure is { Storage: true } ? ReplicaHealth.StorageFailed : ReplicaHealth.Down;
        return new ReplicaReport(_group.Name, _shard, _settings.Self, health, null) { Detail = WhyDown, Starts = _starts };
    }

    private ShardKey Key => new(_group.Name, _shard);

    private string WhyDown => _hosted is null ? _whyNot ?? "this node holds no replica of the shard" : _failure?.Reason ?? "the replica is recovering";

    private sealed class StartAgain
    {
        public static readonly StartAgain Instance = new();
    }
}
