using Akka.Actor;
using Akka.Dispatch.SysMsg;

namespace Akka.TestKit;

/// <summary>A kit with an actor of its own in the same system; it can stand for that actor's reference.</summary>
public class TestProbe(ActorSystem system, ITestKitAssertions assertions, string testProbeName = null)
    : TestKitBase(assertions, system, testProbeName), INoImplicitSender, IInternalActorRef
{
    private IInternalActorRef Internal => (IInternalActorRef)TestActor;

    public IActorRef Ref => TestActor;

    /// <summary>Who sent the last message.</summary>
    public IActorRef Sender => LastSender;

    /// <summary>Tells the actor, with the probe as sender.</summary>
    public void Send(IActorRef actor, object message) => actor.Tell(message, TestActor);

    /// <summary>Answers the sender of the last message.</summary>
    public void Reply(object message) => Sender.Tell(message, TestActor);

    public void Forward(IActorRef actor) => Forward(actor, LastMessage);
    public void Forward(IActorRef actor, object message) => actor.Tell(message, Sender);

    ActorPath IActorRef.Path => TestActor.Path;
    void ICanTell.Tell(object message, IActorRef sender) => TestActor.Tell(message, sender);
    bool IEquatable<IActorRef>.Equals(IActorRef other) => TestActor.Equals(other);
    int IComparable<IActorRef>.CompareTo(IActorRef other) => TestActor.CompareTo(other);
    public int CompareTo(object obj) => TestActor.CompareTo(obj);
    public override bool Equals(object obj) => ReferenceEquals(this, obj) || TestActor.Equals(obj);
    public override int GetHashCode() => TestActor.GetHashCode();
    public override string ToString() => TestActor.ToString();

    bool IActorRefScope.IsLocal => true;
    IInternalActorRef IInternalActorRef.Parent => Internal.Parent;
    IActorRefProvider IInternalActorRef.Provider => Internal.Provider;
    bool IInternalActorRef.IsTerminated => Internal.IsTerminated;
    IActorRef IInternalActorRef.GetChild(IReadOnlyList<string> name) => Internal.GetChild(name);
    void IInternalActorRef.Start() => Internal.Start();
    void IInternalActorRef.Resume(Exception causedByFailure) => Internal.Resume(causedByFailure);
    void IInternalActorRef.Suspend() => Internal.Suspend();
    void IInternalActorRef.Stop() => Internal.Stop();
    void IInternalActorRef.Restart(Exception cause) => Internal.Restart(cause);
    public void SendSystemMessage(ISystemMessage message) => Internal.SendSystemMessage(message);
}
