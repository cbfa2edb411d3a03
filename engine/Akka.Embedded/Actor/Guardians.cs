using Akka.Actor.Internal;
using Akka.Dispatch.SysMsg;

namespace Akka.Actor;

/// <summary>Above the root guardian: when that ends, the system has ended.</summary>
internal sealed class RootGuardianSupervisor(ActorPath root, IActorRefProvider provider, TaskCompletionSource terminated, ActorSystem system) : MinimalActorRef
{
    public override ActorPath Path { get; } = root / "_Root-guardian-supervisor";
    public override IActorRefProvider Provider => provider;

    public override void SendSystemMessage(ISystemMessage message)
    {
        if (message is DeathWatchNotification) terminated.TrySetResult();
        else if (message is Failed failed)
        {
            // A guardian that fails takes the system with it.
            system.Log.Log(Event.LogLevel.ErrorLevel, failed.Cause, $"guardian {failed.Child} failed, shutting down!");
            ((IInternalActorRef)failed.Child).Stop();
        }
    }
}

/// <summary>The parent of "user" and "system". When the system guardian is gone, so is it.</summary>
internal sealed class RootGuardian : ActorBase
{
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Escalate);

    protected override bool Receive(object message)
    {
        if (message is WatchGuardian watch) Context.Watch(watch.Guardian);
        else if (message is Terminated) Context.Stop(Self);
        return true;
    }

    internal sealed record WatchGuardian(IActorRef Guardian) : INoSerializationVerificationNeeded;
}

/// <summary>The parent of all actors made by the application.</summary>
internal sealed class UserGuardian : ActorBase
{
    protected override bool Receive(object message) => false;
    protected override void Unhandled(object message) => Context.System.DeadLetters.Tell(new Event.DeadLetter(message, Sender, Self), Sender);

    // The guardian itself is never replaced: its children live on.
    protected override void PreRestart(Exception reason, object message) { }
}

/// <summary>The parent of the engine's own actors. It outlives the user guardian, and those who asked to be told first.</summary>
internal sealed class SystemGuardian : ActorBase
{
    private readonly HashSet<IActorRef> _hooks = [];
    private bool _ending;

    protected override bool Receive(object message)
    {
        switch (message)
        {
            case RootGuardian.WatchGuardian watch:
                Context.Watch(watch.Guardian);
                break;
            case RegisterTerminationHook when !_ending:
                _hooks.Add(Sender);
                Context.Watch(Sender);
                break;
            case Terminated terminated when _hooks.Remove(terminated.ActorRef):
                StopIfReady();
                break;
            case Terminated:
                _ending = true;
                foreach (IActorRef hook in _hooks) hook.Tell(TerminationHook.Instance);
                StopIfReady();
                break;
            case TerminationHookDone:
                if (_hooks.Remove(Sender)) Context.Unwatch(Sender);
                StopIfReady();
                break;
            default:
                return false;
        }

        return true;
    }

    private void StopIfReady()
    {
        if (_ending && _hooks.Count == 0) Context.Stop(Self);
    }

    protected override void PreRestart(Exception reason, object message) { }
}
