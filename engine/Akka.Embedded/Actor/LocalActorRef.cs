using Akka.Actor.Internal;
using Akka.Dispatch;
using Akka.Dispatch.SysMsg;

namespace Akka.Actor;

/// <summary>A reference to an actor with a cell.</summary>
public abstract class ActorRefWithCell : InternalActorRefBase
{
    internal abstract ActorCell Underlying { get; }

    /// <summary>The child of that name (with "#uid", that incarnation), or Nobody.</summary>
    public abstract IInternalActorRef GetSingleChild(string name);
}

/// <summary>A reference to an actor of this system.</summary>
public class LocalActorRef : ActorRefWithCell
{
    private readonly ActorPath _path;

    internal LocalActorRef(ActorSystemImpl system, Props props, MessageDispatcher dispatcher, IInternalActorRef supervisor, ActorPath path)
    {
        _path = path;
        Cell = new ActorCell(system, this, props, dispatcher, supervisor);
    }

    public ActorCell Cell { get; }
    internal override ActorCell Underlying => Cell;
    public override ActorPath Path => _path;
    public override IInternalActorRef Parent => Cell.Parent;
    public override IActorRefProvider Provider => Cell.SystemImpl.Provider;
    public override bool IsTerminated => Cell.IsTerminated;
    public override bool IsLocal => true;

    public override IInternalActorRef GetSingleChild(string name) => Cell.Children.Find(name) ?? ActorRefs.Nobody;

    public override IActorRef GetChild(IReadOnlyList<string> name)
    {
        IInternalActorRef at = this;
        for (int i = 0; i < name.Count; i++)
        {
            if (name[i].Length == 0) continue;
            if (at is not ActorRefWithCell here) return at.GetChild([.. name.Skip(i)]);
            at = name[i] == ".." ? here.Parent : here.GetSingleChild(name[i]);
            if (at is null or Nobody) return ActorRefs.Nobody;
        }

        return at;
    }

    public override void Start() => Cell.Start();
    public override void Resume(Exception causedByFailure = null) => SendSystemMessage(new Resume(causedByFailure));
    public override void Suspend() => SendSystemMessage(new Suspend());
    public override void Stop() => SendSystemMessage(new Terminate());
    public override void Restart(Exception cause) => SendSystemMessage(new Recreate(cause));
    public override void SendSystemMessage(ISystemMessage message) => Cell.Mailbox.EnqueueSystem((SystemMessage)message);
    protected override void TellInternal(object message, IActorRef sender) => Cell.Mailbox.Enqueue(message, sender);
}

/// <summary>The root of the tree; besides its children it knows names that are no actors, such as "temp".</summary>
internal sealed class RootGuardianActorRef(
    ActorSystemImpl system, Props props, MessageDispatcher dispatcher, IInternalActorRef supervisor, ActorPath path,
    Func<string, IInternalActorRef> extraNames)
    : LocalActorRef(system, props, dispatcher, supervisor, path)
{
    public override IInternalActorRef Parent => this;
    public override IInternalActorRef GetSingleChild(string name) => extraNames(name) ?? base.GetSingleChild(name);
}
