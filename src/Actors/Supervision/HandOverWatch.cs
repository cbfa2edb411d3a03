using ActorRepl.Actors.Messages;
using ActorRepl.Actors.Routing;
using ActorRepl.Protocols.Kernel;
using Akka.Actor;

namespace ActorRepl.Actors.Supervision;

/// <summary>
/// Makes the leaders of a node that is about to stop give leadership away, and links leave their line, and says when each shard it
/// led has another leader, and each line is without it. One that has nobody to give its place to yet is asked again.
/// </summary>
internal sealed class HandOverWatch : UntypedActor, IWithTimers
{
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(1);

    private readonly ReplicaId _node;
    private readonly IActorRef _root;
    private readonly IReadOnlyCollection<(string Group, int Shard)> _hosted;
    private readonly TaskCompletionSource _done;
    private readonly HashSet<(string Group, int Shard)> _unknown;
    private readonly HashSet<(string Group, int Shard)> _led = [];

    public HandOverWatch(ReplicaId node, IActorRef root, IReadOnlyCollection<(string Group, int Shard)> hosted, TaskCompletionSource done)
    {
        _node = node;
        _root = root;
        _hosted = hosted;
        _done = done;
        _unknown = [.. hosted];
    }

    public static Props Props(ReplicaId node, IActorRef root, IReadOnlyCollection<(string Group, int Shard)> hosted, TaskCompletionSource done) =>
        Akka.Actor.Props.Create(() => new HandOverWatch(node, root, hosted, done));

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(ReplicaStatusChanged));
        foreach ((string group, int shard) in _hosted)
            Context.ActorSelection(_root.Path / group / Names.Shard(shard)).Tell(new GetReplicaStatus(group, shard), Self);
        _root.Tell(HandOverLeadership.Instance, ActorRefs.NoSender);
        Timers.StartPeriodicTimer(Again.Instance, Again.Instance, AskAgain);
        EndIfDone();
    }

    protected override void PostStop() => Context.System.EventStream.Unsubscribe(Self);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ReplicaStatusChanged changed when changed.Report.Node == _node:
                OnReport(changed.Report);
                break;
            case ReplicaReport report:
                OnReport(report);
                break;
            case Again:
                _root.Tell(HandOverLeadership.Instance, ActorRefs.NoSender);
                break;
        }
    }

    private void OnReport(ReplicaReport report)
    {
        var shard = (report.Group, report.Shard);
        _unknown.Remove(shard);
        if (report.Status is { } status && (status.Leader == _node || (status.Links.Count > 1 && status.Links.Contains(_node))))
            _led.Add(shard);
        else if (report.Status is not { Leader.IsNone: true })
            _led.Remove(shard);
        EndIfDone();
    }

    private void EndIfDone()
    {
        if (_unknown.Count > 0 || _led.Count > 0)
            return;
        _done.TrySetResult();
        Context.Stop(Self);
    }

    // By the clock and not when nothing was heard for a while: where much is handed over there is always something.
    private sealed class Again
    {
        public static readonly Again Instance = new();
    }
}
