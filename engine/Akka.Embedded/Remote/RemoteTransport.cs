using Akka.Actor;
using Akka.Event;

namespace Akka.Remote;

/// <summary>Remoting failed: an address cannot be bound or reached, or a peer broke the protocol.</summary>
public class RemoteTransportException(string message, Exception cause = null) : AkkaException(message, cause);

/// <summary>The layer that moves messages between systems.</summary>
public abstract class RemoteTransport
{
    private protected RemoteTransport(ExtendedActorSystem system, RemoteActorRefProvider provider)
    {
        System = system;
        Provider = provider;
        Log = Logging.GetLogger(system, this);
    }

    public ExtendedActorSystem System { get; }
    public RemoteActorRefProvider Provider { get; }
    public ILoggingAdapter Log { get; set; }

    /// <summary>The address others reach this system at.</summary>
    public abstract Address DefaultAddress { get; }
}
