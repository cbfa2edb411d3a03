#nullable enable
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Dispatch.SysMsg;
using Akka.Event;
using Akka.Serialization;

namespace Akka.Remote;

/// <summary>Listens for remote systems and keeps an <see cref="Association"/> to each; protocol name "akka.tcp", or "akka.ssl.tcp" with TLS.</summary>
internal sealed class Remoting : RemoteTransport
{
    private const string Plain = "akka.tcp", Secured = "akka.ssl.tcp";

    // Connections that have not finished, or will never finish, their handshake must not fill the process.
    private const int MaximumConnections = 4096;
    private const int MaximumUnused = 1024;
    private const int ForgetInterval = 1000;
    private readonly ConcurrentDictionary<Address, Association> _associations = new();
    private readonly ConcurrentDictionary<Address, bool> _quarantinedBy = new();
    private readonly ConcurrentQueue<RemotingLifecycleEvent> _events = new();
    private readonly LogLevel? _eventLevel;
    private Socket? _listener;
    private Address? _address;
    private int _publishing;
    private int _connections;
    private int _stopped;
    private long _forgotAt;

    public Remoting(ExtendedActorSystem system, RemoteActorRefProvider provider)
        : base(system, provider)
    {
        Settings = provider.RemoteSettings;
        Tls = TlsTransport.Of(Settings.Config, system.Settings.Setup);
        Uid = AddressUidExtension.Uid(system);
        _eventLevel = Settings.RemoteLifecycleEventsLogLevel switch
        {
            "OFF" => null,
            "DEBUG" => LogLevel.DebugLevel,
            "INFO" => LogLevel.InfoLevel,
            "WARNING" => LogLevel.WarningLevel,
            "ERROR" => LogLevel.ErrorLevel,
            var other => throw new Configuration.ConfigurationException(
                $"akka.remote.log-remote-lifecycle-events is '{other}'; it must be off, on, debug, info, warning or error"),
        };
    }

    public RemoteSettings Settings { get; }

    /// <summary>Null: connections are not encrypted.</summary>
    public TlsTransport? Tls { get; }

    /// <summary>This incarnation.</summary>
    public int Uid { get; }
    public override Address DefaultAddress => _address ?? throw new InvalidOperationException("remoting has not started");

    /// <summary>Binds and listens.</summary>
    /// <exception cref="RemoteTransportException">The address cannot be bound; a port in use is named.</exception>
    public void Start()
    {
        var tcp = Settings.Tcp;
        var endPoint = new IPEndPoint(BindAddress(tcp.Hostname), tcp.Port);
        var listener = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(endPoint);
            listener.Listen(tcp.Backlog);
        }
        catch (SocketException e)
        {
            listener.Dispose();
            string why = e.SocketErrorCode == SocketError.AddressAlreadyInUse ? $"port {tcp.Port} is already in use" : e.Message;
            throw new RemoteTransportException($"actor system '{System.Name}' cannot listen on {endPoint}: {why}", e);
        }
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        string host = tcp.PublicHostname.Length > 0 ? tcp.PublicHostname : tcp.Hostname.Length > 0 ? tcp.Hostname : Dns.GetHostName();
        _address = new Address(Tls is null ? Plain : Secured, System.Name, host, tcp.PublicPort > 0 ? tcp.PublicPort : port);
        _listener = listener;
        Enqueue(new RemotingListenEvent([_address]));
        PublishPending();
    }

    /// <summary>From now on connections are served; the guardians must be there.</summary>
    public void Accept() => _ = AcceptAsync(_listener!);

    /// <summary>Sends what waits and closes; the task ends when that is done.</summary>
    public async Task Shutdown()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
            return;
        _listener?.Dispose();
        await Task.WhenAll(_associations.Values.Select(a => a.ShutdownAsync(Settings.FlushWait))).ConfigureAwait(false);
        Enqueue(new RemotingShutdownEvent());
        PublishPending();
    }

    public void Quarantine(Address address, int? uid) => AssociationTo(address).Quarantine(uid);

    public Association AssociationTo(Address address)
    {
        if (_associations.TryGetValue(address, out var known))
            return known;
        if (_associations.Count >= MaximumUnused)
            ForgetUnused();
        return _associations.GetOrAdd(address, static (remote, remoting) => new Association(remoting, remote), this);
    }

    /// <summary>Addresses that something is known about.</summary>
    internal int AssociationCount => _associations.Count;

    /// <summary>Serializes on the caller's thread and queues; what cannot be serialized or is too large is logged and dropped.</summary>
    public void Send(object message, IActorRef sender, RemoteActorRef recipient)
    {
        Serializer serializer;
        byte[] payload;
        string manifest;
        try
        {
            serializer = System.Serialization.FindSerializerFor(message);
            payload = serializer.ToBinary(message);
            manifest = Akka.Serialization.Serialization.ManifestFor(serializer, message);
        }
        catch (Exception e)
        {
            // A serializer may throw anything; it must not fail the sending actor.
            Log.Error(e, "Message of type {0} to [{1}] dropped: it cannot be serialized", message.GetType(), recipient);
            return;
        }
        if (payload.Length > Settings.Tcp.MaximumFrameSize)
        {
            Log.Error(
                "Discarding oversized payload sent to [{0}]: max allowed size {1} bytes, actual size of encoded {2} was {3} bytes",
                recipient, Settings.Tcp.MaximumFrameSize, message.GetType(), payload.Length);
            return;
        }
        recipient.Association.Send(
            new OutboundMessage(FrameKind.Message, recipient, sender, serializer.Identifier, manifest, payload, message),
            message is IUrgentMessage);
    }

    /// <summary>Queues a death watch message; others do not travel.</summary>
    public void SendSystem(ISystemMessage message, RemoteActorRef recipient)
    {
        (WireSystemMessage kind, IActorRef other) = message switch
        {
            Watch watch => (WireSystemMessage.Watch, watch.Watcher),
            Unwatch unwatch => (WireSystemMessage.Unwatch, unwatch.Watcher),
            DeathWatchNotification { ExistenceConfirmed: true } stopped => (WireSystemMessage.Stopped, stopped.Actor),
            DeathWatchNotification unknown => (WireSystemMessage.Unknown, unknown.Actor),
            _ => throw new NotSupportedException($"{message.GetType()} cannot be sent to a remote actor: there is no remote deployment"),
        };
        recipient.Association.Send(
            new OutboundMessage(FrameKind.System, recipient, other, (int)kind, "", [], message), urgent: false);
    }

    /// <summary>Gives a message that will not be sent to dead letters.</summary>
    public void DeadLetter(in OutboundMessage message)
    {
        if (message.Kind == FrameKind.System || message.Original is IUrgentMessage)
            return;
        System.DeadLetters.Tell(new DeadLetter(message.Original, message.Other ?? System.DeadLetters, message.Recipient), message.Other);
    }

    /// <summary>Lets death watch know that it may have missed something.</summary>
    public void PeerIsBack(Address address, int uid) =>
        Provider.RemoteWatcher?.Tell(new RemoteWatcher.PeerIsBack(address, uid), ActorRefs.NoSender);

    /// <summary>A peer will not hear this incarnation again; said once for each peer.</summary>
    public void WasQuarantinedBy(Address address)
    {
        if (!_quarantinedBy.TryAdd(address, true))
            return;
        Enqueue(new ThisActorSystemQuarantinedEvent(DefaultAddress, address));
        PublishPending();
    }

    /// <summary>Lines up an event; the order of these calls is the order of publication.</summary>
    public void Enqueue(RemotingLifecycleEvent what) => _events.Enqueue(what);

    /// <summary>Publishes what is lined up. Not to be called under a lock: subscribers run here.</summary>
    public void PublishPending()
    {
        if (Interlocked.Increment(ref _publishing) != 1)
            return;
        int seen = 1;
        do
        {
            while (_events.TryDequeue(out var what))
                Publish(what);
            seen = Interlocked.Add(ref _publishing, -seen);
        }
        while (seen != 0);
    }

    private void Publish(RemotingLifecycleEvent what)
    {
        System.EventStream.Publish(what);
        if (_eventLevel is { } level && what.LogLevel() >= level)
            Log.Log(what.LogLevel(), null, what.ToString());
    }

    /// <summary>Whoever connects can name any address: those that nothing was ever sent to and nobody speaks from are not kept for ever.</summary>
    private void ForgetUnused()
    {
        long now = Environment.TickCount64, last = Interlocked.Read(ref _forgotAt);
        if (now - last < ForgetInterval || Interlocked.CompareExchange(ref _forgotAt, now, last) != last)
            return;
        foreach (var (address, association) in _associations)
        {
            if (association.IsUnused)
                _associations.TryRemove(KeyValuePair.Create(address, association));
        }
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (e is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                return;
            }
            catch (SocketException e)
            {
                // Out of file descriptors, or a peer that left already: the next may be served.
                Log.Warning("Accepting a connection failed: {0}", e.Message);
                await Task.Delay(100).ConfigureAwait(false);
                continue;
            }
            if (Interlocked.Increment(ref _connections) > MaximumConnections)
            {
                Interlocked.Decrement(ref _connections);
                Log.Warning("Connection from {0} refused: {1} are open", socket.RemoteEndPoint, MaximumConnections);
                socket.Dispose();
                continue;
            }
            _ = ServeAsync(socket);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        string from = "unknown";
        try
        {
            from = socket.RemoteEndPoint?.ToString() ?? from;
            await InboundConnection.ServeAsync(this, await Connection.AcceptAsync(socket, Settings.Tcp, Tls).ConfigureAwait(false)).ConfigureAwait(false);
        }
        catch (RemoteTransportException refused)
        {
            Log.Warning("Connection from {0} closed: {1}", from, refused.Message);
            socket.Dispose();
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            socket.Dispose();
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    }

    private static IPAddress BindAddress(string hostname)
    {
        if (hostname.Length == 0)
            return IPAddress.Any;
        if (IPAddress.TryParse(hostname, out var address))
            return address;
        try
        {
            var found = Dns.GetHostAddresses(hostname);
            return found.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork) ?? found[0];
        }
        catch (SocketException e)
        {
            throw new RemoteTransportException($"akka.remote.dot-netty.tcp.hostname '{hostname}' cannot be resolved: {e.Message}", e);
        }
    }
}

/// <summary>Marks messages that may overtake others, so that bulk in the queue cannot make a live node look dead.</summary>
internal interface IUrgentMessage;
