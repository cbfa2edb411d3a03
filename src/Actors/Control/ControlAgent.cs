using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Replica;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Event;
using ReplicaReport = ActorRepl.Actors.Messages.ReplicaReport;

namespace ActorRepl.Actors.Control;

/// <summary>
/// Follows the control group's state on one node: remembers it, makes nodes known, tells routers who holds their shards,
/// and has replicas started here and stopped. It follows no state older than one it has followed before.
/// </summary>
internal sealed class ControlAgent : UntypedActor, IWithTimers
{
    // How long the word of a replica counts when it is to be decided whether another may be deleted.
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(5);

    private readonly ReplicationSettings _settings;
    private readonly ControlSettings _control;
    private readonly ControlFeed _feed;
    private readonly NodeLocator _locator;
    private readonly NodeMemory _memory;
    private readonly RouterTable _routers;
    private readonly IActorRef _hosting;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private ControlState _state = ControlState.Empty;
    private Observations _seen = new();

    public ControlAgent(
        ReplicationSettings settings, ControlSettings control, ControlFeed feed, NodeLocator locator, NodeMemory memory, RouterTable routers, IActorRef hosting)
    {
        _settings = settings;
        _control = control;
        _feed = feed;
        _locator = locator;
        _memory = memory;
        _routers = routers;
        _hosting = hosting;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    // On the default dispatcher: it waits for the disk.
    public static Props Props(
        ReplicationSettings settings, ControlSettings control, ControlFeed feed, NodeLocator locator, NodeMemory memory, RouterTable routers, IActorRef hosting) =>
        Akka.Actor.Props.Create(() => new ControlAgent(settings, control, feed, locator, memory, routers, hosting));

    protected override void PreStart()
    {
        IActorRef self = Self;
        _feed.Changed += () => self.Tell(Look.Instance, ActorRefs.NoSender);
        _hosting.Tell(new HostShard(ControlGroup.Own, 0), Self);
        if (!_memory.State.Control.IsEmpty)
            Recall();
        Self.Tell(Look.Instance, ActorRefs.NoSender);
        Timers.StartPeriodicTimer("look", Look.Instance, _control.ReportInterval);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Look:
                if (_feed.State.Version > _state.Version)
                    Follow(_feed.State);
                if (HasUnwanted)
                    Decide();
                break;
            case ReplicaReport { Status: { } status } report:
                Note(new ShardKey(report.Group, report.Shard), report.Node, status);
                break;
            case JoinRequest:
                Sender.Tell(new JoinAnswer(_memory.State.ForOneThatJoins().Encode()), Self);
                break;
        }
    }

    private bool HasUnwanted => _memory.State.Hosted.Any(IsUnwanted);

    private bool IsUnwanted(HostedShard hosted) =>
        hosted.Group != ControlGroup.Own && _state.Shard(new ShardKey(hosted.Group, hosted.Shard)) is { } shard && !shard.Members.Members.Contains(_settings.Self);

    // What is remembered is known to this build, or it would not have been followed.
    private void Recall()
    {
        try
        {
            ControlState remembered = ControlStateCodec.Decode(_memory.State.Control);
            TellRouters(remembered);
            _state = remembered;
        }
        catch (InvalidDataException damage)
        {
            _log.Warning("what {0} remembers of the control group cannot be read, it is told anew: {1}", _settings.Self, damage.Message);
        }
    }

    private void Follow(ControlState state)
    {
        NodeInfo[] nodes = [.. state.Nodes.Values.Where(node => node.Status != NodeStatus.Removed).Select(Info).OfType<NodeInfo>()];
        _memory.Change(memory => memory with
        {
            Control = ControlStateCodec.Encode(state),
            Nodes = [.. nodes.Concat(memory.Nodes).DistinctBy(node => node.Id).OrderBy(node => node.Id)],
        });
        foreach (NodeInfo node in nodes)
            _locator.Nodes.Put(node);
        TellRouters(state);
        _state = state;
        Decide();
    }

    private NodeInfo? Info(ControlNode node)
    {
        // Where this node is it knows best: what the group has heard may be where it was before it started again, and by way of that it would never reach itself.
        if (node.Id == _settings.Self)
            return _settings.SelfNode with { Region = node.Region, Rack = node.Rack };
        int colon = node.Address.LastIndexOf(':');
        return int.TryParse(node.Address.AsSpan(colon + 1), out int port)
            ? new NodeInfo(node.Id, node.Name, _settings.SelfNode.Address.WithHost(node.Address[..colon]).WithPort(port)) { Region = node.Region, Rack = node.Rack }
            : null;
    }

    private void TellRouters(ControlState state)
    {
        foreach ((ShardKey key, ControlShard shard) in state.Shards)
        {
            if (_state.Shard(key)?.Members.Equals(shard.Members) != true && _routers.Of(key.Group) is { } routers && key.Shard < routers.Length)
                routers[key.Shard]?.Tell(new ShardHeldBy(shard.Members), Self);
        }
    }

    private void Decide()
    {
        var local = _memory.State.Hosted.Select(hosted => new ShardKey(hosted.Group, hosted.Shard)).ToHashSet();
        var now = new Instant(ReplicaClock.Monotonic, 0, 0);
        foreach (HostingDecision decision in Hosting.Decide(
            _state, _settings.Self, _memory.State.Disk, local, _seen, now, (long)MaxAge.TotalMicroseconds))
        {
            (string group, int shard) = decision.Shard;
            // The control group follows the nodes: as long as one runs, it holds a replica.
            if (group == ControlGroup.Own)
                continue;
            if (decision is HostingDecision.Delete)
                _hosting.Tell(new ReleaseShard(group, shard), Self);
            else if (!local.Contains(decision.Shard))
                _hosting.Tell(new HostShard(group, shard), Self);
        }

        AskAboutUnwanted();
    }

    // Those who hold such a shard now know whether the replica here still counts.
    private void AskAboutUnwanted()
    {
        foreach (HostedShard hosted in _memory.State.Hosted.Where(IsUnwanted))
        {
            var key = new ShardKey(hosted.Group, hosted.Shard);
            var known = _seen.Reports.GetValueOrDefault(key)?.Values.SelectMany(report => report.Status.Members?.Members ?? []) ?? [];
            foreach (ReplicaId node in _state.Shard(key)!.Members.Members.Concat(known).Append(_settings.Self).Distinct())
                _locator.Supervisor(node, hosted.Group, hosted.Shard)?.Tell(new GetReplicaStatus(hosted.Group, hosted.Shard), Self);
        }
    }

    private void Note(ShardKey key, ReplicaId node, ReplicaStatus status) => _seen = _seen.With(key, node, status);

    private sealed class Look
    {
        public static readonly Look Instance = new();
    }
}
