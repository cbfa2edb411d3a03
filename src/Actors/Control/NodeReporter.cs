using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Nodes;
using ActorRepl.Actors.Routing;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using ReplicaReport = ActorRepl.Actors.Messages.ReplicaReport;

namespace ActorRepl.Actors.Control;

/// <summary>
/// Tells the controller every interval that this node is there, and how its replicas are: as often if they are few, and soon
/// after one of them has changed its role. While nobody is known to lead the control group it tells every node; those that do not lead pass over it.
/// </summary>
internal sealed class NodeReporter : UntypedActor, IWithTimers
{
    private const int ReplicasOfABeat = 100;

    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(100);

    private readonly ReplicationSettings _settings;
    private readonly NodeLocator _locator;
    private readonly NodeMemory _memory;
    private readonly TimeSpan _interval;
    private readonly Dictionary<ShardKey, ReplicaReport> _news = [];
    private ReplicaId _leader;
    private int _beats;

    public NodeReporter(ReplicationSettings settings, ControlSettings control, NodeLocator locator, NodeMemory memory)
    {
        _settings = settings;
        _locator = locator;
        _memory = memory;
        _interval = control.ReportInterval;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ReplicationSettings settings, ControlSettings control, NodeLocator locator, NodeMemory memory) =>
        Akka.Actor.Props.Create(() => new NodeReporter(settings, control, locator, memory));

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(ReplicaStatusChanged));
        Timers.StartPeriodicTimer("ask", Ask.Instance, TimeSpan.FromMilliseconds(200), _interval);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case Ask:
                if (_beats++ % BeatsBetweenReports == 0)
                    AskReplicas();
                Timers.StartSingleTimer("send", Send.Instance, Soon);
                break;
            case ReplicaReport report:
                Note(report);
                break;
            case ReplicaStatusChanged { Report: var report } when report.Node == _settings.Self:
                Note(report);
                if (!Timers.IsTimerActive("send"))
                    Timers.StartSingleTimer("send", Send.Instance, Soon);
                break;
            case Send:
                SendNews();
                break;
        }
    }

    // Many replicas that say nothing new must not cost what few do. The longest is well below what a report is good for.
    private int BeatsBetweenReports => Math.Clamp(_memory.State.Hosted.Count / ReplicasOfABeat, 1, 4);

    private void AskReplicas()
    {
        foreach (HostedShard hosted in _memory.State.Hosted)
            _locator.Supervisor(_settings.Self, hosted.Group, hosted.Shard)?.Tell(new GetReplicaStatus(hosted.Group, hosted.Shard), Self);
    }

    private void Note(ReplicaReport report)
    {
        _news[new ShardKey(report.Group, report.Shard)] = report;
        if (report.Group == ControlGroup.Own)
            _leader = report.Status?.Leader ?? ReplicaId.None;
    }

    private void SendNews()
    {
        var replicas = new List<ReplicaReport>();
        int bytes = 0;
        foreach (ReplicaReport report in _news.Values)
        {
            int size = ReportCodec.SizeOf(report);
            if (replicas.Count > 0 && bytes + size > _settings.Limits.BatchBytes)
            {
                Tell(replicas);
                replicas.Clear();
                bytes = 0;
            }

            replicas.Add(report);
            bytes += size;
        }

        _news.Clear();
        Tell(replicas);
    }

    private void Tell(List<ReplicaReport> replicas)
    {
        var report = new NodeReport(_settings.Self, [.. replicas]);
        IEnumerable<ReplicaId> whom = _leader.IsNone ? _locator.Nodes.Nodes.Select(node => node.Id) : [_leader];
        foreach (ReplicaId node in whom)
            _locator.Controller(node)?.Tell(report, Self);
    }

    private sealed class Ask
    {
        public static readonly Ask Instance = new();
    }

    private sealed class Send
    {
        public static readonly Send Instance = new();
    }
}
