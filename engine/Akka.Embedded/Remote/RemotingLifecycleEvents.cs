using Akka.Actor;
using Akka.Event;

namespace Akka.Remote;

/// <summary>What happens to this node's remoting, published on the event stream.</summary>
public abstract class RemotingLifecycleEvent
{
    /// <summary>The level the event is logged at.</summary>
    public abstract LogLevel LogLevel();
}

/// <summary>What happens to the association with one remote system.</summary>
public abstract class AssociationEvent : RemotingLifecycleEvent
{
    /// <summary>What it is called in logs.</summary>
    protected string EventName;

    private protected AssociationEvent(string name, Address localAddress, Address remoteAddress, bool inbound)
    {
        EventName = name;
        LocalAddress = localAddress;
        RemoteAddress = remoteAddress;
        IsInbound = inbound;
    }

    public Address LocalAddress { get; }
    public Address RemoteAddress { get; }

    /// <summary>True if the other side opened the connection.</summary>
    public bool IsInbound { get; }
    public override LogLevel LogLevel() => Event.LogLevel.DebugLevel;
    public override string ToString() => $"{EventName} [{LocalAddress}]{(IsInbound ? " <- " : " -> ")}[{RemoteAddress}]";
}

/// <summary>A remote system can be spoken to.</summary>
public sealed class AssociatedEvent(Address localAddress, Address remoteAddress, bool inbound)
    : AssociationEvent("Associated", localAddress, remoteAddress, inbound);

/// <summary>A connection with a remote system is gone: it stopped, was killed, or the network dropped it.</summary>
public sealed class DisassociatedEvent(Address localAddress, Address remoteAddress, bool inbound)
    : AssociationEvent("Disassociated", localAddress, remoteAddress, inbound);

/// <summary>A connection could not be made or broke.</summary>
public sealed class AssociationErrorEvent(Exception cause, Address localAddress, Address remoteAddress, bool inbound, LogLevel level)
    : AssociationEvent("AssociationError", localAddress, remoteAddress, inbound)
{
    public Exception Cause { get; } = cause;
    public override LogLevel LogLevel() => level;
    public override string ToString() => $"{base.ToString()}: Error [{Cause.Message}]";
}

/// <summary>Remoting accepts connections at these addresses.</summary>
public sealed class RemotingListenEvent(IList<Address> listenAddresses) : RemotingLifecycleEvent
{
    public IList<Address> ListenAddresses { get; } = listenAddresses;
    public override LogLevel LogLevel() => Event.LogLevel.InfoLevel;
    public override string ToString() => $"Remoting now listens on addresses: [{string.Join(", ", ListenAddresses)}]";
}

/// <summary>Remoting has shut down.</summary>
public sealed class RemotingShutdownEvent : RemotingLifecycleEvent
{
    public override LogLevel LogLevel() => Event.LogLevel.InfoLevel;
    public override string ToString() => "Remoting shut down";
}

/// <summary>One incarnation of a remote system is cut off for good; only a new incarnation can be spoken to.</summary>
public sealed class QuarantinedEvent(Address address, int uid) : RemotingLifecycleEvent
{
    public Address Address { get; } = address;
    public int Uid { get; } = uid;
    public override LogLevel LogLevel() => Event.LogLevel.WarningLevel;
    public override string ToString() => $"Quarantined [{Address}] with UID [{Uid}]: nothing is exchanged with this incarnation any more; it must be restarted";
}

/// <summary>A remote system has quarantined this one; it must be restarted to be heard there again.</summary>
public sealed class ThisActorSystemQuarantinedEvent(Address localAddress, Address remoteAddress) : RemotingLifecycleEvent
{
    public Address LocalAddress { get; } = localAddress;
    public Address RemoteAddress { get; } = remoteAddress;
    public override LogLevel LogLevel() => Event.LogLevel.WarningLevel;
    public override string ToString() => $"The remote system {RemoteAddress} has quarantined this system {LocalAddress}.";
}
