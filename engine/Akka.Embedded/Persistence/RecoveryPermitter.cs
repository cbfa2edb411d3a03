using Akka.Actor;

namespace Akka.Persistence;

/// <summary>
/// Grants permits to recover, at most <c>max-concurrent-recoveries</c> at a time and in the order of the requests,
/// so that a node full of starting actors does not overload its journal.
/// </summary>
internal sealed class RecoveryPermitter(int maxPermits) : ActorBase
{
    private readonly HashSet<IActorRef> _holders = new();
    private readonly LinkedList<IActorRef> _waiting = new();

    protected override bool Receive(object message)
    {
        switch (message)
        {
            case Request:
                Context.Watch(Sender);
                if (_holders.Contains(Sender)) Sender.Tell(Granted.Instance, Self); // Restarted before it returned its permit.
                else if (_holders.Count < maxPermits) Grant(Sender);
                else _waiting.AddLast(Sender);
                return true;
            case Return:
                Context.Unwatch(Sender);
                Release(Sender);
                return true;
            case Terminated terminated:
                if (!_waiting.Remove(terminated.ActorRef)) Release(terminated.ActorRef);
                return true;
            default:
                return false;
        }
    }

    private void Grant(IActorRef actor)
    {
        _holders.Add(actor);
        actor.Tell(Granted.Instance, Self);
    }

    private void Release(IActorRef actor)
    {
        if (!_holders.Remove(actor) || _waiting.First is not { } next) return;
        _waiting.RemoveFirst();
        Grant(next.Value);
    }

    public static Props Props(int maxPermits) => Actor.Props.Create(() => new RecoveryPermitter(maxPermits));

    public sealed class Request
    {
        public static readonly Request Instance = new();
    }

    public sealed class Granted
    {
        public static readonly Granted Instance = new();
    }

    public sealed class Return
    {
        public static readonly Return Instance = new();
    }
}
