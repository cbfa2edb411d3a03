using ActorRepl.Protocols.Kernel;
using Akka.Actor;
using Akka.Serialization;

namespace ActorRepl.Persistence.Plugins;

/// <summary>Turns what an actor stores into a row and back: a replica's bytes as they are, anything else by its serializer.</summary>
internal sealed class StoredPayload(ExtendedActorSystem system)
{
    /// <exception cref="Exception">The serializer's own: it cannot write the payload.</exception>
    public RecordToStore ToRow(long seq, object payload, long timestamp, string? writer, string? eventManifest)
    {
        RecordKind kind = payload switch
        {
            WalPayload => RecordKind.WalRecord,
            CheckpointPayload => RecordKind.Manifest,
            SegmentPayload => RecordKind.Segment,
            _ => RecordKind.Serialized,
        };
        return kind != RecordKind.Serialized && payload is JournalPayload own
            ? new RecordToStore(seq, kind, new RecordMeta(timestamp, writer ?? "", null).Encode(), own.Bytes)
            : Serialized(seq, payload, timestamp, writer, eventManifest);
    }

    /// <summary>The payload of a whole row.</summary>
    /// <exception cref="InvalidDataException">This build does not know such a row.</exception>
    public object FromRow(StoredRecord row, RecordMeta meta) => row.Kind switch
    {
        RecordKind.WalRecord => new WalPayload(row.Payload),
        RecordKind.Manifest => new CheckpointPayload(row.Payload),
        RecordKind.Segment => new SegmentPayload(row.Payload),
        RecordKind.Serialized => system.Serialization.Deserialize(row.Payload, meta.Serializer!.Id, meta.Serializer.Manifest),
        _ => throw new InvalidDataException($"record {row.Seq} is of kind {(byte)row.Kind}, which this build does not know"),
    };

    private RecordToStore Serialized(long seq, object payload, long timestamp, string? writer, string? eventManifest)
    {
        Serializer serializer = system.Serialization.FindSerializerFor(payload);
        byte[] bytes = Serialization.WithTransport(system, (serializer, payload), state => state.serializer.ToBinary(state.payload));
        var how = new SerializedAs(serializer.Identifier, Serialization.ManifestFor(serializer, payload) ?? "", eventManifest ?? "");
        return new RecordToStore(seq, RecordKind.Serialized, new RecordMeta(timestamp, writer ?? "", how).Encode(), bytes);
    }
}
