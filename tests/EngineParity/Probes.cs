using Akka.Actor;

namespace ActorRepl.EngineParity;

/// <summary>Runs what a test sends it inside an actor, and reports its life to the test.</summary>
internal sealed class Scripted : ReceiveActor
{
    private readonly IActorRef? _reports;

    public Scripted(IActorRef? reports = null)
    {
        _reports = reports;
        Receive<Action<IActorContext>>(script => script(Context));
        Receive<Exception>(failure => throw failure);
        Receive<Func<IActorContext, object>>(question => Sender.Tell(question(Context)));
        ReceiveAny(message => Sender.Tell(message));
    }

    protected override void PreStart() => _reports?.Tell("started");
    protected override void PostStop() => _reports?.Tell("stopped");

    protected override void PreRestart(Exception reason, object message)
    {
        _reports?.Tell($"restarting for {reason.Message} at {(message is Exception ? "the failure" : message)}");
        base.PreRestart(reason, message);
    }

    protected override void PostRestart(Exception reason)
    {
        _reports?.Tell($"restarted for {reason.Message}");
        base.PostRestart(reason);
    }
}

internal sealed class ParentActor : ReceiveActor
{
    private readonly SupervisorStrategy _strategy;

    public ParentActor(SupervisorStrategy strategy)
    {
        _strategy = strategy;
        Receive<(Props Props, string Name)>(child => Sender.Tell(Context.ActorOf(child.Props, child.Name)));
        ReceiveAny(message => Sender.Tell(message));
    }

    protected override SupervisorStrategy SupervisorStrategy() => _strategy;
}
