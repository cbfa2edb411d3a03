using ActorRepl.Actors.Client;
using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Replica;
using ActorRepl.Actors.Settings;
using ActorRepl.Protocols.Control;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Event;

namespace ActorRepl.Actors.Control;

/// <summary>
/// Has the cluster become what the control group says, wherever that group's leader is; on all other nodes it waits. What
/// it asks for goes the way of every other request, and whatever fails or is lost is asked for again.
/// </summary>
internal sealed class Controller : UntypedActor, IWithTimers
{
    private const int ShardsOfATick = 100;

    private static readonly RequestOptions Patience = new() { Timeout = TimeSpan.FromSeconds(10) };

    private readonly ReplicaId _self;
    private readonly ControlSettings _control;
    private readonly ControlFeed _feed;
    private readonly ReplicationClient _client;
    private readonly ControlClient _group;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Dictionary<ReplicaId, long> _heardAt = [];
    private Observations _seen = new();
    private Reconciler? _reconciler;
    private long _term;
    private long _knowsAll = long.MaxValue;
    private long _actedOn;
    private int _ticks;

    public Controller(ReplicationSettings settings, ControlSettings control, ControlFeed feed, ReplicationClient client, ControlClient group)
    {
        _self = settings.Self;
        _control = control;
        _feed = feed;
        _client = client;
        _group = group;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(ReplicationSettings settings, ControlSettings control, ControlFeed feed, ReplicationClient client, ControlClient group) =>
        Akka.Actor.Props.Create(() => new Controller(settings, control, feed, client, group));

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(ReplicaStatusChanged));
        Timers.StartPeriodicTimer("tick", Tick.Instance, _control.Tick);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ReplicaStatusChanged { Report: { Group: ControlGroup.Own } report } when report.Node == _self:
                OnOwnReplica(report.Status);
                break;
            case NodeReport report when _reconciler is not null:
                Note(report);
                break;
            case Known known when known.Term == _term:
                OnKnown(known);
                break;
            case Tick when _reconciler is { } reconciler && IsDue(reconciler):
                Act(reconciler);
                break;
            case Failed failed:
                _log.Info("{0} was not done, it is looked at again: {1}", failed.Action, failed.Problem);
                if (failed is { Action: ControlAction.ChangeMembers change, OutcomeUnknown: false })
                    _reconciler?.Refused(change, Now);
                break;
        }
    }

    private void OnOwnReplica(ReplicaStatus? status)
    {
        bool leads = status is not null && status.Leader == _self;
        if (leads && (_reconciler is null || status!.Term != _term))
        {
            _log.Info("{0} controls the cluster, in term {1}", _self, status!.Term);
            _term = status.Term;
            _reconciler = new Reconciler(_control.Reconciler);
            _seen = new Observations();
            _heardAt.Clear();
            _knowsAll = long.MaxValue;
            AskWhatIsKnown();
        }
        else if (!leads)
        {
            _reconciler = null;
        }
    }

    // What former leaders had taken must be applied here first: acting on less would undo it.
    private void AskWhatIsKnown()
    {
        long term = _term;
        KnownAsync(term).PipeTo(Self);
    }

    private async Task<Known> KnownAsync(long term)
    {
        try
        {
            return new Known(term, (await _group.StateAsync(Patience).ConfigureAwait(false)).Version);
        }
        catch (ReplicationException)
        {
            return new Known(term, null);
        }
    }

    private void OnKnown(Known known)
    {
        if (known.Version is { } version)
            _knowsAll = version;
        else if (_reconciler is not null)
            AskWhatIsKnown();
    }

    private void Note(NodeReport report)
    {
        _heardAt[report.Node] = Environment.TickCount64;
        _seen = _seen.With(report.Node, up: true);
        foreach (Messages.ReplicaReport replica in report.Replicas)
        {
            if (replica.Status is { } status)
                _seen = _seen.With(new ShardKey(replica.Group, replica.Shard), report.Node, status);
        }
    }

    // Looking at many shards that are as they were must not cost what few do; an order, and what is under way, is seen to at once.
    private bool IsDue(Reconciler reconciler) =>
        _ticks++ % Math.Clamp(_seen.Reports.Count / ShardsOfATick, 1, 4) == 0 || _feed.State.Version != _actedOn || reconciler.IsMovingLeaders;

    private void Act(Reconciler reconciler)
    {
        long now = Environment.TickCount64;
        foreach ((ReplicaId node, long at) in _heardAt)
        {
            if (now - at > _control.DownAfter.TotalMilliseconds)
                _seen = _seen.With(node, up: false);
        }

        _actedOn = _feed.State.Version;
        if (_actedOn < _knowsAll)
            return;
        foreach (ControlAction action in reconciler.Next(_feed.State, _seen, Now))
            CarryOutAsync(action).PipeTo(Self);
    }

    private static Instant Now => new(ReplicaClock.Monotonic, 0, 0);

    private async Task<object> CarryOutAsync(ControlAction action)
    {
        try
        {
            switch (action)
            {
                case ControlAction.Submit submit:
                    await _group.SubmitAsync(submit.Command, Patience).ConfigureAwait(false);
                    break;
                case ControlAction.ChangeMembers change:
                    await _client.ChangeAsync(change.Shard.Group, change.Shard.Shard, change.Target, Patience, default).ConfigureAwait(false);
                    break;
                case ControlAction.Transfer transfer:
                    await _client.GiveLeadershipAsync(transfer.Shard.Group, transfer.Shard.Shard, transfer.To, Patience, default).ConfigureAwait(false);
                    break;
            }

            return Done.Instance;
        }
        catch (ReplicationException problem)
        {
            return new Failed(action, problem.Message, problem.Rejection.OutcomeUnknown);
        }
    }

    private sealed class Tick
    {
        public static readonly Tick Instance = new();
    }

    private sealed class Done
    {
        public static readonly Done Instance = new();
    }

    private sealed record Known(long Term, long? Version);

    private sealed record Failed(ControlAction Action, string Problem, bool OutcomeUnknown);
}
