using Akka.Actor;
using Akka.Event;

namespace Akka.Remote;

/// <summary>Remoting failed: an address cannot be bound or reached, or a peer broke the protocol.</summary>
public class RemoteTransportException(string message, Exception cause = null) : AkkaException(message, cause);

/// <summary>What the provider needs of the layer that moves messages between systems.</summary>
public abstract class RemoteTransport
{
    protected RemoteTransport(ExtendedActorSystem system, RemoteActorRefProvider provider)
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

    public abstract ISet<Address> Addresses { get; }

    public abstract void Start();

    /// <summary>Sends what waits and closes; the task ends when that is done.</summary>
    public abstract Task Shutdown();

    public abstract void Send(object message, IActorRef sender, RemoteActorRef recipient);

    public abstract Task<bool> ManagementCommand(object cmd);

    public abstract Task<bool> ManagementCommand(object cmd, CancellationToken cancellationToken);

    public abstract Address LocalAddressForRemote(Address remote);

    /// <summary>Cuts off one incarnation for good; without a UID the address is only gated.</summary>
    public abstract void Quarantine(Address address, int? uid);
}
