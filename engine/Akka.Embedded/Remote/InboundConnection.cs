#nullable enable
using System.Buffers;
using Akka.Actor;
using Akka.Dispatch;
using Akka.Dispatch.SysMsg;
using Akka.Event;

namespace Akka.Remote;

/// <summary>The connection a remote system opened to this node: its messages arrive over it, in the order they were told.</summary>
internal sealed class InboundConnection
{
    private readonly Remoting _remoting;
    private readonly Connection _connection;
    private readonly FrameReader _frames;
    private readonly DefinedSlots<Recipient> _recipients = new();
    private readonly DefinedSlots<IActorRef> _senders = new();
    private readonly DefinedSlots<string> _manifests = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Association? _association;
    private string _peer;

    private InboundConnection(Remoting remoting, Connection connection)
    {
        _remoting = remoting;
        _connection = connection;
        _peer = connection.RemoteEndPoint;
        _frames = new FrameReader(remoting.Settings.Tcp.MaximumFrameSize, Oversize);
    }

    /// <summary>The incarnation that speaks here.</summary>
    public int RemoteUid { get; private set; }

    /// <summary>Shakes hands and delivers what arrives until the connection ends.</summary>
    public static async Task ServeAsync(Remoting remoting, Connection connection)
    {
        var inbound = new InboundConnection(remoting, connection);
        Exception? cause = null;
        try
        {
            if (await inbound.ShakeHandsAsync().ConfigureAwait(false))
                await inbound.DeliverAllAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            cause = e;
        }
        catch (Exception e)
        {
            // Whatever it is, one peer's bytes must not do harm beyond its connection.
            cause = e;
            remoting.Log.Warning("Connection from {0} closed: {1}", inbound._peer, e.Message);
        }
        connection.Abort();
        inbound._ended.TrySetResult();
        inbound._association?.Lost(inbound, inbound.RemoteUid, cause);
    }

    public void Abort() => _connection.Abort();

    /// <summary>Ends the connection; the task ends when nothing more will be delivered from it.</summary>
    public Task StopAsync()
    {
        _connection.Abort();
        return _ended.Task;
    }

    /// <summary>Tells the peer why, then closes.</summary>
    public Task CloseAsync(CloseReason reason, string text = "") => Handshake.CloseAsync(_connection, reason, text);

    private async Task<bool> ShakeHandsAsync()
    {
        using var timeout = new CancellationTokenSource(_remoting.Settings.Tcp.ConnectionTimeout);
        Hello hello;
        try
        {
            hello = await Handshake.ReadHelloAsync(_connection.Input, _frames, timeout.Token).ConfigureAwait(false);
        }
        catch (RemoteTransportException e)
        {
            await CloseAsync(CloseReason.Refused, e.Message).ConfigureAwait(false);
            throw;
        }
        _peer = hello.From.ToString();
        RemoteUid = hello.Uid;
        if (hello.To != _remoting.DefaultAddress.ToString())
        {
            string why = $"the association is meant for {hello.To}; this is {_remoting.DefaultAddress}";
            await CloseAsync(CloseReason.Refused, why).ConfigureAwait(false);
            throw new RemoteTransportException(why);
        }
        _association = _remoting.AssociationTo(hello.From);
        if (!await _association.AdmitAsync(this).ConfigureAwait(false))
        {
            await CloseAsync(CloseReason.Quarantined, $"UID {hello.Uid} is quarantined").ConfigureAwait(false);
            return false;
        }
        Handshake.WriteWelcome(_connection.Output, _remoting.Uid);
        await _connection.Output.FlushAsync(timeout.Token).ConfigureAwait(false);
        return true;
    }

    private async Task DeliverAllAsync()
    {
        bool closed = false;
        while (!closed)
        {
            var read = await _connection.Input.ReadAsync().ConfigureAwait(false);
            var buffer = read.Buffer;
            DedicatedThreads.Lend();
            try
            {
                while (!closed && _frames.TryRead(ref buffer, out var frame))
                    closed = Take(frame);
                _connection.Input.AdvanceTo(buffer.Start, buffer.End);
            }
            finally
            {
                DedicatedThreads.TakeBack();
            }

            if (read.IsCompleted)
                return;
        }
    }

    /// <summary>Handles one frame; true if the peer says goodbye.</summary>
    private bool Take(in Frame frame)
    {
        var header = new HeaderReader(frame.Header);
        switch (frame.Kind)
        {
            case FrameKind.Message:
                TakeMessage(header, frame.Payload);
                return false;
            case FrameKind.System:
                TakeSystemMessage(header);
                return false;
            case FrameKind.DefineRecipient:
                _recipients.Define(header.ReadVarint(), new Recipient(header.ReadString()));
                return false;
            case FrameKind.DefineSender:
                _senders.Define(header.ReadVarint(), _remoting.Provider.ResolveActorRef(header.ReadString()));
                return false;
            case FrameKind.DefineManifest:
                _manifests.Define(header.ReadVarint(), header.ReadString());
                return false;
            case FrameKind.Close:
                Handshake.ReadClose(frame, out var reason, out _);
                if (reason == CloseReason.Quarantined)
                    _remoting.WasQuarantinedBy(Address.Parse(_peer));
                return true;
            default:
                throw new RemoteTransportException($"unexpected frame {frame.Kind} from {_peer}");
        }
    }

    private void TakeMessage(HeaderReader header, in ReadOnlySequence<byte> payload)
    {
        int to = header.ReadVarint();
        var recipient = to switch
        {
            Frames.None => throw new RemoteTransportException("message without recipient"),
            Frames.Literal => Resolve(header.ReadString()),
            _ => _recipients[to - Frames.FirstSlot].Resolve(_remoting.Provider),
        };
        int from = header.ReadVarint();
        var sender = from switch
        {
            Frames.None => ActorRefs.NoSender,
            Frames.Literal => Resolve(header.ReadString()),
            _ => _senders[from - Frames.FirstSlot],
        };
        int serializer = header.ReadVarint();
        int manifestSlot = header.ReadVarint();
        string manifest = manifestSlot == Frames.None ? "" : _manifests[manifestSlot - Frames.FirstSlot];
        object message;
        try
        {
            message = _remoting.System.Serialization.Deserialize(payload.ToArray(), serializer, manifest);
        }
        catch (Exception e)
        {
            // A serializer may throw anything; one bad message must not end the connection.
            _remoting.Log.Error(
                e, "Message from [{0}] to [{1}] dropped: serializer {2} with manifest '{3}' cannot read its {4} bytes",
                _peer, recipient.Path, serializer, manifest, payload.Length);
            return;
        }
        if (recipient is IRemoteRef)
            _remoting.Log.Warning("Message of type {0} from [{1}] dropped: [{2}] is not of this system", message.GetType(), _peer, recipient);
        else
            recipient.Tell(message, sender);
    }

    private void TakeSystemMessage(HeaderReader header)
    {
        var kind = (WireSystemMessage)header.ReadVarint();
        var recipient = Resolve(header.ReadString());
        var other = Resolve(header.ReadString());
        if (recipient is IRemoteRef)
            return;
        recipient.SendSystemMessage(kind switch
        {
            WireSystemMessage.Watch => new Watch(recipient, other),
            WireSystemMessage.Unwatch => new Unwatch(recipient, other),
            WireSystemMessage.Stopped => new DeathWatchNotification(other, existenceConfirmed: true, addressTerminated: false),
            WireSystemMessage.Unknown => new DeathWatchNotification(other, existenceConfirmed: false, addressTerminated: false),
            _ => throw new RemoteTransportException($"unexpected death watch message {(int)kind} from {_peer}"),
        });
    }

    private IInternalActorRef Resolve(string path) => (IInternalActorRef)_remoting.Provider.ResolveActorRef(path);

    private void Oversize(long bytes) =>
        _remoting.Log.Error(
            "Discarding oversized payload received from [{0}]: max allowed size {1} bytes, actual size {2} bytes",
            _peer, _remoting.Settings.Tcp.MaximumFrameSize, bytes);

    /// <summary>A recipient seen before, with the actor its path led to.</summary>
    private sealed class Recipient(string path)
    {
        private IInternalActorRef? _actor;

        public IInternalActorRef Resolve(RemoteActorRefProvider provider)
        {
            // A path may lead to a new actor once the old one is gone; an actor that runs is still the right one.
            if (_actor is not LocalActorRef { IsTerminated: false })
                _actor = (IInternalActorRef)provider.ResolveActorRef(path);
            return _actor;
        }
    }
}

/// <summary>The death watch messages that travel.</summary>
internal enum WireSystemMessage
{
    /// <summary>The second reference wants to know when the first stops.</summary>
    Watch = 0,

    /// <summary>The second reference no longer wants to know.</summary>
    Unwatch = 1,

    /// <summary>To the first: the second has stopped.</summary>
    Stopped = 2,

    /// <summary>To the first: there is no such actor as the second.</summary>
    Unknown = 3,
}
