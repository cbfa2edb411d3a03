#nullable enable
using System.Buffers;
using System.IO.Pipelines;
using Akka.Actor;

namespace Akka.Remote;

/// <summary>A serialized message on its way to one remote system.</summary>
/// <param name="Kind"><see cref="FrameKind.Message"/> or <see cref="FrameKind.System"/>.</param>
/// <param name="Recipient">Whom it is for.</param>
/// <param name="Other">The sender; of a death watch message the second reference.</param>
/// <param name="Number">The serializer's identifier, or the kind of death watch message.</param>
/// <param name="Manifest">What the serializer needs to know besides the bytes; may be empty.</param>
/// <param name="Payload">The serialized message.</param>
/// <param name="Original">The message itself, for dead letters.</param>
internal readonly record struct OutboundMessage(
    FrameKind Kind, IActorRef Recipient, IActorRef? Other, int Number, string Manifest, byte[] Payload, object Original);

/// <summary>A list of messages that is filled while its twin is written.</summary>
internal sealed class MessageBatch
{
    private const int KeptCapacity = 1024;
    private OutboundMessage[] _messages = new OutboundMessage[16];
    public int Count { get; private set; }
    public long Bytes { get; private set; }
    public ReadOnlySpan<OutboundMessage> Messages => _messages.AsSpan(0, Count);
    public ref readonly OutboundMessage this[int index] => ref _messages[index];

    public void Add(in OutboundMessage message)
    {
        if (Count == _messages.Length)
            Array.Resize(ref _messages, Count * 2);
        _messages[Count++] = message;
        Bytes += message.Payload.Length;
    }

    public void Clear()
    {
        if (_messages.Length > KeptCapacity)
            _messages = new OutboundMessage[KeptCapacity];
        else
            _messages.AsSpan(0, Count).Clear();
        Count = 0;
        Bytes = 0;
    }
}

/// <summary>Encodes messages for one connection; knows which strings the receiver already holds.</summary>
internal sealed class MessageEncoder(PipeWriter output, Address local)
{
    private readonly SlotTable<IActorRef> _recipients = new(ReferenceEqualityComparer.Instance);
    private readonly SlotTable<IActorRef> _senders = new(ReferenceEqualityComparer.Instance);
    private readonly SlotTable<string> _manifests = new();

    /// <summary>Writes one message (the payload's only copy) into the pipe, behind definitions of what it refers to.</summary>
    public void Write(in OutboundMessage message)
    {
        if (message.Kind == FrameKind.System)
        {
            Frames.WriteControl(output, FrameKind.System, message.Number, PathOf(message.Recipient), PathOf(message.Other!));
            return;
        }
        int recipient = Reference(_recipients, FrameKind.DefineRecipient, message.Recipient, out string? recipientPath);
        string? senderPath = null;
        int sender = message.Other is null ? Frames.None : Reference(_senders, FrameKind.DefineSender, message.Other, out senderPath);
        int manifest = Manifest(message.Manifest);

        int bound = Frames.PrefixSize + 1 + 4 * 5;
        if (recipientPath is not null)
            bound += Frames.MaxSize(recipientPath);
        if (senderPath is not null)
            bound += Frames.MaxSize(senderPath);
        var span = output.GetSpan(bound);
        int n = Frames.PrefixSize;
        span[n++] = (byte)FrameKind.Message;
        n += Frames.WriteVarint(span[n..], recipient);
        if (recipientPath is not null)
            n += Frames.WriteString(span[n..], recipientPath);
        n += Frames.WriteVarint(span[n..], sender);
        if (senderPath is not null)
            n += Frames.WriteString(span[n..], senderPath);
        n += Frames.WriteVarint(span[n..], message.Number);
        n += Frames.WriteVarint(span[n..], manifest);
        Frames.WritePrefix(span, n - Frames.PrefixSize, message.Payload.Length);
        output.Advance(n);
        output.Write(message.Payload);
    }

    private int Reference(SlotTable<IActorRef> table, FrameKind define, IActorRef actor, out string? literal)
    {
        literal = null;
        if (table.TryGet(actor, out int slot))
            return slot + Frames.FirstSlot;
        string path = PathOf(actor);
        // The reference behind an Ask is used once; a slot for it would only drive others out.
        if (path.Contains("/temp/", StringComparison.Ordinal))
        {
            literal = path;
            return Frames.Literal;
        }
        slot = table.Add(actor);
        Frames.WriteControl(output, define, slot, path);
        return slot + Frames.FirstSlot;
    }

    private int Manifest(string manifest)
    {
        if (manifest.Length == 0)
            return Frames.None;
        if (!_manifests.TryGet(manifest, out int slot))
        {
            slot = _manifests.Add(manifest);
            Frames.WriteControl(output, FrameKind.DefineManifest, slot, manifest);
        }
        return slot + Frames.FirstSlot;
    }

    private string PathOf(IActorRef actor) => actor.Path.ToSerializationFormatWithAddress(local);
}
