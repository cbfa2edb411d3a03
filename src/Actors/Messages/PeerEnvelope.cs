using ActorRepl.Protocols.Driver;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Actors.Messages;

/// <summary>
/// A message between two replicas of a shard. It is encoded once, straight into the frame, on whatever thread writes it;
/// what arrives holds the bytes.
/// </summary>
public sealed class PeerEnvelope
{
    private readonly PeerMessage? _message;
    private readonly ReadOnlyMemory<byte> _bytes;
    private volatile byte[]? _binary;

    public PeerEnvelope(string group, int shard, ReplicaId from, PeerChannel channel, PeerMessage message)
        : this(group, shard, from, channel) => _message = message;

    public PeerEnvelope(string group, int shard, ReplicaId from, PeerChannel channel, ReadOnlyMemory<byte> bytes)
        : this(group, shard, from, channel) => _bytes = bytes;

    private PeerEnvelope(string group, int shard, ReplicaId from, PeerChannel channel)
    {
        Group = group;
        Shard = shard;
        From = from;
        Channel = channel;
    }

    public string Group { get; }
    public int Shard { get; }
    public ReplicaId From { get; }
    public PeerChannel Channel { get; }

    /// <summary>The whole envelope as the serializer wrote it first: one that goes to several peers is written once.</summary>
    internal byte[]? Binary
    {
        get => _binary;
        set => _binary = value;
    }

    /// <summary>It carries this very message.</summary>
    internal bool Carries(PeerChannel channel, PeerMessage message) => Channel == channel && ReferenceEquals(_message, message);

    public int EncodedSize => _message?.EncodedSize ?? _bytes.Length;

    /// <summary>The encoded message; encodes it if it has not been on the wire.</summary>
    public ReadOnlyMemory<byte> Bytes => _message?.ToBytes() ?? _bytes;

    public void Encode(ref ByteWriter writer)
    {
        if (_message is not null)
            _message.Encode(ref writer);
        else
            writer.Raw(_bytes.Span);
    }
}
