using Akka.Actor.Internal;
using Akka.Dispatch.SysMsg;

namespace Akka.Actor;

/// <summary>What a message can be told to.</summary>
public interface ICanTell
{
    void Tell(object message, IActorRef sender);
}

/// <summary>A handle to one incarnation of an actor, wherever it runs. Equal if path and uid are.</summary>
public interface IActorRef : ICanTell, IEquatable<IActorRef>, IComparable<IActorRef>, IComparable
{
    ActorPath Path { get; }
}

/// <summary>Tells whether the actor lives in this process.</summary>
public interface IActorRefScope
{
    bool IsLocal { get; }
}

/// <summary>What the engine needs of a reference, beyond telling it.</summary>
public interface IInternalActorRef : IActorRef, IActorRefScope
{
    IInternalActorRef Parent { get; }
    IActorRefProvider Provider { get; }
    bool IsTerminated { get; }
    IActorRef GetChild(IReadOnlyList<string> name);
    void Start();
    void Resume(Exception causedByFailure = null);
    void Suspend();
    void Stop();
    void Restart(Exception cause);
    void SendSystemMessage(ISystemMessage message);
}

/// <summary>Equality, order and telling, common to all references.</summary>
public abstract class ActorRefBase : IActorRef
{
    public abstract ActorPath Path { get; }

    public void Tell(object message, IActorRef sender)
    {
        ArgumentNullException.ThrowIfNull(message);
        TellInternal(message, sender);
    }

    protected abstract void TellInternal(object message, IActorRef sender);

    public bool Equals(IActorRef other) =>
        ReferenceEquals(this, other) || (other is not null && Path.Uid == other.Path.Uid && Path.Equals(other.Path));

    public override bool Equals(object obj) => ReferenceEquals(this, obj) || (obj is IActorRef other && Equals(other));
    public override int GetHashCode() => HashCode.Combine(Path, Path.Uid);
    public int CompareTo(object obj) => CompareTo((IActorRef)obj);

    public int CompareTo(IActorRef other)
    {
        if (other is null) return 1;
        int order = Path.CompareTo(other.Path);
        return order != 0 ? order : Path.Uid.CompareTo(other.Path.Uid);
    }

    public override string ToString() => $"[{Path.ToStringWithUid()}]";
}

/// <summary>The base of references the engine gives out.</summary>
public abstract class InternalActorRefBase : ActorRefBase, IInternalActorRef
{
    public abstract IInternalActorRef Parent { get; }
    public abstract IActorRefProvider Provider { get; }
    public abstract bool IsTerminated { get; }
    public abstract bool IsLocal { get; }
    public abstract IActorRef GetChild(IReadOnlyList<string> name);
    public abstract void Start();
    public abstract void Resume(Exception causedByFailure = null);
    public abstract void Suspend();
    public abstract void Stop();
    public abstract void Restart(Exception cause);
    public abstract void SendSystemMessage(ISystemMessage message);
}

/// <summary>A local reference without an actor behind it: it ignores what it need not do.</summary>
public abstract class MinimalActorRef : InternalActorRefBase
{
    public override IInternalActorRef Parent => ActorRefs.Nobody;
    public override bool IsTerminated => false;
    public override bool IsLocal => true;
    public override IActorRef GetChild(IReadOnlyList<string> name) => name.All(string.IsNullOrEmpty) ? this : ActorRefs.Nobody;
    public override void Start() { }
    public override void Resume(Exception causedByFailure = null) { }
    public override void Suspend() { }
    public override void Stop() { }
    public override void Restart(Exception cause) { }
    public override void SendSystemMessage(ISystemMessage message) { }
    protected override void TellInternal(object message, IActorRef sender) { }
}

/// <summary>The reference to no actor.</summary>
public sealed class Nobody : MinimalActorRef
{
    public static Nobody Instance = new();
    private Nobody() { }
    public override ActorPath Path { get; } = new RootActorPath(new Address("akka", "all-systems"), "Nobody");
    public override IActorRefProvider Provider => throw new NotSupportedException("Nobody has no provider.");
}

/// <summary>References that stand for none.</summary>
public static class ActorRefs
{
    public static readonly Nobody Nobody = Nobody.Instance;
    public static readonly IActorRef NoSender = null;
}

/// <summary>Questions to a reference.</summary>
public static class ActorRefExtensions
{
    public static bool IsNobody(this IActorRef actorRef) => actorRef is null or Nobody;
    public static IActorRef GetOrElse(this IActorRef actorRef, Func<IActorRef> elseValue) => actorRef.IsNobody() ? elseValue() : actorRef;
}

/// <summary>Telling with the current actor as sender.</summary>
public static class ActorRefImplicitSenderExtensions
{
    public static void Tell(this IActorRef receiver, object message) => receiver.Tell(message, ActorCell.GetCurrentSelfOrNoSender());

    /// <summary>Passes a message on with the sender of the message being handled.</summary>
    public static void Forward(this IActorRef receiver, object message) => receiver.Tell(message, ActorCell.GetCurrentSenderOrNoSender());
}
