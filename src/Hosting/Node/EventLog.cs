using ActorRepl.Actors.Messages;
using Akka.Actor;
using Microsoft.Extensions.Logging;

namespace ActorRepl.Hosting.Node;

/// <summary>Logs what replicas of this node report of themselves: changes of role and leader, and that they have stopped.</summary>
internal sealed class EventLog : ReceiveActor
{
    private readonly ILogger _log;

    public EventLog(ILoggerFactory loggers)
    {
        _log = loggers.CreateLogger<EventLog>();
        Receive<ReplicaStatusChanged>(Changed);
        Receive<PeerChanged>(peer => _log.LogInformation("Node {Node} is believed {State}", peer.Node, peer.Up ? "up" : "down"));
    }

    protected override void PreStart()
    {
        foreach (Type type in (Type[])[typeof(ReplicaStatusChanged), typeof(PeerChanged)])
            Context.System.EventStream.Subscribe(Self, type);
    }

    protected override void PostStop() => Context.System.EventStream.Unsubscribe(Self);

    private void Changed(ReplicaStatusChanged changed)
    {
        ReplicaReport report = changed.Report;
        if (report.Status is { } status)
            _log.Log(status.Leader.IsNone ? LogLevel.Debug : LogLevel.Information, "{Group}/{Shard} is {Role} in term {Term}, leader {Leader}", report.Group, report.Shard, status.Role, status.Term, status.Leader);
        else
            _log.LogWarning("{Group}/{Shard} is {Health}: {Detail}", report.Group, report.Shard, report.Health, report.Detail);
    }
}
