using System.Collections.Immutable;
using Akka.Actor;
using Akka.Persistence.Serialization;

namespace Akka.Persistence;

/// <summary>The one implementation of <see cref="IPersistentRepresentation"/>.</summary>
public class Persistent : IPersistentRepresentation, IEquatable<IPersistentRepresentation>
{
    public Persistent(object payload, long sequenceNr = 0, string persistenceId = null, string manifest = null,
        bool isDeleted = false, IActorRef sender = null, string writerGuid = null, long timestamp = 0)
    {
        Payload = payload;
        SequenceNr = sequenceNr;
        PersistenceId = persistenceId ?? Undefined;
        Manifest = manifest ?? Undefined;
        IsDeleted = isDeleted;
        Sender = sender;
        WriterGuid = writerGuid ?? Undefined;
        Timestamp = timestamp;
    }

    /// <summary>Stands for an absent persistence id, manifest or writer.</summary>
    public static string Undefined { get; } = string.Empty;
    public object Payload { get; }
    public long SequenceNr { get; }
    public string PersistenceId { get; }
    public string Manifest { get; }
    public bool IsDeleted { get; }
    public IActorRef Sender { get; }
    public string WriterGuid { get; }
    public long Timestamp { get; }

    public IPersistentRepresentation WithPayload(object payload) =>
        new Persistent(payload, SequenceNr, PersistenceId, Manifest, IsDeleted, Sender, WriterGuid, Timestamp);

    public IPersistentRepresentation WithManifest(string manifest) => Manifest == manifest
        ? this
        : new Persistent(Payload, SequenceNr, PersistenceId, manifest, IsDeleted, Sender, WriterGuid, Timestamp);

    public IPersistentRepresentation WithTimestamp(long newTimestamp) => Timestamp == newTimestamp
        ? this
        : new Persistent(Payload, SequenceNr, PersistenceId, Manifest, IsDeleted, Sender, WriterGuid, newTimestamp);

    public IPersistentRepresentation Update(long sequenceNr, string persistenceId, bool isDeleted, IActorRef sender, string writerGuid) =>
        new Persistent(Payload, sequenceNr, persistenceId, Manifest, isDeleted, sender, writerGuid, Timestamp);

    public bool Equals(IPersistentRepresentation other) =>
        other is not null && SequenceNr == other.SequenceNr && PersistenceId == other.PersistenceId && Manifest == other.Manifest
        && IsDeleted == other.IsDeleted && WriterGuid == other.WriterGuid && Equals(Sender, other.Sender) && Equals(Payload, other.Payload);

    public override bool Equals(object obj) => Equals(obj as IPersistentRepresentation);

    public override int GetHashCode() => HashCode.Combine(PersistenceId, SequenceNr, WriterGuid);

    public override string ToString() =>
        $"Persistent<pid: {PersistenceId}, seqNr: {SequenceNr}, deleted: {IsDeleted}, manifest: {Manifest}, writerGuid: {WriterGuid}>";
}

/// <summary>Events of one persistence id that are stored all or none.</summary>
public sealed class AtomicWrite : IPersistentEnvelope, IMessage
{
    private readonly IPersistentRepresentation _only;
    private object _payload;

    /// <summary>Writes one event.</summary>
    public AtomicWrite(IPersistentRepresentation @event)
    {
        ArgumentNullException.ThrowIfNull(@event);
        _only = @event;
        Size = 1;
        PersistenceId = @event.PersistenceId;
        LowestSequenceNr = HighestSequenceNr = @event.SequenceNr;
    }

    /// <summary>Writes events in order of their sequence numbers.</summary>
    /// <exception cref="ArgumentException">There are none, or they belong to several persistence ids.</exception>
    public AtomicWrite(IImmutableList<IPersistentRepresentation> payload)
    {
        if (payload is null || payload.Count == 0)
            throw new ArgumentException("An atomic write must hold at least one event.", nameof(payload));
        PersistenceId = payload[0].PersistenceId;
        foreach (IPersistentRepresentation each in payload)
        {
            if (each.PersistenceId != PersistenceId)
                throw new ArgumentException($"An atomic write holds events of one persistence id, but this one has '{PersistenceId}' and '{each.PersistenceId}'.", nameof(payload));
        }
        _payload = payload;
        Size = payload.Count;
        LowestSequenceNr = payload[0].SequenceNr;
        HighestSequenceNr = payload[Size - 1].SequenceNr;
    }

    /// <summary>The events, an <see cref="IImmutableList{T}"/> of <see cref="IPersistentRepresentation"/>.</summary>
    public object Payload => _payload ??= ImmutableArray.Create(_only);

    public string PersistenceId { get; }
    public long LowestSequenceNr { get; }
    public long HighestSequenceNr { get; }
    public int Size { get; }

    public IActorRef Sender => ActorRefs.NoSender;

    /// <summary>The event at <paramref name="index"/>; spares the list of a write of one event.</summary>
    internal IPersistentRepresentation EventAt(int index) =>
        _only ?? ((IImmutableList<IPersistentRepresentation>)_payload)[index];

    public override string ToString() => $"AtomicWrite<pid: {PersistenceId}, seqNr: {LowestSequenceNr}-{HighestSequenceNr}>";
}

/// <summary>An event of DeferAsync: it takes its turn among the replies of the journal and is not stored.</summary>
internal sealed class NonPersistentMessage(object payload, IActorRef sender) : IPersistentEnvelope
{
    public object Payload { get; } = payload;
    public IActorRef Sender { get; } = sender;

    public int Size => 1;
}
