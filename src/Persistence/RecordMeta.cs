using System.Text;
using ActorRepl.Protocols.Kernel;

namespace ActorRepl.Persistence;

/// <summary>
/// What Akka.Persistence wants to know of a row beside its payload.
/// <para>Layout, little-endian: version (1), timestamp (8), writer (4 + n), and for a serialized payload the serializer's
/// id (4), its manifest (4 + n) and the event's manifest (4 + n); texts are UTF-8 behind their length.</para>
/// </summary>
/// <param name="Timestamp">Of an event: as Akka gives it; of a snapshot: .NET ticks, UTC.</param>
/// <param name="Writer">The incarnation of the persistent actor that wrote it.</param>
/// <param name="Serializer">Serializer and manifests; null: the payload is the product's own bytes.</param>
internal sealed record RecordMeta(long Timestamp, string Writer, SerializedAs? Serializer)
{
    private const byte Version = 1;

    public byte[] Encode()
    {
        int size = 1 + sizeof(long) + Sized(Writer);
        if (Serializer is { } s)
            size += sizeof(int) + Sized(s.Manifest) + Sized(s.EventManifest);
        byte[] bytes = new byte[size];
        var writer = new ByteWriter(bytes);
        writer.Byte(Version);
        writer.Int64(Timestamp);
        writer.Text(Writer);
        if (Serializer is { } serializer)
        {
            writer.Int32(serializer.Id);
            writer.Text(serializer.Manifest);
            writer.Text(serializer.EventManifest);
        }

        return bytes;
    }

    /// <exception cref="InvalidDataException">The bytes are no meta data, or of another version.</exception>
    public static RecordMeta Decode(RecordKind kind, ReadOnlyMemory<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        byte version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"meta data has version {version}; this build reads {Version}");
        long timestamp = reader.Int64();
        string writer = reader.Text();
        SerializedAs? serializer = kind == RecordKind.Serialized
            ? new SerializedAs(reader.Int32(), reader.Text(), reader.Text())
            : null;
        reader.End();
        return new RecordMeta(timestamp, writer, serializer);
    }

    private static int Sized(string text) => sizeof(int) + Encoding.UTF8.GetByteCount(text);
}

/// <summary>How to read a payload that an Akka serializer wrote.</summary>
internal sealed record SerializedAs(int Id, string Manifest, string EventManifest);
